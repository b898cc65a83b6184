"""Queries on deliveries and their attempts; claims and leases are in `store.claims`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from greenroom.model.attempts import INTERRUPTED
from greenroom.model.deliveries import SHARES, Lane, Queue, State, Trigger
from greenroom.store.db import ColumnType, Row, Tx, marks

#: columns of a new delivery whose values the caller gives
_NEW: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "project_id": "TEXT",
    "event_id": "TEXT",
    "order_id": "TEXT",
    "account_id": "TEXT",
    "lane": "TEXT",
    "destination_id": "TEXT",
    "event_name": "TEXT",
    "trigger": "TEXT",
    "state": "TEXT",
    "lease": "TEXT",
    "attempts": "BIGINT",
}
_GIVEN: Mapping[str, ColumnType] = {**_NEW, "wait_ms": "BIGINT"}
_ADD = (
    f"INSERT INTO deliveries ({', '.join(_NEW)}, queue, due_at, created_at, updated_at) "  # noqa: S608
    f"SELECT {', '.join(_NEW)}, 'first', now_ms() + given.wait_ms, now_ms(), now_ms() FROM {{given}}"
)


#: a limit that is never reached
ALL = 2**62
#: the answer to the latest attempt at a delivery
LAST_STATUS = (
    "(SELECT status FROM attempts WHERE delivery_id = deliveries.id ORDER BY number DESC LIMIT 1) AS last_status"
)


async def add(
    tx: Tx,
    delivery_id: str,
    *,
    project_id: str,
    event_id: str,
    lane: Lane,
    destination_id: str,
    event_name: str,
    state: str = "pending",
    trigger: Trigger = "auto",
    order_id: str | None = None,
    account_id: str | None = None,
    lease: tuple[str, int] | None = None,
    wait_ms: int = 0,
) -> None:
    """Adds a delivery that is due now or after `wait_ms`; a `lease`, a token and a duration in ms, claims it."""
    token, lasts_ms = lease or (None, wait_ms)
    await tx.add(
        _ADD,
        _GIVEN,
        (
            delivery_id,
            project_id,
            event_id,
            order_id,
            account_id,
            lane,
            destination_id,
            event_name,
            trigger,
            state,
            token,
            int(lease is not None),
            lasts_ms,
        ),
    )


#: no delivery of the event has notified a webhook yet; for NOT EXISTS PostgreSQL would read all notified deliveries
_IS_FIRST = (
    "given.notifies = 1 AND (SELECT count(other.notified_at) FROM deliveries AS other "
    "WHERE other.event_id = deliveries.event_id) = 0"
)


async def complete(tx: Tx, ended: Sequence[tuple[str, str, State, int, str | None, int, int]]) -> dict[str, str | None]:
    """
    Completes the attempts of claimed deliveries; returns the ids of the updated deliveries.

    Each entry has id, lease, new state, wait in ms, error, the number of notifications that the ATS acknowledged, and 1
    if the delivery has brought an order to a webhook; the one that did so first for its order is returned with the
    order's provider. Deliveries whose lease has passed to another worker are not updated. The retry schedule restarts
    whenever the ATS has acknowledged one more notification.
    """
    rows = await tx.run_rows(
        "UPDATE deliveries SET state = given.state, due_at = now_ms() + given.wait_ms, last_error = given.error, "  # noqa: S608
        "lease = NULL, queue = 'again', trigger = CASE WHEN given.told > 0 THEN 'nudge' ELSE 'auto' END, "
        "attempts_before = CASE WHEN given.told > deliveries.told THEN attempts ELSE attempts_before END, "
        f"told = given.told, notified_at = CASE WHEN {_IS_FIRST} THEN now_ms() ELSE deliveries.notified_at END, "
        "updated_at = now_ms() FROM {given} WHERE deliveries.id = given.id AND deliveries.lease = given.lease "
        "RETURNING deliveries.id, CASE WHEN deliveries.notified_at = deliveries.updated_at "
        "THEN (SELECT provider FROM orders WHERE orders.id = deliveries.order_id) END AS provider",
        {"id": "TEXT", "lease": "TEXT", "state": "TEXT", "wait_ms": "BIGINT", "error": "TEXT", "told": "BIGINT",
         "notifies": "BIGINT"},
        sorted(ended),  # always locked in the same order
    )  # fmt: skip
    return {row["id"]: row["provider"] for row in rows}


#: columns of an attempt
ATTEMPT: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "project_id": "TEXT",
    "delivery_id": "TEXT",
    "number": "BIGINT",
    "trigger": "TEXT",
    "started_at": "BIGINT",
    "duration_ms": "BIGINT",
    "status": "BIGINT",
    "error_kind": "TEXT",
    "error": "TEXT",
    "address": "TEXT",
    "request": "TEXT",
    "response": "TEXT",
    "next_due_at": "BIGINT",
    "worker": "TEXT",
}


async def add_attempts(tx: Tx, attempts: Sequence[Sequence[Any]]) -> None:
    """Records attempts, each with the values of `ATTEMPT`; attempts that are already recorded stay unchanged."""
    columns = ", ".join(ATTEMPT)
    await tx.run_rows(
        f"INSERT INTO attempts ({columns}) SELECT {columns} FROM {{given}} WHERE true ON CONFLICT (id) DO NOTHING",  # noqa: S608
        ATTEMPT,
        attempts,
    )


async def drop_interrupted(tx: Tx, attempts: Sequence[tuple[str, int]]) -> None:
    """Deletes records of interrupted attempts, by delivery and number, before their workers record the outcome."""
    await tx.many(
        f"DELETE FROM attempts WHERE delivery_id = $1 AND number = $2 AND error_kind = '{INTERRUPTED}'",  # noqa: S608
        attempts,
    )


async def next_due_ms(tx: Tx) -> dict[Queue, int]:
    """Returns the ms until the next delivery of each queue is due, negative when overdue; omits empty queues."""
    names = " UNION ALL ".join(f"SELECT '{queue}' AS name" for queue in SHARES)
    rows = await tx.all(
        "SELECT name, (SELECT min(due_at) FROM deliveries WHERE state = 'pending' AND due_at > 0 AND queue = name) "  # noqa: S608
        f"- now_ms() AS wait FROM ({names}) AS queues"
    )
    return {row["name"]: int(row["wait"]) for row in rows if row["wait"] is not None}


async def find(tx: Tx, project_id: str, delivery_id: str) -> Row | None:
    """Returns a delivery of a project."""
    return await tx.one("SELECT * FROM deliveries WHERE id = $1 AND project_id = $2", delivery_id, project_id)


async def list_deliveries(
    tx: Tx, project_id: str, filters: Mapping[str, str | None], *, before: str | None, limit: int
) -> Sequence[Row]:
    """Lists deliveries of a project, newest first; filters: order_id, state, lane, destination_id, event_id."""
    where, values = ["project_id = $1"], [project_id]
    for name in ("order_id", "state", "lane", "destination_id", "event_id"):
        if (value := filters.get(name)) is not None:
            values.append(value)
            where.append(f"{name} = ${len(values)}")
    if before is not None:
        values.append(before)
        where.append(f"id < ${len(values)}")
    return await tx.all(
        f"SELECT * FROM deliveries WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ${len(values) + 1}",  # noqa: S608
        *values,
        limit,
    )


async def list_of_order(tx: Tx, project_id: str, order_id: str, *, limit: int) -> Sequence[Row]:
    """
    Lists an order's deliveries, oldest first.

    Each has `payload` of its event, name and URL of its webhook, and `last_status` of its latest attempt.
    """
    return await tx.all(
        "SELECT deliveries.*, events.payload, webhooks.name AS webhook_name, webhooks.url AS webhook_url, "  # noqa: S608
        f"{LAST_STATUS} FROM deliveries JOIN events ON events.id = deliveries.event_id "
        "LEFT JOIN webhooks ON webhooks.id = deliveries.destination_id "
        "WHERE deliveries.order_id = $1 AND deliveries.project_id = $2 ORDER BY deliveries.id LIMIT $3",
        order_id,
        project_id,
        limit,
    )


async def find_with_payload(tx: Tx, project_id: str, delivery_id: str) -> Row | None:
    """Returns a delivery as `list_of_order` does."""
    return await tx.one(
        "SELECT deliveries.*, events.payload, webhooks.name AS webhook_name, webhooks.url AS webhook_url, "  # noqa: S608
        f"{LAST_STATUS} FROM deliveries JOIN events ON events.id = deliveries.event_id "
        "LEFT JOIN webhooks ON webhooks.id = deliveries.destination_id "
        "WHERE deliveries.id = $1 AND deliveries.project_id = $2",
        delivery_id,
        project_id,
    )


async def list_attempts(tx: Tx, project_id: str, delivery_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the attempts of these deliveries, oldest first."""
    if not delivery_ids:
        return []
    return await tx.all(
        f"SELECT * FROM attempts WHERE project_id = $1 AND delivery_id IN ({marks(delivery_ids, 2)}) "  # noqa: S608
        "ORDER BY started_at, number",
        project_id,
        *delivery_ids,
    )


async def make_due(tx: Tx, delivery_id: str) -> bool:
    """
    Makes a delivery due now, in the manual queue, in any state.

    The count of attempts goes on; the retry schedule restarts. Returns False if an attempt is in flight, the content
    was erased, or the delivery is held for the project because no webhook takes its event.
    """
    return (
        await tx.run(
            "UPDATE deliveries SET state = 'pending', queue = 'hand', trigger = 'manual', "
            "attempts_before = attempts, told = 0, due_at = now_ms(), updated_at = now_ms() "
            "WHERE id = $1 AND lease IS NULL AND expunged_at IS NULL AND destination_id <> project_id",
            delivery_id,
        )
        == 1
    )


async def lock_unattempted(tx: Tx, event_id: str) -> bool:
    """Locks an event's deliveries until this transaction ends; returns whether none of them was ever attempted."""
    rows = await tx.all("SELECT attempts FROM deliveries WHERE event_id = $1 ORDER BY id {for_update}", event_id)
    return all(row["attempts"] == 0 for row in rows)


async def make_event_due(tx: Tx, event_id: str) -> None:
    """Makes an event's waiting deliveries due now."""
    await tx.run(
        "UPDATE deliveries SET due_at = now_ms(), updated_at = now_ms() "
        "WHERE event_id = $1 AND state = 'pending' AND lease IS NULL AND due_at > now_ms()",
        event_id,
    )


async def dead_letter(tx: Tx, delivery_ids: Sequence[str], *, over_ms: int, error: str) -> set[str]:
    """Dead-letters those of these deliveries that are unclaimed and `over_ms` overdue; returns their ids."""
    rows = await tx.all(
        "UPDATE deliveries SET state = 'dead', last_error = $1, updated_at = now_ms() WHERE state = 'pending' "  # noqa: S608
        f"AND lease IS NULL AND due_at < now_ms() - $2 AND id IN ({marks(delivery_ids, 3)}) RETURNING id",
        error,
        over_ms,
        *delivery_ids,
    )
    return {row["id"] for row in rows}


async def in_flight(tx: Tx, order_id: str) -> bool:
    """
    Returns whether an attempt at one of an order's deliveries is in flight.

    Locks the deliveries: no attempt begins or is recorded until this transaction ends.
    """
    rows = await tx.all(
        "SELECT state, lease, due_at - now_ms() AS left_ms FROM deliveries WHERE order_id = $1 ORDER BY id {for_share}",
        order_id,
    )
    return any(row["state"] == "pending" and row["lease"] is not None and row["left_ms"] > 0 for row in rows)


async def erase(tx: Tx, order_id: str, *, at: int) -> tuple[int, int]:
    """
    Cancels an order's open deliveries, and erases requests and answers of its attempts; `at` in ms since 1970.

    Returns the numbers of deliveries and attempts.
    """
    deliveries = await tx.run(
        "UPDATE deliveries SET state = CASE WHEN state IN ('pending', 'held') THEN 'cancelled' ELSE state END, "
        "lease = NULL, last_error = NULL, expunged_at = $2, updated_at = now_ms() WHERE order_id = $1",
        order_id,
        at,
    )
    attempts = await tx.run(
        "UPDATE attempts SET request = '{}', response = '{}', error = NULL "
        "WHERE delivery_id IN (SELECT id FROM deliveries WHERE order_id = $1)",
        order_id,
    )
    return deliveries, attempts


async def erased(tx: Tx, delivery_ids: Sequence[str]) -> set[str]:
    """Returns the erased ones of these deliveries; locks the others against erasure until the transaction ends."""
    rows = await tx.all(
        f"SELECT id, expunged_at FROM deliveries WHERE id IN ({marks(delivery_ids)}) ORDER BY id {{for_share}}",  # noqa: S608
        *delivery_ids,
    )
    return {row["id"] for row in rows if row["expunged_at"] is not None}


async def cancel_for(tx: Tx, destination_id: str, *, most: int = ALL) -> int:
    """Cancels up to `most` pending or held deliveries to a destination; returns their number."""
    return await tx.run(
        "UPDATE deliveries SET state = 'cancelled', lease = NULL, updated_at = now_ms() WHERE id IN "
        "(SELECT id FROM deliveries WHERE destination_id = $1 AND state IN ('pending', 'held') LIMIT $2)",
        destination_id,
        most,
    )


async def change_state(tx: Tx, destination_id: str, *, old: State, new: State, most: int) -> int:
    """
    Holds pending deliveries to a destination, or makes held ones pending; returns their number.

    Changes up to `most` deliveries, oldest first. Claimed deliveries, and pending ones in the manual queue, stay.
    """
    return await tx.run(
        "UPDATE deliveries SET state = $3, due_at = now_ms(), updated_at = now_ms() WHERE id IN "
        "(SELECT id FROM deliveries WHERE destination_id = $1 AND state = $2 AND lease IS NULL "
        "AND (state = 'held' OR queue <> 'hand') ORDER BY id LIMIT $4)",
        destination_id,
        old,
        new,
        most,
    )
