"""Queries on the state of a project's webhooks, for the doctor; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks

#: deliveries of one state that are counted
MOST = 1000
#: accounts that no webhook takes, at most
ACCOUNTS = 20
#: changes of webhooks that are searched for who switched them off
CHANGES = 200


async def count_waiting(tx: Tx, destination_ids: Sequence[str]) -> Sequence[Row]:
    """
    Counts the deliveries of destinations that are pending, held or dead, up to `MOST` of each state.

    Each row has `destination_id`, `state`, the count `n`, and when the oldest was created and due.
    """
    if not destination_ids:
        return []
    one = (
        "SELECT '{0}' AS state, webhooks.id AS destination_id, (SELECT count(*) FROM (SELECT 1 FROM deliveries "
        "WHERE destination_id = webhooks.id AND state = '{0}' LIMIT {1}) AS counted) AS n, "
        "(SELECT min(created_at) FROM (SELECT created_at FROM deliveries WHERE destination_id = webhooks.id "
        "AND state = '{0}' ORDER BY id LIMIT 1) AS oldest) AS oldest, "
        "(SELECT min(due_at) FROM (SELECT due_at FROM deliveries WHERE destination_id = webhooks.id "
        "AND state = '{0}' AND lease IS NULL ORDER BY id LIMIT {1}) AS due) AS due_at, now_ms() AS now "
        "FROM given AS webhooks"
    )
    given = f"WITH given(id) AS (VALUES {', '.join(f'(CAST(${n + 1} AS TEXT))' for n in range(len(destination_ids)))}) "
    states = " UNION ALL ".join(one.format(state, MOST) for state in ("pending", "held", "dead"))
    return [row for row in await tx.all(given + states, *destination_ids) if row["n"]]


async def list_secrets(tx: Tx, webhook_ids: Sequence[str]) -> Sequence[Row]:
    """Lists when the newest signing secret of each webhook was made, if it replaced another one."""
    if not webhook_ids:
        return []
    return await tx.all(
        "SELECT webhook_id, max(created_at) AS rotated_at FROM webhook_secrets "  # noqa: S608
        f"WHERE webhook_id IN ({marks(webhook_ids)}) GROUP BY webhook_id HAVING count(*) > 1",
        *webhook_ids,
    )


async def list_answers(tx: Tx, project_id: str, delivery_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the answer to the latest attempt of each of these deliveries, and how long the attempt took."""
    if not delivery_ids:
        return []
    return await tx.all(
        "SELECT delivery_id, response, duration_ms FROM attempts AS latest WHERE project_id = $1 AND delivery_id IN "  # noqa: S608
        f"({', '.join(f'${n + 2}' for n in range(len(delivery_ids)))}) AND number = (SELECT max(number) FROM attempts "
        "WHERE attempts.delivery_id = latest.delivery_id)",
        project_id,
        *delivery_ids,
    )


async def list_tests(tx: Tx, project_id: str, webhook_ids: Sequence[str], kind: str) -> Sequence[Row]:
    """Lists the outcome of the latest test event of each webhook."""
    if not webhook_ids:
        return []
    return await tx.all(
        "SELECT subject, detail FROM check_observations WHERE project_id = $1 AND kind = $2 "  # noqa: S608
        f"AND subject IN ({marks(webhook_ids, 3)})",
        project_id,
        kind,
        *webhook_ids,
    )


async def list_changes(tx: Tx, project_id: str, webhook_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the newest changes of these webhooks with their actors, the newest first; `CHANGES` at the most."""
    if not webhook_ids:
        return []
    return await tx.all(
        "SELECT object_id, action, actor_kind, actor_name, detail, at FROM audit_log "  # noqa: S608
        f"WHERE project_id = $1 AND object_id IN ({marks(webhook_ids, 2)}) "
        f"AND action IN ('webhook.changed', 'webhook.created') ORDER BY id DESC LIMIT {CHANGES}",
        project_id,
        *webhook_ids,
    )


async def list_other_accounts(tx: Tx, project_id: str, provider: str, account_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the newest linked accounts of a provider besides these."""
    return await tx.all(
        "SELECT id, origin_owner_name FROM accounts WHERE project_id = $1 AND provider = $2 "  # noqa: S608
        f"AND deleted_at IS NULL AND id NOT IN ({', '.join(f'${n + 3}' for n in range(len(account_ids)))}) "
        f"ORDER BY id DESC LIMIT {ACCOUNTS}",
        project_id,
        provider,
        *account_ids,
    )
