"""The database goes away under load: callers get 503, processes stay quiet, and all of them reconnect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import pytest

from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.installation import IN_FLIGHT, Installation, ask
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours
from tests.chaos.quiet import Quiet
from tests.chaos.report import Report
from tests.chaos.sizes import Size, sized
from tests.support.postgres import Postgres

#: seconds within which a caller gets a 503, besides the delay that a busy machine adds to any answer
REFUSED_WITHIN_S = 4.0


@dataclass(frozen=True)
class Outage:
    """The attempts in flight according to the database, and the slowest answer that needs no database."""

    in_flight: set[str]
    slowest_s: float


async def probe(installation: Installation, path: str) -> int:
    """Returns the status that a health probe of the gateway gets."""
    async with httpx2.AsyncClient(timeout=20, verify=False) as client:
        return (await client.get(installation.urls[0] + path)).status_code


async def becomes_ready(installation: Installation) -> None:
    """Waits until the gateway has reconnected by itself."""
    async with asyncio.timeout(30):
        while await probe(installation, "/readyz") != 200:
            await asyncio.sleep(0.1)


async def away(installation: Installation, postgres: Postgres, end: Callable[[], None], size: Size) -> Outage:
    """Takes the database away for a while."""
    watched = [Quiet(process) for process in installation.processes]
    slowest_s = 0.0
    await asyncio.to_thread(end)
    try:
        in_flight = await asyncio.to_thread(left_in_flight, installation, postgres)
        began = time.monotonic()
        while time.monotonic() - began < size.outage:
            asked = time.monotonic()
            assert await probe(installation, "/healthz") == 200
            slowest_s = max(slowest_s, time.monotonic() - asked)
            assert await probe(installation, "/readyz") == 503
            await asyncio.sleep(0.2)
    finally:
        await asyncio.to_thread(postgres.start)
    for one in watched:
        one.check()
    await becomes_ready(installation)
    return Outage(in_flight, slowest_s)


def left_in_flight(installation: Installation, postgres: Postgres) -> set[str]:
    """Returns the attempts in flight, read on a port that no Greenroom process knows: connected workers would claim more."""
    assert installation.database_url
    with postgres.unseen(installation.database_url) as url:
        return set(asyncio.run(ask(url, IN_FLIGHT)))


@sized
@pytest.mark.postgres
async def test_the_database_goes_away(
    size: Size, install: Install, neighbours: Neighbours, report: Report, postgres: Postgres
) -> None:
    """After a kill, and in the long form a regular stop, every process reconnects by itself and nothing is lost."""
    began = time.monotonic()
    async with install("postgres") as installation:
        await installation.serve()
        await installation.work()
        load = Load(installation, neighbours, size.rate)
        over = asyncio.Event()
        loading = asyncio.create_task(load.run(600, until=over.is_set))
        outages: list[Outage] = []
        ends = (postgres.kill, postgres.stop) if size.real_leases else (postgres.kill,)
        for end in ends:
            await asyncio.sleep(size.period)
            outages.append(await away(installation, postgres, end, size))
        await asyncio.sleep(size.period)
        over.set()
        await loading
        assert set(load.refused) == {503}
        assert load.without_retry_after == 0
        assert load.slowest_refusal < REFUSED_WITHIN_S + max(one.slowest_s for one in outages)
        await load.finish()
        if not size.real_leases:
            await neighbours.quiet(3.0)  # every unrecorded attempt is recorded by now
            await installation.end_leases()
        books = await balance(installation, load, neighbours)
    in_flight = {attempt for one in outages for attempt in one.in_flight}
    # after an outage longer than a lease, an attempt may be recorded after another worker has repeated it
    assert books.unrecorded <= len(in_flight)
    report.add("database away, postgres", books, allowed=len(in_flight), faults=len(ends), since=began)
