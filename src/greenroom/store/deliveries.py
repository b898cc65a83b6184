"""Deliveries and their attempts; who holds which is in `store.claims`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from greenroom.model.attempts import INTERRUPTED
from greenroom.model.deliveries import SHARES, Lane, Queue, State, Trigger
from greenroom.store.db import ColumnType, Row, Tx, marks

#: what is given of a new delivery
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
_GIVEN: Mapping[str, ColumnType] = {**_NEW, "lease_ms": "BIGINT"}
_ADD = (
    f"INSERT INTO deliveries ({', '.join(_NEW)}, queue, due_at, created_at, updated_at) "  # noqa: S608
    f"SELECT {', '.join(_NEW)}, 'first', now_ms() + given.lease_ms, now_ms(), now_ms() FROM {{given}}"
)


#: as many as there are
ALL = 2**62


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
) -> None:
    """Store a delivery that is due now (or held); or, with a `lease` and its length in ms, one that is claimed."""
    token, lease_ms = lease or (None, 0)
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
            lease_ms,
        ),
    )


async def settle(tx: Tx, ended: Sequence[tuple[str, str, State, int, str | None, int]]) -> set[str]:
    """
    Write what becomes of claimed deliveries: of each its id, lease, state, wait in ms, error, and how often the ATS was
    told.

    The ids of those that were still held; of the others the lease has passed to another worker, and nothing changed.
    A schedule begins anew each time that the ATS was told once more.
    """
    rows = await tx.together(
        "UPDATE deliveries SET state = given.state, due_at = now_ms() + given.wait_ms, last_error = given.error, "
        "lease = NULL, queue = 'again', trigger = CASE WHEN given.told > 0 THEN 'nudge' ELSE 'auto' END, "
        "attempts_before = CASE WHEN given.told > deliveries.told THEN attempts ELSE attempts_before END, "
        "told = given.told, updated_at = now_ms() "
        "FROM {given} WHERE deliveries.id = given.id AND deliveries.lease = given.lease RETURNING deliveries.id",
        {"id": "TEXT", "lease": "TEXT", "state": "TEXT", "wait_ms": "BIGINT", "error": "TEXT", "told": "BIGINT"},
        sorted(ended),  # always locked in the same order
    )
    return {row["id"] for row in rows}


#: an attempt on record
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
    """Put attempts on record, each as the values of `ATTEMPT`. One that is on record stays as it is."""
    columns = ", ".join(ATTEMPT)
    await tx.together(
        f"INSERT INTO attempts ({columns}) SELECT {columns} FROM {{given}} WHERE true ON CONFLICT (id) DO NOTHING",  # noqa: S608
        ATTEMPT,
        attempts,
    )


async def drop_interrupted(tx: Tx, attempts: Sequence[tuple[str, int]]) -> None:
    """Delete records of interrupted attempts, each by delivery and number: their workers live and record them now."""
    await tx.many(
        f"DELETE FROM attempts WHERE delivery_id = $1 AND number = $2 AND error_kind = '{INTERRUPTED}'",  # noqa: S608
        attempts,
    )


async def next_due_ms(tx: Tx) -> dict[Queue, int]:
    """Milliseconds until the next pending delivery of each queue is due, negative when overdue; empty ones left out."""
    names = " UNION ALL ".join(f"SELECT '{queue}' AS name" for queue in SHARES)
    rows = await tx.all(
        "SELECT name, (SELECT min(due_at) FROM deliveries WHERE state = 'pending' AND due_at > 0 AND queue = name) "  # noqa: S608
        f"- now_ms() AS wait FROM ({names}) AS queues"
    )
    return {row["name"]: int(row["wait"]) for row in rows if row["wait"] is not None}


async def find(tx: Tx, project_id: str, delivery_id: str) -> Row | None:
    """A project's delivery."""
    return await tx.one("SELECT * FROM deliveries WHERE id = $1 AND project_id = $2", delivery_id, project_id)


async def list_deliveries(
    tx: Tx, project_id: str, filters: Mapping[str, str | None], *, before: str | None, limit: int
) -> Sequence[Row]:
    """A project's deliveries, newest first; filters: order_id, state, lane, destination_id, event_id."""
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


async def list_attempts(tx: Tx, project_id: str, delivery_ids: Sequence[str]) -> Sequence[Row]:
    """The attempts of these deliveries, oldest first."""
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
    Put a delivery that is not under way at the head of the queue, whatever became of it.

    Its attempts go on counting, its schedule starts anew. False: an attempt is under way now, it was expunged, or it is
    held for its project and has no webhook to go to.
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


async def give_up(tx: Tx, delivery_ids: Sequence[str], *, over_ms: int, error: str) -> set[str]:
    """Bury those of these deliveries that nobody holds and that have been due for longer than so many ms; their ids."""
    rows = await tx.all(
        "UPDATE deliveries SET state = 'dead', last_error = $1, updated_at = now_ms() WHERE state = 'pending' "  # noqa: S608
        f"AND lease IS NULL AND due_at < now_ms() - $2 AND id IN ({marks(delivery_ids, 3)}) RETURNING id",
        error,
        over_ms,
        *delivery_ids,
    )
    return {row["id"] for row in rows}


async def end_asked(tx: Tx, order_id: str) -> None:
    """The ATS has asked for an order's result: it is not told again. What is under way ends by itself."""
    await tx.run(
        "UPDATE deliveries SET state = 'delivered', updated_at = now_ms() "
        "WHERE order_id = $1 AND lane = 'ats' AND state = 'pending' AND told > 0 AND lease IS NULL",
        order_id,
    )


async def in_flight(tx: Tx, order_id: str) -> bool:
    """
    Whether an attempt is under way at one of an order's deliveries. None is begun or put on record until this
    transaction ends.
    """
    rows = await tx.all(
        "SELECT state, lease, due_at - now_ms() AS left_ms FROM deliveries WHERE order_id = $1 ORDER BY id {for_share}",
        order_id,
    )
    return any(row["state"] == "pending" and row["lease"] is not None and row["left_ms"] > 0 for row in rows)


async def erase(tx: Tx, order_id: str, *, at: int) -> None:
    """Cancel what is on its way of an order, and erase what was sent and answered; the rest of each attempt stays."""
    await tx.run(
        "UPDATE deliveries SET state = CASE WHEN state IN ('pending', 'held') THEN 'cancelled' ELSE state END, "
        "lease = NULL, last_error = NULL, expunged_at = $2, updated_at = now_ms() WHERE order_id = $1",
        order_id,
        at,
    )
    await tx.run(
        "UPDATE attempts SET request = '{}', response = '{}', error = NULL "
        "WHERE delivery_id IN (SELECT id FROM deliveries WHERE order_id = $1)",
        order_id,
    )


async def erased(tx: Tx, delivery_ids: Sequence[str]) -> set[str]:
    """Which of these deliveries were expunged; none of the others is until this transaction ends."""
    rows = await tx.all(
        f"SELECT id, expunged_at FROM deliveries WHERE id IN ({marks(delivery_ids)}) ORDER BY id {{for_share}}",  # noqa: S608
        *delivery_ids,
    )
    return {row["id"] for row in rows if row["expunged_at"] is not None}


async def cancel_for(tx: Tx, destination_id: str, *, most: int = ALL) -> int:
    """End what is still on its way to a destination, up to so many; how many."""
    return await tx.run(
        "UPDATE deliveries SET state = 'cancelled', lease = NULL, updated_at = now_ms() WHERE id IN "
        "(SELECT id FROM deliveries WHERE destination_id = $1 AND state IN ('pending', 'held') LIMIT $2)",
        destination_id,
        most,
    )


async def cancel_held(tx: Tx, destination_id: str, *, before_ms: int, most: int) -> int:
    """End what is held for a destination and was made before a time, up to so many; how many."""
    return await tx.run(
        "UPDATE deliveries SET state = 'cancelled', updated_at = now_ms() WHERE id IN "
        "(SELECT id FROM deliveries WHERE destination_id = $1 AND state = 'held' AND created_at < $2 LIMIT $3)",
        destination_id,
        before_ms,
        most,
    )


async def change_state(tx: Tx, destination_id: str, *, old: State, new: State, most: int) -> int:
    """
    Hold what is pending for a destination, but for what a person asked for, or let go what is held; the oldest first,
    up to so many; how many.
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


async def list_held_for_project(tx: Tx, project_id: str, *, after: str, limit: int) -> Sequence[Row]:
    """The next deliveries, by id, that are held for a project because no webhook took their event."""
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
    Give a webhook deliveries that are held for its project: of each its id, the event's name in the webhook's spelling,
    and the new state. Order_id and state of those that were still held.
    """
    return await tx.together(
        "UPDATE deliveries SET destination_id = given.webhook_id, event_name = given.event_name, state = given.state, "
        "due_at = now_ms(), updated_at = now_ms() FROM {given} WHERE deliveries.id = given.id "
        "AND deliveries.destination_id = given.project_id AND deliveries.state = 'held' "
        "RETURNING deliveries.order_id, deliveries.state",
        {"id": "TEXT", "event_name": "TEXT", "state": "TEXT", "project_id": "TEXT", "webhook_id": "TEXT"},
        [(*one, project_id, webhook_id) for one in taken],
    )


async def held(tx: Tx, destination_ids: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """How many deliveries are held for each of these destinations, and when the oldest was made, in ms."""
    if not destination_ids:
        return {}
    rows = await tx.all(
        f"SELECT id, (SELECT count(*) FROM deliveries WHERE destination_id = webhooks.id AND state = 'held') AS n, "  # noqa: S608
        "(SELECT created_at FROM deliveries WHERE destination_id = webhooks.id AND state = 'held' ORDER BY id LIMIT 1) "
        f"AS oldest FROM webhooks WHERE id IN ({marks(destination_ids)})",
        *destination_ids,
    )
    return {row["id"]: (row["n"], row["oldest"]) for row in rows}
