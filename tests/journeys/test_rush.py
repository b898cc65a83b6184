"""Load shedding: requests beyond the limit are refused at once, the others are served."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice

import asyncpg

from greenroom.store.load_shedding import LoadSheddingStore
from tests.house import House, Linked

ROOM = 6
RUSH = 30


@asynccontextmanager
async def held_up(house: House) -> AsyncIterator[None]:
    """Blocks every order for the block: another client of the database locks the table."""
    url = house.settings.database_url
    if url is None:
        path = house.settings.data_dir / "greenroom.db"
        other = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        # in a thread: the holder of the lock may need this event loop to release it
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()
        return
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE orders IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def test_excess_requests_are_refused_at_once_and_accepted_ones_completed(northwind: Linked) -> None:
    house = northwind.house
    await northwind.send_test(1)  # notes Greenhouse's first call, which would be another write
    store: LoadSheddingStore = house.app.state.ctx.store
    store.most = ROOM
    async with held_up(house):
        rush = [asyncio.create_task(northwind.call("send_test", json=northwind.test_body(n))) for n in range(RUSH)]
        refused = [await one for one in islice(asyncio.as_completed(rush, timeout=60), RUSH - ROOM)]
        assert 0 < store.waiting <= 2 * ROOM
    answers = await asyncio.gather(*rush)

    assert {one.status_code for one in refused} == {503}
    assert {one.headers["retry-after"] for one in refused} == {"5"}
    assert "Too many requests" in refused[0].json()["message"]
    taken = [one for one in answers if one.status_code == 200]
    assert 0 < len(taken) <= ROOM  # the request log may have used one, too
    async with asyncio.timeout(20):
        while store.waiting:  # every waiting unit of work has ended
            await asyncio.sleep(0.01)
    again = [await northwind.send_test(number) for number in range(RUSH)]
    assert {one.json()["partner_interview_id"] for one in taken} <= set(again)
    assert len(set(again)) == RUSH


async def test_reads_have_a_limit_of_their_own(northwind: Linked) -> None:
    store: LoadSheddingStore = northwind.house.app.state.ctx.store
    store.most = 0

    for path in ("/v1/orders", "/readyz"):
        answer = await northwind.api("GET", path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await northwind.call("test_status", "partner_interview_id=ord_1")).status_code == 503
    assert "greenroom_database_refused_total" in (await northwind.api("GET", "/metrics")).text
    store.most = ROOM
    assert (await northwind.api("GET", "/v1/orders")).status_code == 200
