"""The rate limit of a webhook over all workers, on both databases."""

from __future__ import annotations

import time

from greenroom.context import Context
from greenroom.engine.slots import LEASE, LONGEST
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import SHARES, Claimed
from greenroom.services import claims, deliveries, webhooks
from greenroom.services.claims import ClaimBatch, WorkerState
from greenroom.store.db import Store
from tests.support.queues import PROJECT, context, queue


async def limited(ctx: Context, rate: float | None) -> str:
    """A webhook of the queues' project."""
    await queue(ctx.store, {})  # makes the project
    made, _ = await webhooks.create(ctx, PROJECT, name="h", url="https://x.example/", events=("x",), rate_limit=rate)
    return made.id


async def look(ctx: Context) -> ClaimBatch:
    free = dict.fromkeys(SHARES, 64)
    return await claims.claim(
        ctx, {name: Cursor() for name in SHARES}, free, WorkerState(ctx.new_id("wrk")), lease=LEASE, longest=LONGEST
    )


async def let_pass(store: Store, ms: int) -> None:
    """Makes the webhook's token bucket older by this time."""
    await store.write(lambda tx: tx.run("UPDATE webhooks SET rate_spent_to = rate_spent_to - $1", ms * 1000))


def of(found: ClaimBatch, destination: str) -> list[Claimed]:
    return [one for one in found.claimed if one.destination_id == destination]


async def test_what_is_over_the_rate_waits_and_loses_nothing(store: Store) -> None:
    """At twenty a second, all workers together claim half a second's worth at once; other webhooks are not slowed."""
    ctx = context(store)
    hook = await limited(ctx, 20)
    await queue(store, {hook: 40, "whk_other": 5})
    await let_pass(store, 60_000)

    began = time.monotonic()
    first, second = await look(ctx), await look(ctx)
    meanwhile = 20 * (time.monotonic() - began)

    assert 10 <= len(of(first, hook)) + len(of(second, hook)) <= 11 + meanwhile
    assert len(of(first, "whk_other")) == 5
    assert second.again_s <= 0.1
    rows = await store.read(lambda tx: tx.all("SELECT attempts FROM deliveries WHERE lease IS NULL"))
    assert {row["attempts"] for row in rows} == {0}


async def test_a_new_limit_begins_with_nothing_saved_up_and_at_once(store: Store) -> None:
    """A limit that is set, changed or removed applies from the next claim."""
    ctx = context(store)
    hook = await limited(ctx, None)
    await queue(store, {hook: 40})
    await webhooks.change(ctx, PROJECT, hook, {"rate_limit": 0.1})
    assert of(await look(ctx), hook) == []
    await let_pass(store, 60_000)
    assert len(of(await look(ctx), hook)) == 1
    assert of(await look(ctx), hook) == []

    await webhooks.change(ctx, PROJECT, hook, {"rate_limit": None})

    assert len(of(await look(ctx), hook)) > 1


async def test_the_rate_holds_for_what_a_person_asked_for_too_and_that_goes_first(store: Store) -> None:
    """At one in ten seconds, a manual retry is claimed before thirty new deliveries."""
    ctx = context(store)
    hook = await limited(ctx, 0.1)
    ids = await queue(store, {hook: 30})
    await deliveries.retry(ctx, PROJECT, ids[-1])
    await let_pass(store, 60_000)

    assert [one.id for one in of(await look(ctx), hook)] == [ids[-1]]
    assert of(await look(ctx), hook) == []
