"""Queries on results on their way to an ATS, for the doctor; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks

#: orders of each kind that are examined, newest first
MOST = 50
#: accounts whose breaker has a row that are examined, newest first
FAILING = 20
#: newest orders and newest results among which those of a kind without an index are looked for
NEWEST = 200


async def find_candidates(tx: Tx, project_id: str) -> list[str]:
    """
    Lists orders whose result may not have reached the ATS.

    They are: those that the ATS refused; those that wait while the latest attempt at their account has failed; the
    newest results that the ATS has not read; the newest orders whose callback URL will not be called.
    """
    rows = await tx.all(
        "SELECT * FROM (SELECT id FROM orders WHERE project_id = $1 AND delivery = 'refused' ORDER BY id DESC "
        "LIMIT $2) AS refused "
        "UNION SELECT * FROM (SELECT id FROM (SELECT id, delivery FROM orders WHERE project_id = $1 "
        "AND result_at IS NOT NULL ORDER BY result_at DESC LIMIT $3) AS resulted "
        "WHERE delivery IN ('pending', 'sent') LIMIT $2) AS unread "
        "UNION SELECT * FROM (SELECT id FROM (SELECT id, callback_problem, acknowledged_at FROM orders "
        "WHERE project_id = $1 ORDER BY id DESC LIMIT $3) AS placed "
        "WHERE callback_problem IS NOT NULL AND acknowledged_at IS NULL LIMIT $2) AS uncalled",
        project_id,
        MOST,
        NEWEST,
    )
    return list({row["id"]: None for row in (*rows, *await _list_waiting(tx, project_id))})


async def _list_waiting(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists orders that wait for accounts whose breaker has a row; one search of an index for each account."""
    failing = await tx.all(
        "SELECT destination_id FROM breakers JOIN accounts ON accounts.id = destination_id "
        "WHERE accounts.project_id = $1 ORDER BY destination_id DESC LIMIT $2",
        project_id,
        FAILING,
    )
    # an IN list would be sorted by id, for which both databases may read all deliveries
    of_one = (
        "SELECT * FROM (SELECT order_id AS id FROM (SELECT order_id, attempts FROM deliveries "  # noqa: S608
        f"WHERE destination_id = ${{}} AND state = 'pending' ORDER BY id DESC LIMIT {NEWEST}) AS newest "
        f"WHERE attempts > 0 LIMIT {MOST}) AS waiting"
    )
    arms = " UNION ALL ".join(of_one.format(number + 1) for number in range(len(failing)))
    return await tx.all(arms, *(row["destination_id"] for row in failing)) if failing else []


async def list_pushes(tx: Tx, project_id: str, order_ids: Sequence[str]) -> Sequence[Row]:
    """
    Lists the newest delivery of each order to its ATS, with its latest attempt: `status`, `error_kind`, `started_at`.

    `waited_ms` is the time since it changed, `open_until` when the pause of its account ends.
    """
    if not order_ids:
        return []
    return await tx.all(
        "SELECT pushes.order_id, pushes.id, pushes.state, pushes.told, pushes.due_at, pushes.lease, pushes.last_error, "  # noqa: S608
        "pushes.attempts, pushes.attempts_before, pushes.updated_at, now_ms() - pushes.updated_at AS waited_ms, "
        "latest.status, latest.error_kind, latest.started_at, now_ms() - latest.started_at AS age_ms, "
        "(SELECT open_until FROM breakers WHERE destination_id = pushes.destination_id AND open_until > now_ms()) "
        "AS open_until FROM deliveries AS pushes LEFT JOIN attempts AS latest ON latest.delivery_id = pushes.id "
        "AND latest.number = (SELECT max(number) FROM attempts WHERE attempts.delivery_id = pushes.id) "
        f"WHERE pushes.project_id = $1 AND pushes.lane = 'ats' AND pushes.order_id IN ({marks(order_ids, 2)}) "
        "ORDER BY pushes.id",
        project_id,
        *order_ids,
    )


async def list_calls(tx: Tx, account_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the latest answered calls of the ATSs of these accounts."""
    if not account_ids:
        return []
    return await tx.all(
        "SELECT account_id, call, called_at FROM trigger_calls WHERE status < 400 "  # noqa: S608
        f"AND account_id IN ({marks(account_ids)})",
        *account_ids,
    )
