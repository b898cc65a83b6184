"""Deletion of expired data, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from greenroom.security.tokens import first_id, new_id
from greenroom.services import projects, retention
from greenroom.settings import Settings
from greenroom.store import deliveries as delivery_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, to_ms
from greenroom.store.deliveries import ATTEMPT
from tests.support.queues import PROJECT, context, queue


async def aged(store: Store, state: str, days: int, project: str = PROJECT) -> str:
    """Creates a delivery in a state, with one attempt, of this age in days."""
    made_at = datetime.now(UTC) - timedelta(days=days)
    event_id = first_id("evt", made_at)[:-6] + new_id("evt")[-6:]
    (delivery_id,) = await queue(store, {"whk_1": 1}, event_id=event_id)
    await store.write(lambda tx: project_rows.ensure(tx, project, "p" if project == PROJECT else project))
    await store.write(lambda tx: tx.run("UPDATE events SET project_id = $1 WHERE id = $2", project, event_id))
    attempt = {
        "id": f"att_{delivery_id}", "project_id": project, "delivery_id": delivery_id, "number": 1, "trigger": "auto",
        "started_at": to_ms(made_at), "duration_ms": 1, "request": "{}", "response": "{}", "worker": "w",
    }  # fmt: skip
    await store.write(lambda tx: delivery_rows.add_attempts(tx, [[attempt.get(name) for name in ATTEMPT]]))
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = $1 WHERE id = $2", state, delivery_id))
    return delivery_id


async def left(store: Store, table: str, column: str = "id") -> set[str]:
    return {row[column] for row in await store.read(lambda tx: tx.all(f"SELECT * FROM {table}"))}


async def test_old_and_ended_goes_the_rest_stays(store: Store) -> None:
    """A held delivery keeps its event and loses its old attempts."""
    ctx = replace(context(store), settings=Settings(retention_days=30))
    for state in ("delivered", "dead", "cancelled"):
        await aged(store, state, 31)
    held, pending = await aged(store, "held", 31), await aged(store, "pending", 31)
    young = await aged(store, "delivered", 29)

    assert (await retention.delete_expired(ctx))[0] is None
    assert await left(store, "deliveries") == {held, pending, young}
    assert len(await left(store, "events")) == 3
    assert await left(store, "attempts", "delivery_id") == {young}


async def test_it_goes_on_where_the_last_batch_ended(store: Store) -> None:
    """Events that cannot be deleted are examined once in a round."""
    ctx = context(store)
    old = retention.BATCH
    ids = [await aged(store, "held", 100) for _ in range(2)]
    await store.write(
        lambda tx: tx.many(
            "INSERT INTO events (id, project_id, type, payload, created_at) VALUES ($1, $2, 'x', '{}', 0)",
            [(f"evt_0{number:04}", PROJECT) for number in range(old)],
        )
    )
    last, deleted = await retention.delete_expired(ctx)
    assert (last, deleted) == (f"evt_0{old - 1:04}", old)
    assert last is not None

    assert await retention.delete_expired(ctx, after=last) == (None, 0)
    assert await left(store, "attempts") == set()
    assert await left(store, "deliveries") == set(ids)


async def test_each_project_for_as_long_as_it_says(store: Store) -> None:
    """A project's own retention applies, shorter or longer than the operator's setting for the others."""
    ctx = replace(context(store), settings=Settings(retention_days=30))
    ages = {PROJECT: (31, 29), "prj_short": (8, 6), "prj_long": (400, 300)}
    old, young = [
        [await aged(store, "delivered", days[number], project) for project, days in ages.items()] for number in (0, 1)
    ]
    held = await aged(store, "held", 8, "prj_short")
    await projects.keep_for(ctx, "prj_short", 7)
    await projects.keep_for(ctx, "prj_long", 365)

    assert await retention.delete_expired(ctx) == (None, len(old))
    assert await left(store, "deliveries") == {*young, held}
    assert await left(store, "attempts", "delivery_id") == set(young)
    await projects.keep_for(ctx, "prj_long", None)
    assert await retention.delete_expired(ctx) == (None, 1)
