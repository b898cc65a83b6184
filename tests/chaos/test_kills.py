"""`kill -9` of gateways and workers, repeatedly, under load: every accepted order is kept and has one effect."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.kills import Killed
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size, sized


async def kill_in_turn(installation: Installation, names: list[str], size: Size, loading: asyncio.Task[None]) -> Killed:
    """Kills one process after the other at random moments, and starts each again."""
    chance, killed = random.Random(len(names)), Killed()
    while not loading.done():
        await asyncio.sleep(size.period * chance.uniform(0.5, 1.0))
        await killed.one_of(installation, names)
    return killed


@pytest.mark.parametrize(
    ("database", "size"),
    [
        pytest.param("sqlite", SHORT, id="sqlite-short"),
        pytest.param("sqlite", LONG, id="sqlite-long", marks=pytest.mark.chaos),
        pytest.param("postgres", LONG, id="postgres-long", marks=[pytest.mark.chaos, pytest.mark.postgres]),
    ],
)
async def test_the_gateway_is_killed(
    database: str, size: Size, install: Install, neighbours: Neighbours, report: Report
) -> None:
    """Attempts in flight are repeated at the next start."""
    began = time.monotonic()
    async with install(database) as installation:
        await installation.serve()
        load = Load(installation, neighbours, size.rate)
        killed = await kill_in_turn(installation, ["serve"], size, asyncio.create_task(load.run(size.seconds)))
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert books.duplicates <= books.unrecorded <= len(killed.in_flight)
    report.add(f"gateway killed, {database}", books, allowed=len(killed.in_flight), faults=killed.times, since=began)


@sized
@pytest.mark.postgres
async def test_workers_are_killed(size: Size, install: Install, neighbours: Neighbours, report: Report) -> None:
    """With two workers and two gateways killed in turn, the remaining ones deliver."""
    began = time.monotonic()
    async with install("postgres") as installation:
        names = ["work-1", "serve-1", "work-2", "serve-2"]
        await installation.start(names)
        load = Load(installation, neighbours, size.rate)
        loading = asyncio.create_task(load.run(size.seconds))
        killed = await kill_in_turn(installation, names, size, loading)
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert books.duplicates <= books.unrecorded <= len(killed.in_flight)
    report.add(
        "workers and gateways killed, postgres", books, allowed=len(killed.in_flight), faults=killed.times, since=began
    )
