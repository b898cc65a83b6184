"""Breakers shared by all workers, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from greenroom.context import Context
from greenroom.engine.slots import LEASE, LONGEST
from greenroom.errors import RemoteError, TryLater
from greenroom.model.attempts import Exchange, FinishedAttempt
from greenroom.model.breakers import FIRST_WAIT_MS, OPENS_AT
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import SHARES, Claimed, Lane
from greenroom.services import breakers, claims, deliveries
from greenroom.services.claims import WorkerState
from greenroom.store.db import Store
from tests.support.queues import context, queue

AWAY = TryLater("No connection.", kind="connect")


async def claim(ctx: Context, most: int = 64) -> list[Claimed]:
    free = dict.fromkeys(SHARES, most)
    return (
        await claims.claim(
            ctx, {name: Cursor() for name in SHARES}, free, WorkerState(ctx.new_id("wrk")), lease=LEASE, longest=LONGEST
        )
    ).claimed


async def record(ctx: Context, claimed: list[Claimed], fault: RemoteError | None, status: int | None = None) -> None:
    now, exchange = datetime.now(UTC), Exchange(status=status)
    ended = [FinishedAttempt(ctx.new_id("att"), one, now, timedelta(0), fault, exchange) for one in claimed]
    await deliveries.record_attempts(ctx, ended, worker="w", watched={one.destination_id for one in claimed})


async def let_pass(store: Store, ms: int) -> None:
    """Makes every waiting delivery and breaker older by this time."""
    await store.write(lambda tx: tx.run("UPDATE breakers SET open_until = open_until - $1", ms))
    await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", ms))


async def opened(ctx: Context) -> None:
    """Opens a breaker with five failures in a row, and queues twenty more deliveries."""
    await queue(ctx.store, {"whk_1": OPENS_AT})
    await record(ctx, await claim(ctx), AWAY)
    await queue(ctx.store, {"whk_1": 20})


async def test_nothing_leaves_while_it_is_open_and_no_attempt_is_lost(store: Store) -> None:
    """Other destinations are served, and waiting deliveries keep all their attempts."""
    ctx = context(store)
    await opened(ctx)
    await queue(store, {"whk_2": 1})

    assert [one.destination_id for one in await claim(ctx)] == ["whk_2"]
    condition = (await breakers.conditions(ctx, ["whk_1"]))["whk_1"]
    assert (condition.state, condition.consecutive_failures) == ("open", OPENS_AT)
    assert (condition.last_error, condition.open_until is not None) == ("No connection.", True)


async def test_one_probe_then_a_ramp(store: Store) -> None:
    """All workers together send one probe, then two, four and eight as the answers are successful."""
    ctx = context(store)
    await opened(ctx)
    await let_pass(store, FIRST_WAIT_MS)
    for expected in (1, 2, 4, 8):
        probes = await claim(ctx)
        assert len(probes) == expected
        assert await claim(ctx) == []
        await record(ctx, probes, None, 200)

    assert (await breakers.conditions(ctx, ["whk_1"]))["whk_1"] == breakers.Condition()


async def test_a_probe_that_fails_waits_longer(store: Store) -> None:
    """The wait doubles after a failed probe."""
    ctx = context(store)
    await opened(ctx)
    await let_pass(store, FIRST_WAIT_MS)
    await record(ctx, await claim(ctx), AWAY)
    await let_pass(store, FIRST_WAIT_MS)
    assert await claim(ctx) == []
    await let_pass(store, FIRST_WAIT_MS)

    assert len(await claim(ctx)) == 1


async def test_a_retry_by_hand_goes_through(store: Store) -> None:
    """A manual retry is claimed although the breaker is open, and its success half-opens the breaker."""
    ctx = context(store)
    await opened(ctx)
    (by_hand,) = await queue(store, {"whk_1": 1})
    await deliveries.retry(ctx, "prj_1", by_hand)
    claimed = await claim(ctx)

    assert [one.id for one in claimed] == [by_hand]
    await record(ctx, claimed, None, 200)
    assert (await breakers.conditions(ctx, ["whk_1"]))["whk_1"].state == "half_open"


async def test_a_refusal_is_an_answer(store: Store) -> None:
    """A 404 neither opens a breaker nor keeps one from closing."""
    ctx = context(store)
    await queue(store, {"whk_1": OPENS_AT})
    await record(ctx, await claim(ctx), TryLater("404", kind="http_status"), 404)

    assert (await breakers.conditions(ctx, ["whk_1"]))["whk_1"].state == "closed"


@pytest.mark.parametrize(("said_s", "paused_s"), [(90, 90), (None, 30)])
async def test_a_429_of_the_ats_pauses_that_account_alone(store: Store, said_s: int | None, paused_s: int) -> None:
    """The account is paused for the time in Retry-After, or half a minute; a webhook's 429 postpones one delivery."""
    ctx = context(store)
    asked = TryLater("429", kind="http_status", wait=timedelta(seconds=said_s) if said_s else None)
    lanes: list[Lane] = ["ats", "vendor"]
    for lane in lanes:
        await queue(store, {f"{lane}_1": 1}, lane=lane)
        await record(ctx, await claim(ctx), asked, 429)
    await queue(store, {"ats_1": 3, "ats_2": 1}, lane="ats")
    await queue(store, {"vendor_1": 1})

    others = await claim(ctx)
    assert sorted(one.destination_id for one in others) == ["ats_2", "vendor_1"]
    await record(ctx, others, None, 200)
    await let_pass(store, (paused_s - 10) * 1000)
    assert [one.destination_id for one in await claim(ctx)] == ([] if said_s else ["vendor_1"])
    await let_pass(store, 20_000)
    assert [one.destination_id for one in await claim(ctx) if one.lane == "ats"] == ["ats_1"]
