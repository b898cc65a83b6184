"""Regular stops, repeatedly, under load: every order is sent exactly once."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours, Received
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, Size, sized

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def test_a_stop_finishes_attempts_in_flight(install: Install, neighbours: Neighbours) -> None:
    """On either signal a delivery in flight is completed and recorded, and the process exits with 0."""
    let_go = asyncio.Event()

    async def hold(_: Received) -> int:
        await let_go.wait()
        return 200

    neighbours.mishap = hold
    async with install("sqlite") as installation:
        serving = await installation.serve()
        load = Load(installation, neighbours, rate=1000)
        for count, number in enumerate(SIGNALS, start=1):
            let_go.clear()
            await load.run(60, until=lambda count=count: load.sent == count)
            async with asyncio.timeout(20):
                while neighbours.in_hand < 2:
                    await asyncio.sleep(0.02)
            stopping = asyncio.create_task(serving.stop(number))
            await asyncio.sleep(0)
            let_go.set()

            assert await stopping == 0
            serving = await installation.again(serving)
        books = await balance(installation, load, neighbours)
    assert (books.requests, books.delivered, books.unrecorded) == (4, 4, 0)


@sized
@pytest.mark.postgres
async def test_a_rolling_restart(size: Size, install: Install, neighbours: Neighbours, report: Report) -> None:
    """Two gateways behind a load balancer and two workers restart in turn, by either signal, without a duplicate."""
    began = time.monotonic()
    async with install("postgres") as installation:
        names = ["serve-1", "work-1", "serve-2", "work-2"]
        await installation.start(names)
        load = Load(installation, neighbours, size.rate)
        over = asyncio.Event()
        loading = asyncio.create_task(load.run(600, until=over.is_set))
        restarts = 0
        until = time.monotonic() + size.seconds
        while restarts < len(names) or time.monotonic() < until:
            old = next(one for one in installation.processes if one.name == names[restarts % len(names)])
            assert await old.stop(SIGNALS[restarts // len(names) % 2]) == 0
            await installation.again(old)
            restarts += 1
        over.set()
        await loading
        assert set(load.refused) <= {503}  # a gateway that has just started may still be busy connecting
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert (books.unrecorded, books.requests) == (0, books.delivered)
    report.add("rolling restart, postgres", books, allowed=0, faults=restarts, since=began)


@pytest.mark.chaos
@pytest.mark.parametrize("size", [LONG], ids=["long"])
async def test_a_gateway_restarts(size: Size, install: Install, neighbours: Neighbours, report: Report) -> None:
    """A single gateway on SQLite refuses connections for a moment, and sends each order exactly once."""
    began = time.monotonic()
    async with install("sqlite") as installation:
        serving = await installation.serve()
        load = Load(installation, neighbours, size.rate)
        loading = asyncio.create_task(load.run(size.seconds))
        restarts = 0
        while not loading.done():
            await asyncio.sleep(size.period)
            assert await serving.stop(SIGNALS[restarts % 2]) == 0
            serving = await installation.again(serving)
            restarts += 1
        assert set(load.refused) <= {"cut"}
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert (books.unrecorded, books.requests) == (0, books.delivered)
    report.add("restarts, sqlite", books, allowed=0, faults=restarts, since=began)
