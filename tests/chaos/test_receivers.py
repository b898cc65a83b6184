"""A receiver that does what it was asked, and fails to say so: everything comes again, under the same id."""

from __future__ import annotations

import asyncio
import time

import pytest

from greenroom.engine.vendor import DEADLINE_S
from tests.chaos.books import all_delivered, balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Heard, Neighbours, quick
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size

#: one in so many answers is lost
LOST = 20
#: the first retry is due by then, and a receiver that was found away is tried again
RETRY_S, BREAKER_S = 6, 31


async def time_passes(installation: Installation, size: Size, seconds: float) -> None:
    """For good, or on the database's record of what waits."""
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
    """It breaks connections once it has read the body, answers some after the deadline, and then restarts."""
    began = time.monotonic()
    lost: list[str] = []

    async def lose(heard: Heard) -> int | str:
        # told by its place in the order of arrival: requests that wait side by side must not all share one fate, or the
        # receiver looks like one that is down, and is rightly left alone
        is_lost = heard.count == 1 and len(neighbours.heard) % LOST == 0
        await asyncio.sleep(0.02)
        if not is_lost:
            return 200
        lost.append(heard.subject)
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
