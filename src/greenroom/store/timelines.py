"""An order's log and the attempts of its deliveries, in one order."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks


def is_attempt(entry_id: str) -> bool:
    """Whether an entry is an attempt; otherwise it is in the order's log."""
    return entry_id.startswith("att_")


async def list_keys(tx: Tx, project_id: str, order_id: str, *, after: tuple[int, str], limit: int) -> Sequence[Row]:
    """
    Lists time and id of an order's entries, oldest first, starting after a time and id.

    Within a millisecond the log comes before the attempts. `read` gives the entries themselves: an attempt may have a
    hundred KiB, and the database would sort them all.
    """
    at, entry_id = after
    return await tx.all(
        "SELECT at, id FROM ("
        "SELECT at, 0 AS is_attempt, id FROM order_log WHERE order_id = $1 "
        "UNION ALL SELECT attempts.started_at, 1, attempts.id FROM deliveries "
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


async def read(tx: Tx, entry_ids: Sequence[str]) -> dict[str, Row]:
    """Reads entries by id: rows of the log, and attempts with the `lane` and `destination_id` of their delivery."""
    logged = [entry_id for entry_id in entry_ids if not is_attempt(entry_id)]
    attempts = [entry_id for entry_id in entry_ids if is_attempt(entry_id)]
    rows: list[Row] = []
    if logged:
        rows += await tx.all(f"SELECT * FROM order_log WHERE id IN ({marks(logged)})", *logged)  # noqa: S608
    if attempts:
        rows += await tx.all(
            "SELECT attempts.*, deliveries.lane, deliveries.destination_id FROM attempts "  # noqa: S608
            f"JOIN deliveries ON deliveries.id = attempts.delivery_id WHERE attempts.id IN ({marks(attempts)})",
            *attempts,
        )
    return {row["id"]: row for row in rows}
