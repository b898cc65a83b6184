"""Queries on the facts of the set-up checks; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx

#: latest orders that the checks look at
ORDERS = 200
#: accounts whose calls and lists the checks look at, newest first
ACCOUNTS = 1000
#: webhooks that the checks look at
WEBHOOKS = 100

_ACCOUNTS = (
    "(SELECT id, origin_owner_name FROM accounts WHERE project_id = $1 AND provider = $2 "  # noqa: S608
    f"AND deleted_at IS NULL ORDER BY id DESC LIMIT {ACCOUNTS}) AS accounts"
)


async def observe(tx: Tx, project_id: str, subject: str, kind: str, detail: str) -> None:
    """Replaces the latest observation of a kind."""
    await tx.run(
        "INSERT INTO check_observations (project_id, subject, kind, detail, at) VALUES ($1, $2, $3, $4, now_ms()) "
        "ON CONFLICT (project_id, subject, kind) DO UPDATE SET detail = excluded.detail, at = excluded.at",
        project_id,
        subject,
        kind,
        detail,
    )


async def delete(tx: Tx, project_id: str, subject: str, kind: str) -> None:
    """Deletes the observation of a kind."""
    await tx.run(
        "DELETE FROM check_observations WHERE project_id = $1 AND subject = $2 AND kind = $3", project_id, subject, kind
    )


async def list_observations(tx: Tx, project_id: str, provider: str) -> Sequence[Row]:
    """
    Lists the latest observations of a project, with counts in the same form.

    Kind `published`: the published packages of the category `subject`, in `at`. Kind `accounts`: the linked
    accounts of the provider `subject`. Kind `seen`: the accounts whose ATS has called. Kind `newest`: the newest
    account as subject, its customer and its time.
    """
    mine = "project_id = $1 AND provider = $2 AND deleted_at IS NULL"
    return await tx.all(
        "SELECT subject, kind, detail, at FROM check_observations WHERE project_id = $1 "  # noqa: S608
        "UNION ALL SELECT category, 'published', '', count(*) FROM packages WHERE project_id = $1 GROUP BY category "
        "UNION ALL SELECT provider, 'accounts', '', count(*) FROM accounts WHERE project_id = $1 "
        "AND deleted_at IS NULL GROUP BY provider "
        "UNION ALL SELECT '', 'seen', '', count(DISTINCT account_id) FROM trigger_calls JOIN accounts "
        f"ON accounts.id = account_id WHERE {mine} AND trigger_calls.status < 400 "
        "UNION ALL SELECT * FROM (SELECT id, 'newest' AS kind, origin_owner_name, created_at FROM accounts "
        f"WHERE {mine} ORDER BY id DESC LIMIT 1) AS newest",
        project_id,
        provider,
    )


async def list_calls(tx: Tx, project_id: str, provider: str) -> Sequence[Row]:
    """Lists the latest accepted and the latest refused request of each kind, of the newest accounts."""
    return await tx.all(
        "SELECT * FROM (SELECT call, called_at, status, account_id, origin_owner_name, row_number() OVER "  # noqa: S608
        "(PARTITION BY call, CASE WHEN status < 400 THEN 0 ELSE 1 END ORDER BY called_at DESC) AS place "
        f"FROM trigger_calls JOIN {_ACCOUNTS} ON accounts.id = account_id) AS calls WHERE place = 1",
        project_id,
        provider,
    )


async def find_latest_list(tx: Tx, project_id: str, provider: str, packages_url: str) -> Row | None:
    """Returns the latest stored answer of a list endpoint for a recruiter, of the newest accounts."""
    return await tx.one(
        "SELECT packages, fetched_at, problem, problem_at, origin_owner_name FROM package_lists "  # noqa: S608
        f"JOIN {_ACCOUNTS} ON accounts.id = account_id WHERE packages_url = $3 "
        "ORDER BY CASE WHEN problem_at > fetched_at THEN problem_at ELSE fetched_at END DESC LIMIT 1",
        project_id,
        provider,
        packages_url,
    )


async def list_webhooks(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists webhooks, oldest first, each with its latest delivery of state delivered and its latest error."""
    last = "SELECT {column} FROM deliveries WHERE destination_id = webhooks.id AND state = '{state}' "
    last += "ORDER BY id DESC LIMIT 1"
    delivered = last.format(column="updated_at", state="delivered")
    dead = last.format(column="{column}", state="dead")
    return await tx.all(
        "SELECT id, name, events, enabled, disabled_reason, "  # noqa: S608
        f"({delivered}) AS delivered_at, ({dead.format(column='updated_at')}) AS failed_at, "
        f"({dead.format(column='last_error')}) AS last_error, "
        "(SELECT last_error FROM breakers WHERE destination_id = webhooks.id) AS breaker_error "
        f"FROM webhooks WHERE project_id = $1 ORDER BY id LIMIT {WEBHOOKS}",
        project_id,
    )


async def list_orders(tx: Tx, project_id: str, provider: str) -> Sequence[Row]:
    """Lists the latest orders of the ATS, newest first, each with the time when the vendor took its event."""
    return await tx.all(
        "SELECT recent.*, (SELECT max(deliveries.updated_at) FROM deliveries WHERE order_id = recent.id "  # noqa: S608
        "AND lane = 'vendor' AND state = 'delivered') AS notified_at FROM (SELECT id, provider, source, delivery, "
        "delivery_detail, result_at, acknowledged_at, created_at, updated_at FROM orders WHERE project_id = $1 "
        f"ORDER BY id DESC LIMIT {ORDERS}) AS recent WHERE provider = $2 AND source = 'ats' ORDER BY id DESC",
        project_id,
        provider,
    )
