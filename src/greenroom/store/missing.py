"""Queries on events that a webhook takes but has no delivery of, such as those before its subscription."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from greenroom.model.events import OPERATIONAL_EVENTS, is_about
from greenroom.model.webhooks import Webhook
from greenroom.security.tokens import first_id
from greenroom.store import events as event_rows
from greenroom.store import orders
from greenroom.store.db import ColumnType, Row, Tx, from_ms, marks, to_ms

#: events examined in one transaction, which takes some milliseconds
LOOKED_AT = 1000
#: largest difference, in ms, between the database's clock and the clock that an event's id was made with
SKEW_MS = 3_600_000
#: range of the times that an id can have, in ms since 1970
FIRST_MS, LAST_MS = 0, to_ms(datetime(9999, 1, 1, tzinfo=UTC))

_NEW: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "project_id": "TEXT",
    "event_id": "TEXT",
    "order_id": "TEXT",
    "account_id": "TEXT",
    "destination_id": "TEXT",
    "event_name": "TEXT",
    "replay_id": "TEXT",
    "created_at": "BIGINT",
}
_ADD = (
    f"INSERT INTO deliveries ({', '.join(_NEW)}, lane, trigger, state, queue, attempts, due_at, updated_at) "  # noqa: S608
    f"SELECT {', '.join(_NEW)}, 'vendor', 'replay', 'pending', 'replay', 0, now_ms(), now_ms() FROM {{given}} "
    "WHERE true RETURNING id"
)


@dataclass(frozen=True)
class Batch:
    """Events `found` among `looked_at` examined ones; the next batch begins after id `last`, None for the end."""

    found: list[Row]
    looked_at: int
    last: str | None


async def find(tx: Tx, webhook: Webhook, *, after: str, since: int, until: int, limit: int) -> Batch:
    """
    Finds the next events, by id, that a webhook takes but has no delivery of.

    `since` (inclusive) and `until` (exclusive) are times of acceptance in ms since 1970. Events held for the project
    are left out, because they are released to a webhook that takes them.
    """
    rows = await tx.all(
        "SELECT id, type, account_id, order_id, created_at, "  # noqa: S608
        f"CASE WHEN type IN ({marks(OPERATIONAL_EVENTS, 8)}) THEN payload END AS payload, "
        "(project_id = $3 AND created_at >= $4 AND created_at < $5 AND NOT EXISTS (SELECT 1 FROM deliveries "
        "WHERE event_id = events.id AND (destination_id = $6 OR destination_id = $3)) AND (SELECT "
        "expunged_at FROM orders WHERE orders.id = events.order_id) IS NULL AND payload <> '{}') AS missing "
        "FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $7",
        after or _first_id(since - SKEW_MS),
        _first_id(until + SKEW_MS),
        webhook.project_id,
        since,
        until,
        webhook.id,
        LOOKED_AT,
        *OPERATIONAL_EVENTS,
    )
    found: list[Row] = []
    for looked_at, row in enumerate(rows, start=1):
        if row["missing"] and _is_taken(webhook, row):
            found.append(row)
        if len(found) == limit:
            return Batch(found, looked_at, row["id"])
    return Batch(found, len(rows), rows[-1]["id"] if len(rows) == LOOKED_AT else None)


async def count(tx: Tx, webhook: Webhook, *, since: int, until: int) -> int:
    """Counts all events that `find` would find."""
    counted, after = 0, ""
    while True:
        batch = await find(tx, webhook, after=after, since=since, until=until, limit=LOOKED_AT)
        counted += len(batch.found)
        if batch.last is None:
            return counted
        after = batch.last


async def add_deliveries(
    tx: Tx, webhook: Webhook, events: Sequence[Row], *, replay_id: str, new_id: Callable[[str], str]
) -> int:
    """Adds deliveries of these events, except erased ones and those of erased orders; returns their number."""
    order_ids = {event["order_id"] for event in events if event["order_id"] is not None}
    erased = {row["id"] for row in await orders.share(tx, order_ids) if row["expunged_at"] is not None}
    gone = await event_rows.erased(tx, [event["id"] for event in events]) if events else set()
    rows = [
        (
            new_id("dlv"),
            webhook.project_id,
            event["id"],
            event["order_id"],
            event["account_id"],
            webhook.id,
            webhook.takes(event["type"], event["account_id"]),
            replay_id,
            event["created_at"],
        )
        for event in events
        if event["order_id"] not in erased and event["id"] not in gone
    ]
    return len(await tx.run_rows(_ADD, _NEW, rows))


def _first_id(ms: int) -> str:
    return first_id("evt", from_ms(min(max(ms, FIRST_MS), LAST_MS)))


def _is_taken(webhook: Webhook, event: Row) -> bool:
    if event["payload"] is not None and is_about(event["payload"], webhook.id):
        return False
    return webhook.takes(event["type"], event["account_id"]) is not None
