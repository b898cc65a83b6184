"""Facts about orders that make no progress, for the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.security.tokens import first_id
from greenroom.store import order_facts as fact_rows
from greenroom.store.db import Tx, from_ms, now_ms


@dataclass(frozen=True)
class Unmoved:
    """An open order whose event was delivered at `notified_at`, with nothing since `changed_at`."""

    id: str
    account_id: str
    package_name: str | None
    status: str
    notified_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class OrderArea:
    """The newest orders of a project that made no progress for `after_hours`."""

    unmoved: Sequence[Unmoved]
    after_hours: float
    now: datetime


@snapshot
async def find_waiting_for(_: Context, tx: Tx, project_id: str, order_id: str) -> set[str]:
    """
    Returns the ids of what an order waits for on its way to the vendor; empty once it was delivered.

    They are those of webhooks; while no webhook takes its event, of its account, and its provider.
    """
    found: set[str] = set()
    for row in await fact_rows.list_undelivered(tx, project_id, order_id):
        is_held = row["destination_id"] == project_id
        found |= {row["account_id"], row["provider"]} if is_held else {row["destination_id"]}
    return found


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> OrderArea:
    """Returns the facts of a project."""
    after = timedelta(hours=ctx.settings.stuck_after_hours)
    now = from_ms(await now_ms(tx))
    rows = await fact_rows.list_stuck(
        tx, project_id, before_id=first_id("ord", now - after), after_ms=round(after.total_seconds() * 1000)
    )
    unmoved = [
        Unmoved(
            row["id"],
            row["account_id"],
            row["package_name"],
            row["status"],
            from_ms(row["notified_at"]),
            from_ms(row["updated_at"]),
        )
        for row in rows
    ]
    return OrderArea(unmoved, ctx.settings.stuck_after_hours, now)
