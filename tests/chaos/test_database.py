"""The database goes away under load: nothing is promised that cannot be kept, nobody panics, and all of it comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx2
import pytest

from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours
from tests.chaos.quiet import Quiet
from tests.chaos.report import Report
from tests.chaos.sizes import Size, sized
from tests.support.postgres import Postgres

#: how long a caller may be kept waiting for a 503: 2 s, and what a busy machine adds
REFUSED_WITHIN_S = 4.0


async def probe(installation: Installation, path: str) -> int:
    """What an orchestrator's probe of the gateway gets."""
    async with httpx2.AsyncClient(timeout=20, verify=False) as client:
        return (await client.get(installation.urls[0] + path)).status_code


async def becomes_ready(installation: Installation) -> None:
    """By itself."""
    async with asyncio.timeout(30):
        while await probe(installation, "/readyz") != 200:
            await asyncio.sleep(0.1)


async def away(
    installation: Installation, postgres: Postgres, end: Callable[[], None], size: Size, neighbours: Neighbours
) -> set[str]:
    """End the database for a while; the attempts that were under way when it went."""
    watched = [Quiet(process) for process in installation.processes]
    before = await installation.leases()
    await asyncio.to_thread(end)
    try:
        began = time.monotonic()
        while time.monotonic() - began < size.outage:
            assert await probe(installation, "/healthz") == 200
            assert await probe(installation, "/readyz") == 503
            await asyncio.sleep(0.2)
    finally:
        await asyncio.to_thread(postgres.start)
    for one in watched:
        one.check()
    await becomes_ready(installation)
    return before | await installation.leases()


@sized
@pytest.mark.postgres
async def test_the_database_goes_away(
    size: Size, install: Install, neighbours: Neighbours, report: Report, postgres: Postgres
) -> None:
    """Killed, and in the long form stopped in order too; every process finds it again by itself."""
    began = time.monotonic()
    async with install("postgres") as installation:
        await installation.serve()
        await installation.work()
        load = Load(installation, neighbours, size.rate)
        over = asyncio.Event()
        loading = asyncio.create_task(load.run(600, until=over.is_set))
        in_flight: set[str] = set()
        ends = (postgres.kill, postgres.stop) if size.real_leases else (postgres.kill,)
        for end in ends:
            await asyncio.sleep(size.period)
            in_flight |= await away(installation, postgres, end, size, neighbours)
        await asyncio.sleep(size.period)
        over.set()
        await loading
        assert set(load.refused) == {503}
        assert load.without_retry_after == 0
        assert load.slowest_refusal < REFUSED_WITHIN_S
        await load.finish()
        if not size.real_leases:
            await neighbours.quiet(3.0)  # whoever waits to write down an attempt has done it by now
            in_flight |= await installation.leases()
            await installation.end_leases()
        books = await balance(installation, load, neighbours)
    assert books.duplicates <= books.unrecorded
    report.add("database away, postgres", books, allowed=len(in_flight), faults=len(ends), since=began)
