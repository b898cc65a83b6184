"""An order's timeline: its log, and every attempt to deliver its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.errors import BadRequest, NotFound
from greenroom.model.events import stamp
from greenroom.services import attempts
from greenroom.store import orders as order_rows
from greenroom.store import timelines as timeline_rows
from greenroom.store.db import Row, Tx, from_json, from_ms


@dataclass(frozen=True)
class TimelineEntry:
    """
    A timeline entry.

    `kind` is a stable word, `message` a sentence for a person. `position` is the cursor for the entries that follow.
    `delivery_id` is the delivery of an attempt.
    """

    at: datetime
    kind: str
    message: str
    detail: dict[str, Any]
    position: str
    delivery_id: str | None = None


@snapshot
async def list_entries(
    _: Context, tx: Tx, project_id: str, order_id: str, *, after: str | None = None, limit: int
) -> list[TimelineEntry]:
    """
    Lists the timeline of an order, oldest first, starting after a `position`.

    Raises:
        NotFound: the order is not the project's.
        BadRequest: `after` is not a position of a timeline.
    """
    if await order_rows.find(tx, project_id, order_id) is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    return await read_entries(tx, project_id, order_id, after=after, limit=limit)


async def read_entries(tx: Tx, project_id: str, order_id: str, *, after: str | None, limit: int) -> list[TimelineEntry]:
    """Returns entries as `list_entries` does, inside another service's snapshot."""
    rows = await timeline_rows.list_entries(tx, project_id, order_id, after=_key(after), limit=limit)
    ids = [row["id"] for row in rows if timeline_rows.is_attempt(row["id"])]
    recorded = await timeline_rows.read_attempts(tx, ids)
    return [_entry(row["at"], recorded.get(row["id"], row)) for row in rows]


def _key(position: str | None) -> tuple[int, str]:
    at, _, entry_id = (position or "0_").partition("_")
    if not (at.isascii() and at.isdigit() and len(at) < 16 and entry_id.isascii() and entry_id.isprintable()):
        raise BadRequest("next: not a cursor of ours; use the `next` of the page before.", errors=["next: unknown"])
    return int(at), entry_id


def _entry(at: int, row: Row) -> TimelineEntry:
    position = f"{at}_{row['id']}"
    if not timeline_rows.is_attempt(row["id"]):
        return TimelineEntry(from_ms(at), row["kind"], row["message"], from_json(row["detail"]), position)
    attempt = attempts.read(row)
    whom = "the ATS" if row["lane"] == "ats" else f"webhook {row['destination_id']}"
    ended = f"answered {attempt.status}" if attempt.status else (attempt.error or attempt.error_kind or "no answer")
    again = f"; next attempt at {stamp(attempt.next_due_at)}" if attempt.next_due_at else ""
    message = f"Attempt {attempt.number} at {whom}: {ended.removesuffix('.')}{again}."
    return TimelineEntry(attempt.started_at, "attempt", message, attempts.show(attempt), position, row["delivery_id"])
