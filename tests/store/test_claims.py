"""Tests of claims, leases and fencing tokens, on both databases."""

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
    """Adds due deliveries to one webhook."""

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
    """Claims up to `limit` deliveries of each queue."""
    shares: list[tuple[Queue, str, int]] = [(queue, "whk_1", limit) for queue in SHARES]
    return await store.write(lambda tx: claim_rows.claim(tx, shares, lease=lease, lease_ms=LEASE_MS))


async def complete(store: Store, claimed: Claimed, state: State = "delivered", wait_ms: int = 0) -> bool:
    ended = [(claimed.id, claimed.lease, state, wait_ms, None, 0, 0)]
    return set(await store.write(lambda tx: delivery_rows.complete(tx, ended))) == {claimed.id}


async def expire(store: Store) -> None:
    """Makes every lease expire."""
    await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", LEASE_MS))


async def end_expired(tx: Tx) -> None:
    await claim_rows.interrupt(tx, await claim_rows.leased(tx, expired=True))


async def test_eight_workers_claim_each_delivery_once(store: Store) -> None:
    """Concurrent claims of small batches return each of 300 deliveries once."""
    await queue(store, 300)

    async def worker(name: str) -> list[str]:
        mine: list[str] = []
        while found := await claim(store, f"{name}_{len(mine)}", limit=7):
            mine += [one.id for one in found]
        return mine

    claimed = [one for mine in await asyncio.gather(*(worker(f"lse_{n}") for n in range(8))) for one in mine]

    assert len(claimed) == len(set(claimed)) == 300


async def test_an_expired_lease_passes_to_another_worker(store: Store) -> None:
    """A worker that is later than its lease can no longer complete the delivery."""
    await queue(store, 1)
    (first,) = await claim(store, "lse_1")
    assert await claim(store, "lse_2") == []
    await expire(store)
    assert await claim(store, "lse_2") == []  # the interrupted attempt is recorded first
    await store.write(end_expired)
    (second,) = await claim(store, "lse_2")

    assert (first.attempt, second.attempt, second.step) == (1, 2, 1)
    assert not await complete(store, first, "dead")
    assert await complete(store, second)
    assert not await complete(store, second, "dead")  # a delivery is completed once


async def test_a_delivery_is_claimed_when_its_wait_is_over(store: Store) -> None:
    """A pending delivery is not claimed before it is due."""
    await queue(store, 1)
    (one,) = await claim(store, "lse_1")
    await complete(store, one, "pending", wait_ms=LEASE_MS // 2)
    assert await claim(store, "lse_2") == []
    await expire(store)
    assert [two.attempt for two in await claim(store, "lse_2")] == [2]


async def test_a_manual_retry_restarts_the_schedule(store: Store) -> None:
    """The count of attempts goes on, and a delivery in flight cannot be retried."""
    await queue(store, 1)
    (one,) = await claim(store, "lse_1")
    assert not await store.write(lambda tx: delivery_rows.make_due(tx, one.id))
    await complete(store, one, "dead")
    assert await store.write(lambda tx: delivery_rows.make_due(tx, one.id))
    (again,) = await claim(store, "lse_2")

    assert (again.attempt, again.step, again.trigger) == (2, 1, "manual")


async def test_released_deliveries_do_not_count_an_attempt(store: Store) -> None:
    """A worker that stops releases deliveries without an attempt."""
    await queue(store, 2)
    claimed = await claim(store, "lse_1")
    await store.write(lambda tx: claim_rows.release(tx, "lse_1", [one.id for one in claimed]))

    assert [one.attempt for one in await claim(store, "lse_2")] == [1, 1]


@pytest.mark.postgres
async def test_a_suspended_worker_does_not_block_the_claims_of_others(postgres: Postgres, migrated: str) -> None:
    """PostgreSQL ends an idle claim transaction; the suspended worker gets Unavailable and can claim again."""
    url = postgres.create_database(migrated)
    stopped, other = PostgresStore(url, silence_ms=300), PostgresStore(url)
    locked, resumed = asyncio.Event(), asyncio.Event()

    async def claim_and_pause(tx: Tx) -> None:
        await claim_rows.take_claim_lock(tx)
        locked.set()
        await resumed.wait()
        await claim_rows.take_claim_lock(tx)

    holding = asyncio.create_task(stopped.write(claim_and_pause))
    await locked.wait()
    async with asyncio.timeout(20):
        await other.write(claim_rows.take_claim_lock)
    resumed.set()
    with pytest.raises(Unavailable):
        await holding
    await stopped.write(claim_rows.take_claim_lock)
    await stopped.close()
    await other.close()
