"""A suspended process, and a machine whose clock is off: neither changes recorded deliveries nor sends too early."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from greenroom.engine.slots import LEASE
from tests.chaos import clock
from tests.chaos.books import all_delivered, balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours, Received
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size, sized

pytestmark = pytest.mark.postgres
#: orders, fewer than the concurrency limit of one webhook
FEW = 10
#: seconds by which a signature's time may be off; receivers accept 300
MOST_OFF_S = 60


async def settled(installation: Installation, attempts: int) -> list[Any]:
    """Waits until every webhook's delivery has so many recorded attempts; returns the deliveries."""
    async with asyncio.timeout(30):
        while True:
            found = [one for one in await installation.all("/v1/deliveries") if one["lane"] == "vendor"]
            if all(len(one["attempts"]) == attempts for one in found):
                return found
            await asyncio.sleep(0.1)


@sized
async def test_a_process_is_suspended_past_its_lease(
    size: Size, install: Install, neighbours: Neighbours, report: Report
) -> None:
    """Another worker delivers; the suspended worker's late refusals are recorded and change nothing."""
    began = time.monotonic()
    let_go = asyncio.Event()

    async def hold_the_first(received: Received) -> int:
        if received.count > 1 or received.is_result:
            return 200
        await let_go.wait()
        return 404

    neighbours.mishap = hold_the_first
    async with install("postgres") as installation:
        serving = await installation.serve()
        load = Load(installation, neighbours, rate=1000)
        await load.run(60, until=lambda: load.sent == FEW)
        await load.finish()
        async with asyncio.timeout(20):
            while (neighbours.in_hand, len(await installation.leases())) != (FEW, FEW):
                await asyncio.sleep(0.02)

        await serving.paused()
        await installation.work()
        if size.real_leases:
            await asyncio.sleep(LEASE.total_seconds())
        else:
            await installation.end_leases()
        async with asyncio.timeout(20):
            while sum(received.count == 2 for received in neighbours.received) < FEW:
                await asyncio.sleep(0.02)
        let_go.set()
        serving.resume()

        for one in await settled(installation, 2):
            late, other = sorted(one["attempts"], key=lambda attempt: attempt["number"])
            assert (one["state"], late["error_kind"] is None, other["status"]) == ("delivered", False, 200)
            assert late["worker"] != other["worker"]
        books = await balance(installation, load, neighbours)
    assert books.unrecorded == 0
    report.add("process stopped past its lease, postgres", books, allowed=FEW, faults=1, since=began)


async def skew(url: str) -> float:
    """Returns the process's clock skew by its metrics."""
    async with httpx2.AsyncClient(timeout=20, verify=False) as client:
        text = (await client.get(f"{url}/metrics")).text
    found = re.search(r"^greenroom_clock_skew_seconds (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


async def noticed(url: str, seconds: float) -> None:
    """Waits until the process reports this clock skew."""
    async with asyncio.timeout(60):
        while abs(await skew(url) - seconds) > 5:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("off", "size"),
    [
        pytest.param(600, SHORT, id="ahead-short"),
        pytest.param(600, LONG, id="ahead-long", marks=pytest.mark.chaos),
        pytest.param(-600, LONG, id="behind-long", marks=pytest.mark.chaos),
    ],
)
async def test_a_clock_is_off(
    off: int, size: Size, install: Install, neighbours: Neighbours, report: Report, tmp_path: Path
) -> None:
    """After a step of ten minutes and back, orders accepted meanwhile wait, and are sent neither early nor with a wrong time."""
    began = time.monotonic()
    wrong = tmp_path / "clock"
    clock.put(wrong, 0)
    async with install("postgres") as installation:
        serving = await installation.serve(clock=wrong)
        load = Load(installation, neighbours, size.rate)
        await load.run(size.seconds / 4)
        await all_delivered(installation)
        clock.put(wrong, off)
        await noticed(serving.url, off)
        before = len(neighbours.received)
        await load.run(size.seconds / 4)
        assert any("clock_off" in line for line in serving.lines())
        assert len(neighbours.received) == before, "it has sent something with a wrong clock"

        clock.put(wrong, 50)  # off, but within the limit
        await load.run(size.seconds / 4)
        clock.put(wrong, 0)
        await load.finish()
        books = await balance(installation, load, neighbours)
    assert (books.duplicates, books.unrecorded, books.refused) == (0, 0, 0)
    assert not [received for received in neighbours.received if abs(received.signed_s) > MOST_OFF_S]
    report.add(f"clock off by {off:+} s, postgres", books, allowed=0, faults=2, since=began)
