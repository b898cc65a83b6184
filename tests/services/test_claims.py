"""Fair allocation of slots to destinations and queues, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from greenroom.context import Context
from greenroom.engine.slots import LEASE, LEASE_MS, LONGEST, Slots
from greenroom.errors import GiveUp, RemoteError
from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.breakers import Breaker
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import PER_DESTINATION, SHARES, SLOTS, Claimed, Lane, Queue
from greenroom.services import claims, deliveries
from greenroom.services.claims import WorkerState
from greenroom.store import breakers as breaker_rows
from greenroom.store.db import Store
from tests.support.queues import PROJECT, context, queue


async def claim(ctx: Context, places: int = SLOTS) -> list[Claimed]:
    """Claims once from the start, with the same number of free slots in every queue."""
    turns: dict[Queue, Cursor] = {name: Cursor() for name in SHARES}
    return (
        await claims.claim(
            ctx, turns, dict.fromkeys(SHARES, places), WorkerState(ctx.new_id("wrk")), lease=LEASE, longest=LONGEST
        )
    ).claimed


def by_destination(claimed: list[Claimed]) -> Counter[str]:
    return Counter(one.destination_id for one in claimed)


async def test_a_destination_holds_no_more_than_its_cap_over_all_workers(store: Store) -> None:
    """Three workers together get one destination's concurrency limit, however many deliveries wait for it."""
    ctx = context(store)
    await queue(store, {"whk_slow": 10_000})
    held = [await claim(ctx) for _ in range(3)]

    assert [len(one) for one in held] == [PER_DESTINATION, 0, 0]
    await queue(store, {"whk_fresh": 3})
    assert by_destination(await claim(ctx)) == {"whk_fresh": 3}


async def test_a_dead_worker_takes_no_place_for_longer_than_an_attempt(store: Store) -> None:
    """A lease older than an attempt can last does not count against its destination's limit."""
    ctx = context(store)
    await queue(store, {"whk_a": 3 * PER_DESTINATION})
    await claim(ctx)
    await store.write(
        lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", int(LONGEST.total_seconds() * 1000))
    )

    assert len(await claim(ctx)) == PER_DESTINATION


@pytest.mark.parametrize("lane", ["vendor", "ats"])
@pytest.mark.parametrize("expired", [True, False])
async def test_an_interrupted_attempt_is_on_record_and_takes_no_step_of_the_schedule(
    store: Store, lane: Lane, expired: bool
) -> None:
    """After its lease expired or its worker died, the delivery is due at once, before its destination's other deliveries."""
    ctx = context(store)
    [cut] = await queue(store, {"dst_1": 1}, lane=lane)
    (first,) = await claim(ctx)
    if expired:
        await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", LEASE_MS))
        await queue(store, {"dst_1": 3}, lane=lane, wait_ms=-60_000)
    else:
        await queue(store, {"dst_1": 3}, lane=lane, wait_ms=-60_000)
        worker = "_".join(first.lease.split("_")[:2])
        assert await claims.interrupt(ctx, [worker], lease=LEASE) == 1
    (again,) = await claim(ctx, places=1)

    assert (again.id, again.attempt, again.step, again.trigger) == (cut, 2, 1, "auto")
    (attempt,) = (await deliveries.get(ctx, PROJECT, cut)).attempts
    assert (attempt.number, attempt.error_kind, attempt.status) == (1, "interrupted", None)
    assert first.lease.startswith(attempt.worker)


async def test_the_result_of_an_interrupted_attempt_takes_its_place(store: Store) -> None:
    """A late result replaces the interrupted attempt's entry and changes nothing else."""
    ctx = context(store)
    [cut] = await queue(store, {"whk_1": 1})
    (first,) = await claim(ctx)
    assert await claims.interrupt(ctx, lease=LEASE) == 1
    (second,) = await claim(ctx)

    def ended(claimed: Claimed, status: int, fault: RemoteError | None) -> FinishedAttempt:
        return FinishedAttempt(ctx.new_id("att"), claimed, ctx.now(), timedelta(0), fault, Exchange(status=status))

    late = ended(first, 410, GiveUp("It is gone.", kind="http_status"))
    assert await deliveries.record_attempts(ctx, [late], worker="w1") == [None]
    assert await deliveries.record_attempts(ctx, [ended(second, 200, None)], worker="w2") == [
        Recorded("delivered", None)
    ]
    found = await deliveries.get(ctx, PROJECT, cut)
    made = [(one.number, one.status, one.worker) for one in found.attempts]
    assert (found.state, sorted(made)) == ("delivered", [(1, 410, "w1"), (2, 200, "w2")])


async def test_an_attempt_that_has_ended_holds_no_place(store: Store) -> None:
    """An ended attempt keeps its lease until it is recorded, but frees its slot for the destination's next delivery."""
    ctx = context(store)
    await queue(store, {"whk_a": 2 * PER_DESTINATION})
    places = Slots(ctx)
    first = (await places.claim()).claimed
    for one in first[:10]:
        places.ended(one)

    assert [len(first), len((await places.claim()).claimed)] == [PER_DESTINATION, 10]
    assert await claim(ctx) == []  # to another worker, every lease counts
    for one in first[:10]:
        places.recorded(one)
    assert (await places.claim()).claimed == []


async def test_a_place_is_wanted_where_something_waits_for_it(store: Store) -> None:
    """A slot is wanted for a destination at its limit, and not for one without further deliveries."""
    ctx = context(store)
    await queue(store, {"whk_a": PER_DESTINATION, "whk_b": 3})
    places = Slots(ctx)
    claimed = (await places.claim()).claimed
    assert [places.is_limited_by_destination("whk_a"), places.is_limited_by_destination("whk_b")] == [
        True,
        False,
    ]  # as many as are counted: maybe more
    for one in claimed:
        places.ended(one)
    assert [places.freed, places.is_wanted("whk_a"), places.is_wanted("whk_b")] == [PER_DESTINATION, True, False]

    await places.claim()
    assert [places.freed, places.is_limited_by_destination("whk_a"), places.is_wanted("whk_a")] == [0, False, False]


async def test_without_a_free_place_every_place_is_wanted(store: Store) -> None:
    """A slot of any destination is wanted while none is free."""
    ctx = context(store)
    await queue(store, {f"whk_{number:03}": 10 for number in range(100)}, waits_in="again")
    places = Slots(ctx)
    (one, *_) = (await places.claim()).claimed

    assert [places.is_wanted("whk_other"), places.is_limited_by_destination("whk_other")] == [True, False]
    places.ended(one)
    assert places.freed == 1


async def test_what_comes_while_a_worker_looks_may_have_been_missed(store: Store) -> None:
    """During a claim every slot counts as wanted, so that the worker claims again."""
    ctx = context(store)
    await queue(store, {"whk_a": 2 * PER_DESTINATION})
    places = Slots(ctx)
    await places.claim()
    looking = asyncio.create_task(places.claim())
    await asyncio.sleep(0)
    during = [places.is_limited_by_destination("whk_a"), places.is_wanted("whk_b")]
    await looking

    assert during == [False, True]
    assert [places.is_limited_by_destination("whk_a"), places.is_wanted("whk_b")] == [True, False]


async def test_where_there_is_trouble_an_attempt_counts_until_it_is_on_record(store: Store) -> None:
    """A destination that is being probed gets its next request only after the first one's outcome is recorded."""
    ctx = context(store)
    await queue(store, {"whk_a": 5})
    tried = Breaker(limit=1)
    await store.write(lambda tx: breaker_rows.lock(tx, "whk_a"))
    await store.write(lambda tx: breaker_rows.save(tx, "whk_a", tried))
    places = Slots(ctx)
    (one,) = (await places.claim()).claimed
    places.ended(one)
    assert (await places.claim()).claimed == []
    places.recorded(one)

    assert len((await places.claim()).claimed) == 1


async def test_destinations_are_served_in_turn(store: Store) -> None:
    """An old backlog of one destination does not delay the deliveries of others."""
    ctx = context(store)
    await queue(store, {"whk_a": 500})
    await queue(store, {"whk_b": 1, "whk_c": 40})

    assert by_destination(await claim(ctx, places=9)) == {"whk_a": 4, "whk_b": 1, "whk_c": 4}


async def test_more_destinations_than_places_all_get_their_turn(store: Store) -> None:
    """Each claim continues after the destinations of the previous one."""
    ctx = context(store)
    await queue(store, {f"whk_{number:03}": 5 for number in range(200)})
    turns: dict[Queue, Cursor] = {name: Cursor() for name in SHARES}
    served: Counter[str] = Counter()
    while len(served) < 200:
        look = await claims.claim(
            ctx, turns, dict.fromkeys(SHARES, 60), WorkerState(ctx.new_id("wrk")), lease=LEASE, longest=LONGEST
        )
        turns |= look.turns
        served.update(by_destination(look.claimed))

    assert max(served.values()) <= 3  # the last claim of the round allocates its slots to few destinations
    assert served["whk_000"] == 1


async def test_retries_leave_places_to_first_attempts(store: Store) -> None:
    """Due retries leave slots to new deliveries, however many they are."""
    ctx = context(store)
    await queue(store, {f"whk_{number:03}": 10 for number in range(100)}, waits_in="again")
    places = Slots(ctx)
    assert len((await places.claim()).claimed) == SHARES["again"]
    assert (await places.claim()).claimed == []
    await queue(store, {"whk_fresh": 2})

    assert [(one.destination_id, one.queue) for one in (await places.claim()).claimed] == [("whk_fresh", "first")] * 2


async def test_what_a_person_asked_for_passes_everybody(store: Store) -> None:
    """A manual retry is claimed although its destination has reached its concurrency limit."""
    ctx = context(store)
    await queue(store, {"whk_a": 100})
    await claim(ctx)
    await queue(store, {"whk_a": 1}, waits_in="hand")

    assert [one.queue for one in await claim(ctx)] == ["hand"]


async def test_many_retries_by_hand_leave_places_to_others(store: Store) -> None:
    """Manual retries to one endpoint occupy twice its limit at most, and leave slots to others."""
    ctx = context(store)
    await queue(store, {"whk_a": 300}, waits_in="hand")
    held = [len(await claim(ctx)) for _ in range(3)]
    await queue(store, {"whk_b": 1})

    assert by_destination(await claim(ctx)) == {"whk_b": 1}
    assert held == [PER_DESTINATION, PER_DESTINATION, 0]


async def test_a_worker_rests_only_after_a_whole_round(store: Store) -> None:
    """Destinations whose deliveries are not due yet do not hide later ones with due deliveries."""
    ctx = context(store)
    await queue(store, {f"whk_{number:03}": 1 for number in range(150)}, waits_in="again", wait_ms=60_000)
    await queue(store, {"whk_999": 1}, waits_in="again")
    places = Slots(ctx)
    claimed: list[Claimed] = []
    looks = 0
    while not claimed and not places.idle:
        claimed = (await places.claim()).claimed
        looks += 1

    assert (by_destination(claimed), looks) == ({"whk_999": 1}, 3)
