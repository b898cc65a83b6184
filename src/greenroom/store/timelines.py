"""An order's log and the attempts of its deliveries, in one order."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks


def is_attempt(entry_id: str) -> bool:
    """Whether an entry is an attempt; otherwise it is in the order's log."""
    return entry_id.startswith("att_")


async def list_entries(tx: Tx, project_id: str, order_id: str, *, after: tuple[int, str], limit: int) -> Sequence[Row]:
    """
    Lists an order's entries, oldest first, starting after a time and id; of attempts only `at` and `id`.

    Within a millisecond the log comes before the attempts. `read_attempts` gives the attempts themselves: one may have
    a hundred KiB, and the database would sort them all.
    """
    at, entry_id = after
    return await tx.all(
        "SELECT at, id, kind, message, detail FROM ("
        "SELECT at, 0 AS is_attempt, id, kind, message, detail FROM order_log WHERE order_id = $1 "
        "UNION ALL SELECT attempts.started_at, 1, attempts.id, NULL, NULL, NULL FROM deliveries "
        "JOIN attempts ON attempts.delivery_id = deliveries.id "
        "WHERE deliveries.order_id = $1 AND deliveries.project_id = $2) AS entries "
        "WHERE (at, is_attempt, id) > ($3, $4, $5) ORDER BY at, is_attempt, id LIMIT $6",
        order_id,
        project_id,
        at,
        int(is_attempt(entry_id)),
        entry_id,
        limit,
    )


async def read_attempts(tx: Tx, attempt_ids: Sequence[str]) -> dict[str, Row]:
    """Returns attempts by id, with the `lane` and `destination_id` of their delivery."""
    if not attempt_ids:
        return {}
    rows = await tx.all(
        "SELECT attempts.*, deliveries.lane, deliveries.destination_id FROM attempts "  # noqa: S608
        f"JOIN deliveries ON deliveries.id = attempts.delivery_id WHERE attempts.id IN ({marks(attempt_ids)})",
        *attempt_ids,
    )
    return {row["id"]: row for row in rows}
