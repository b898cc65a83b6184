"""A receiver whose answers are lost: every delivery is repeated, under the same id."""

from __future__ import annotations

import asyncio
import time

import pytest

from greenroom.engine.vendor import DEADLINE_S
from tests.chaos.books import all_delivered, balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours, Received, quick
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size

#: one in this many answers is lost
LOST = 20
#: seconds until the first retry is due, and until an open breaker lets a probe through
RETRY_S, BREAKER_S = 6, 31


async def time_passes(installation: Installation, size: Size, seconds: float) -> None:
    """Waits so long, or moves due times and breakers in the database back by as much."""
    if size.real_leases:
        await asyncio.sleep(seconds)
        return
    ms = int(seconds * 1000)
    await installation.sql(f"UPDATE breakers SET open_until = open_until - {ms}")
    await installation.sql(f"UPDATE deliveries SET due_at = due_at - {ms} WHERE state = 'pending' AND lease IS NULL")


@pytest.mark.parametrize(
    ("database", "size"),
    [
        pytest.param("sqlite", SHORT, id="sqlite-short"),
        pytest.param("sqlite", LONG, id="sqlite-long", marks=pytest.mark.chaos),
        pytest.param("postgres", LONG, id="postgres-long", marks=[pytest.mark.chaos, pytest.mark.postgres]),
    ],
)
async def test_answers_are_lost(
    database: str, size: Size, install: Install, neighbours: Neighbours, report: Report
) -> None:
    """Nothing is lost although the receiver resets connections, answers after the deadline, and restarts."""
    began = time.monotonic()
    lost: list[str] = []

    async def lose(received: Received) -> int | str:
        # by order of arrival: if all concurrent requests failed together, the breaker would open
        is_lost = received.count == 1 and len(neighbours.received) % LOST == 0
        await asyncio.sleep(0.02)
        if not is_lost:
            return 200
        lost.append(received.subject)
        if size.real_leases and len(lost) % 10 == 0:
            await asyncio.sleep(DEADLINE_S + 1)
            return 200
        return "reset"

    neighbours.mishap = lose
    async with install(database) as installation:
        await installation.serve()
        load = Load(installation, neighbours, size.rate)
        await load.run(size.seconds)
        await time_passes(installation, size, RETRY_S)
        await all_delivered(installation)

        neighbours.mishap = quick
        loading = asyncio.create_task(load.run(size.period * 2))
        await asyncio.sleep(size.period)
        await neighbours.stop()
        await asyncio.sleep(0.5)
        await neighbours.start()
        await loading
        await time_passes(installation, size, BREAKER_S)
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert lost
    assert not load.refused
    assert books.unrecorded == 0
    assert len(lost) <= books.duplicates
    report.add(
        f"answers lost, {database}", books, allowed=len(lost) + neighbours.cut, faults=len(lost) + 1, since=began
    )
