"""Queries on orders that make no progress, for the doctor; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx

#: deliveries of an order that are examined
DELIVERIES = 200
#: open orders that are examined, newest first, and those that are listed
OPEN = 1000
LISTED = 20


async def list_undelivered(tx: Tx, project_id: str, order_id: str) -> Sequence[Row]:
    """Lists where deliveries of an order to webhooks wait or were given up, with the order's account and provider."""
    return await tx.all(
        "SELECT destination_id, orders.account_id, orders.provider FROM orders "  # noqa: S608
        "JOIN deliveries ON deliveries.order_id = orders.id AND deliveries.lane = 'vendor' "
        "AND deliveries.state IN ('pending', 'held', 'dead') WHERE orders.project_id = $1 AND orders.id = $2 "
        f"LIMIT {DELIVERIES}",
        project_id,
        order_id,
    )


async def list_stuck(tx: Tx, project_id: str, *, before_id: str, after_ms: int) -> Sequence[Row]:
    """
    Lists the newest open orders whose event was delivered, and that did not change, `after_ms` ago or earlier.

    `before_id` is an id after that of every order placed by then. `notified_at` is when the event was delivered.
    """
    return await tx.all(
        "SELECT * FROM (SELECT id, account_id, package_name, status, created_at, updated_at, "  # noqa: S608
        "(SELECT max(deliveries.updated_at) FROM deliveries WHERE order_id = opened.id AND lane = 'vendor' "
        "AND state = 'delivered') AS notified_at FROM (SELECT * FROM orders WHERE project_id = $1 "
        "AND status IN ('received', 'accepted', 'invited', 'in_progress') AND id < $2 ORDER BY id DESC "
        f"LIMIT {OPEN}) AS opened WHERE expunged_at IS NULL AND updated_at < now_ms() - CAST($3 AS BIGINT)) AS unmoved "
        f"WHERE notified_at < now_ms() - CAST($3 AS BIGINT) ORDER BY id DESC LIMIT {LISTED}",
        project_id,
        before_id,
        after_ms,
    )
