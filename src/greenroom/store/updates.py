"""Queries on deliveries to the ATS of an order: its updates, one after the other, and their nudges."""

from __future__ import annotations

from greenroom.model.deliveries import State
from greenroom.store.db import Tx


async def end_nudges(tx: Tx, order_id: str) -> None:
    """Ends the nudges of an order whose result the ATS has requested; an attempt in flight is not cancelled."""
    await tx.run(
        "UPDATE deliveries SET state = 'delivered', updated_at = now_ms() "
        "WHERE order_id = $1 AND lane = 'ats' AND state = 'pending' AND told > 0 AND lease IS NULL",
        order_id,
    )


async def supersede(tx: Tx, order_id: str) -> set[State]:
    """
    Cancels an order's updates for its ATS that failed before and wait for a retry.

    Returns the states of the earlier updates that are left, which the ATS has to receive first: `pending` is not
    attempted yet or in flight, `held` waits for another one.
    """
    await tx.run(
        "UPDATE deliveries SET state = 'cancelled', updated_at = now_ms() WHERE order_id = $1 AND lane = 'ats' "
        "AND state = 'pending' AND lease IS NULL AND attempts > 0",
        order_id,
    )
    rows = await tx.all(
        "SELECT DISTINCT state FROM deliveries WHERE order_id = $1 AND lane = 'ats' AND state IN ('pending', 'held')",
        order_id,
    )
    return {row["state"] for row in rows}


async def release_next_update(tx: Tx, order_id: str) -> bool:
    """
    Makes the next held update of an order due, and cancels the one before it if that still waits for a retry.

    Returns whether there was one.
    """
    released = await tx.run(
        "UPDATE deliveries SET state = 'pending', due_at = now_ms(), updated_at = now_ms() WHERE id = "
        "(SELECT min(id) FROM deliveries WHERE order_id = $1 AND lane = 'ats' AND state = 'held')",
        order_id,
    )
    if released:
        await tx.run(
            "UPDATE deliveries SET state = 'cancelled', updated_at = now_ms() WHERE order_id = $1 AND lane = 'ats' "
            "AND state = 'pending' AND lease IS NULL AND attempts > 0",
            order_id,
        )
    return released > 0


async def has_newer_update(tx: Tx, order_id: str, delivery_id: str) -> bool:
    """Returns whether an order has a later update for its ATS than this one."""
    row = await tx.one(
        "SELECT 1 AS found FROM deliveries WHERE order_id = $1 AND lane = 'ats' AND id > $2 LIMIT 1",
        order_id,
        delivery_id,
    )
    return row is not None


async def cancel_updates(tx: Tx, order_id: str) -> None:
    """Cancels the waiting pushes to the ATS of an order; an attempt in flight is recorded and not repeated."""
    await tx.run(
        "UPDATE deliveries SET state = 'cancelled', lease = NULL, updated_at = now_ms() "
        "WHERE order_id = $1 AND lane = 'ats' AND state IN ('pending', 'held')",
        order_id,
    )
