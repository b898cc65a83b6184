"""Claims, leases and fencing, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.errors import Unavailable
from greenroom.model.deliveries import SHARES, Claimed, Queue, State
from greenroom.store import claims as claim_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx
from greenroom.store.postgres import PostgresStore
from tests.support.postgres import Postgres

LEASE_MS = 60_000


async def queue(store: Store, count: int) -> None:
    """So many deliveries that are due."""

    async def work(tx: Tx) -> None:
        await project_rows.ensure(tx, "prj_1", "p")
        await event_rows.add(tx, "evt_1", project_id="prj_1", event_type="x", payload='{"a":1}')
        for number in range(count):
            await delivery_rows.add(
                tx,
                f"dlv_{number:04}",
                project_id="prj_1",
                event_id="evt_1",
                lane="vendor",
                destination_id="whk_1",
                event_name="x",
            )

    await store.write(work)


async def claim(store: Store, lease: str, limit: int = 100) -> list[Claimed]:
    """Up to so many of the one destination's, whatever queue they wait in."""
    shares: list[tuple[Queue, str, int]] = [(queue, "whk_1", limit) for queue in SHARES]
    return await store.write(lambda tx: claim_rows.take(tx, shares, lease=lease, lease_ms=LEASE_MS))


async def settle(store: Store, claimed: Claimed, state: State = "delivered", wait_ms: int = 0) -> bool:
    ended = [(claimed.id, claimed.lease, state, wait_ms, None, 0)]
    return await store.write(lambda tx: delivery_rows.settle(tx, ended)) == {claimed.id}


async def expire(store: Store) -> None:
    """Let every lease run out."""
    await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", LEASE_MS))


async def end_expired(tx: Tx) -> None:
    await claim_rows.interrupt(tx, await claim_rows.leased(tx, expired=True))


async def test_eight_workers_share_three_hundred_and_none_twice(store: Store) -> None:
    """Claiming at the same time, in small bites."""
    await queue(store, 300)

    async def worker(name: str) -> list[str]:
        mine: list[str] = []
        while found := await claim(store, f"{name}_{len(mine)}", limit=7):
            mine += [one.id for one in found]
        return mine

    claimed = [one for mine in await asyncio.gather(*(worker(f"lse_{n}") for n in range(8))) for one in mine]

    assert len(claimed) == len(set(claimed)) == 300


async def test_a_lease_that_has_ended_is_another_workers(store: Store) -> None:
    """The first worker slept past its lease: it can no longer change anything."""
    await queue(store, 1)
    (first,) = await claim(store, "lse_1")
    assert await claim(store, "lse_2") == []
    await expire(store)
    assert await claim(store, "lse_2") == []  # the attempt that was cut is put on record first
    await store.write(end_expired)
    (second,) = await claim(store, "lse_2")

    assert (first.attempt, second.attempt, second.step) == (1, 2, 1)
    assert not await settle(store, first, "dead")
    assert await settle(store, second)
    assert not await settle(store, second, "dead")  # once is once


async def test_a_wait_is_kept(store: Store) -> None:
    """Not due before, due after."""
    await queue(store, 1)
    (one,) = await claim(store, "lse_1")
    await settle(store, one, "pending", wait_ms=LEASE_MS // 2)
    assert await claim(store, "lse_2") == []
    await expire(store)
    assert [two.attempt for two in await claim(store, "lse_2")] == [2]


async def test_a_manual_retry_begins_the_schedule_anew(store: Store) -> None:
    """Its attempts go on counting; one under way cannot be retried."""
    await queue(store, 1)
    (one,) = await claim(store, "lse_1")
    assert not await store.write(lambda tx: delivery_rows.make_due(tx, one.id))
    await settle(store, one, "dead")
    assert await store.write(lambda tx: delivery_rows.make_due(tx, one.id))
    (again,) = await claim(store, "lse_2")

    assert (again.attempt, again.step, again.trigger) == (2, 1, "manual")


async def test_release_is_as_if_nothing_had_been_claimed(store: Store) -> None:
    """A worker that stops gives back what it has not begun."""
    await queue(store, 2)
    claimed = await claim(store, "lse_1")
    await store.write(lambda tx: claim_rows.release(tx, "lse_1", [one.id for one in claimed]))

    assert [one.attempt for one in await claim(store, "lse_2")] == [1, 1]


@pytest.mark.postgres
async def test_a_worker_that_stops_in_the_middle_of_a_claim_does_not_stop_the_others(
    postgres: Postgres, migrated: str
) -> None:
    """What it holds is let go once it has been silent for a while; should it wake, it is told so, and goes on."""
    url = postgres.create_database(migrated)
    stopped, other = PostgresStore(url, silence_ms=300), PostgresStore(url)
    took, wakes = asyncio.Event(), asyncio.Event()

    async def never_ending(tx: Tx) -> None:
        await claim_rows.wait_turn(tx)
        took.set()
        await wakes.wait()
        await claim_rows.wait_turn(tx)

    holding = asyncio.create_task(stopped.write(never_ending))
    await took.wait()
    async with asyncio.timeout(20):
        await other.write(claim_rows.wait_turn)
    wakes.set()
    with pytest.raises(Unavailable):
        await holding
    await stopped.write(claim_rows.wait_turn)
    await stopped.close()
    await other.close()
