"""Figures of deliveries over all workers, for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from greenroom.context import Context, snapshot
from greenroom.model.breakers import FULL_LIMIT
from greenroom.model.deliveries import SHARES, Queue
from greenroom.store import deliveries as delivery_rows
from greenroom.store import overview as overview_rows
from greenroom.store.db import Tx


@dataclass(frozen=True)
class Overview:
    """
    Figures of all workers' deliveries.

    `oldest_due_s` has how long the oldest due delivery of each queue has waited, in seconds; 0 if none is due. `held`
    is the number of order events held because no webhook subscribes to them, and the age of the oldest in seconds.
    """

    oldest_due_s: Mapping[Queue, float]
    in_flight: int
    stuck: Mapping[str, int]
    held: tuple[int, float]
    breakers: Mapping[str, int]


@snapshot
async def queue_full_projects(_: Context, tx: Tx, *, limit: int) -> frozenset[str]:
    """
    Returns the projects that have reached `limit`.

    A project has reached it when so many deliveries wait or are held for one of its webhooks, or are held for the
    project because no webhook subscribes to them.
    """
    return await overview_rows.queue_full_projects(tx, limit=limit)


@snapshot
async def overview(_: Context, tx: Tx) -> Overview:
    """Returns the current figures."""
    waits = await delivery_rows.next_due_ms(tx)
    return Overview(
        oldest_due_s={queue: max(0.0, -waits.get(queue, 0) / 1000) for queue in SHARES},
        in_flight=await overview_rows.leased(tx),
        stuck=await overview_rows.stuck(tx),
        held=await overview_rows.held_for_projects(tx),
        breakers=await overview_rows.breakers(tx, full_limit=FULL_LIMIT),
    )
