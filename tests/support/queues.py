"""Queues of deliveries, created directly in the store."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime

from greenroom.context import Context
from greenroom.model.deliveries import Lane, Queue
from greenroom.security.tokens import new_id
from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store import events as event_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx

PROJECT = "prj_1"


def context(store: Store) -> Context:
    """Returns a context on the store of a test."""
    return Context(
        settings=Settings(),
        store=store,
        vault=Vault((bytes(32),)),
        pepper=bytes(32),
        now=lambda: datetime.now(UTC),
        new_id=new_id,
        chance=random.random,
    )


async def queue(
    store: Store,
    due: Mapping[str, int],
    *,
    waits_in: Queue = "first",
    wait_ms: int = 0,
    lane: Lane = "vendor",
    event_id: str | None = None,
) -> list[str]:
    """
    Adds so many deliveries of one event for each destination, due after `wait_ms`.

    Returns their ids.
    """
    rows = [(new_id("dlv"), destination) for destination, count in due.items() for _ in range(count)]
    event_id = event_id or new_id("evt")

    async def work(tx: Tx) -> None:
        await project_rows.ensure(tx, PROJECT, "p")
        await event_rows.add(tx, event_id, project_id=PROJECT, event_type="x", payload='{"a":1}')
        await tx.many(
            "INSERT INTO deliveries (id, project_id, event_id, lane, destination_id, event_name, trigger, state, queue, "
            "attempts, due_at, created_at, updated_at) VALUES ($1, $2, $3, $7, $4, 'x', 'auto', 'pending', $5, 0, "
            "now_ms() + $6, now_ms(), now_ms())",
            [
                (delivery_id, PROJECT, event_id, destination, waits_in, wait_ms, lane)
                for delivery_id, destination in rows
            ],
        )

    await store.write(work)
    return [delivery_id for delivery_id, _ in rows]
