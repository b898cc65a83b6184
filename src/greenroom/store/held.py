"""Queries on held deliveries, whose event waits until a webhook subscribes to it or is enabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from greenroom.store.db import Row, Tx, marks


async def cancel_held(tx: Tx, destination_id: str, *, before_ms: int, most: int) -> int:
    """Cancels up to `most` held deliveries to a destination, created before a time; returns their number."""
    return await tx.run(
        "UPDATE deliveries SET state = 'cancelled', updated_at = now_ms() WHERE id IN "
        "(SELECT id FROM deliveries WHERE destination_id = $1 AND state = 'held' AND created_at < $2 LIMIT $3)",
        destination_id,
        before_ms,
        most,
    )


async def list_held_for_project(tx: Tx, project_id: str, *, after: str, limit: int) -> Sequence[Row]:
    """Lists the next deliveries, by id, that are held for a project because no webhook takes their event."""
    return await tx.all(
        "SELECT id, event_name, account_id, created_at FROM deliveries "
        "WHERE destination_id = $1 AND state = 'held' AND id > $2 ORDER BY id LIMIT $3",
        project_id,
        after,
        limit,
    )


async def release(
    tx: Tx, project_id: str, webhook_id: str, taken: Sequence[tuple[str, str, Literal["pending", "cancelled"]]]
) -> Sequence[Row]:
    """
    Assigns deliveries that are held for a project to a webhook.

    Each entry of `taken` has the id, the event's name as the webhook spells it, and the new state. Returns `order_id`
    and `state` of the deliveries that were still held.
    """
    return await tx.run_rows(
        "UPDATE deliveries SET destination_id = given.webhook_id, event_name = given.event_name, state = given.state, "
        "due_at = now_ms(), updated_at = now_ms() FROM {given} WHERE deliveries.id = given.id "
        "AND deliveries.destination_id = given.project_id AND deliveries.state = 'held' "
        "RETURNING deliveries.order_id, deliveries.state",
        {"id": "TEXT", "event_name": "TEXT", "state": "TEXT", "project_id": "TEXT", "webhook_id": "TEXT"},
        [(*one, project_id, webhook_id) for one in taken],
    )


async def held(tx: Tx, destination_ids: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Returns, for each of these webhooks, the number of held deliveries and the oldest one's time in ms."""
    if not destination_ids:
        return {}
    rows = await tx.all(
        f"SELECT id, (SELECT count(*) FROM deliveries WHERE destination_id = webhooks.id AND state = 'held') AS n, "  # noqa: S608
        "(SELECT created_at FROM deliveries WHERE destination_id = webhooks.id AND state = 'held' ORDER BY id LIMIT 1) "
        f"AS oldest FROM webhooks WHERE id IN ({marks(destination_ids)})",
        *destination_ids,
    )
    return {row["id"]: (row["n"], row["oldest"]) for row in rows}
