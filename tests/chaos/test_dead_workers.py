"""A worker or its database session dies: other workers repeat its attempts before its leases expire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from greenroom.model.attempts import INTERRUPTED
from greenroom.model.claims import MARK
from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.installation import LEASED, Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours, Received
from tests.chaos.report import Report
from tests.support.postgres import Postgres

#: orders; each has a webhook and a result for the ATS in flight
FEW = 5
HOUR_MS = 3_600_000
HOLDERS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY pid"
)


class Held:
    """A receiver that keeps the first request about each subject open until `let_go`, then answers `first`; others get 200."""

    def __init__(self, neighbours: Neighbours, first: int = 200) -> None:
        self.let_go = asyncio.Event()
        self._neighbours = neighbours
        self._first = first
        neighbours.mishap = self._answer

    async def _answer(self, received: Received) -> int:
        if received.count > 1:
            return 200
        await self.let_go.wait()
        return self._first

    async def all_in_flight(self, installation: Installation) -> Load:
        """Places orders and results, keeps each request open, and extends the leases beyond the test."""
        load = Load(installation, self._neighbours, rate=1000)
        await load.run(60, until=lambda: load.sent == FEW)
        await load.finish()
        await until(lambda: self._neighbours.in_hand == 2 * FEW)
        await installation.sql(f"UPDATE deliveries SET due_at = due_at + {HOUR_MS} WHERE id IN (SELECT id {LEASED})")
        assert len(await installation.leases()) == 2 * FEW
        return load

    async def all_repeated(self) -> None:
        """Waits until each has been requested again."""
        await until(lambda: sum(received.count == 2 for received in self._neighbours.received) == 2 * FEW)


@pytest.fixture(autouse=True)
async def open_requests_are_closed(neighbours: Neighbours) -> AsyncIterator[None]:
    """Closes the open requests of a failed test, since the neighbours wait for them."""
    yield
    mishap: Any = neighbours.mishap
    mishap.__self__.let_go.set()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


async def wait_for_sessions(installation: Installation, count: int, but: frozenset[int] = frozenset()) -> list[int]:
    """Waits until so many workers have sessions other than `but`; returns their server processes."""
    async with asyncio.timeout(20):
        while len(found := await installation.sql(HOLDERS)) != count or but & set(found):
            await asyncio.sleep(0.02)
    return found


async def wait_for_attempts(installation: Installation, expected: list[Any]) -> None:
    """Waits until the recorded attempts of every delivery are as expected."""
    async with asyncio.timeout(20):
        while True:
            found = await installation.all("/v1/deliveries")
            made = [
                [(one["number"], one["error_kind"], one["status"]) for one in sorted(each["attempts"], key=by_number)]
                for each in found
            ]
            if all(one["state"] == "delivered" for one in found) and made == [expected] * 2 * FEW:
                return
            await asyncio.sleep(0.1)


def by_number(attempt: Any) -> int:
    return int(attempt["number"])


@pytest.mark.parametrize(
    ("database", "by"),
    [
        pytest.param("sqlite", "itself, restarted"),
        pytest.param("postgres", "itself, restarted", marks=pytest.mark.postgres),
        pytest.param("postgres", "another worker", marks=pytest.mark.postgres),
    ],
)
async def test_attempts_of_a_killed_worker_are_repeated_before_their_leases_end(
    database: str, by: str, install: Install, neighbours: Neighbours, report: Report
) -> None:
    """The killed attempt is recorded as interrupted, in both lanes."""
    began = time.monotonic()
    held = Held(neighbours)
    async with install(database) as installation:
        serving = await installation.serve()
        load = await held.all_in_flight(installation)
        if by == "another worker":
            await installation.serve("other")
        await serving.kill()
        if by != "another worker":
            await installation.again(serving)
        await held.all_repeated()

        await wait_for_attempts(installation, [(1, INTERRUPTED, None), (2, None, 200)])
        books = await balance(installation, load, neighbours)
    assert (books.duplicates, books.unrecorded) == (2 * FEW, 2 * FEW)
    report.add(f"killed with requests in flight, {database}", books, allowed=2 * FEW, faults=1, since=began)


@pytest.mark.postgres
async def test_a_suspended_worker_whose_session_ended_changes_nothing(
    install: Install, neighbours: Neighbours, report: Report
) -> None:
    """Another worker has delivered meanwhile; the late refusals replace the interrupted attempts in the record."""
    began = time.monotonic()
    held = Held(neighbours, first=404)
    async with install("postgres") as installation:
        serving = await installation.serve()
        load = await held.all_in_flight(installation)
        (session,) = await wait_for_sessions(installation, 1)
        await serving.paused()
        await installation.sql(f"SELECT pg_terminate_backend({session})")
        other = await installation.serve("other")
        await held.all_repeated()
        held.let_go.set()
        serving.resume()

        await wait_for_attempts(installation, [(1, "http_status", 404), (2, None, 200)])
        await wait_for_sessions(installation, 2, frozenset([session]))
        assert not [line for line in serving.lines() + other.lines() if "Traceback" in line]
        books = await balance(installation, load, neighbours)
    assert (books.duplicates, books.unrecorded) == (2 * FEW, 0)
    report.add("session ended while a worker stood still, postgres", books, allowed=2 * FEW, faults=1, since=began)


@pytest.mark.postgres
@pytest.mark.parametrize("broken", ["one session", "the server"])
async def test_workers_that_live_obtain_their_sessions_again(
    broken: str, install: Install, neighbours: Neighbours, report: Report, postgres: Postgres
) -> None:
    """Attempts in flight are completed by their worker, and later leases belong to the new session."""
    began = time.monotonic()
    held = Held(neighbours)
    async with install("postgres") as installation:
        serving = await installation.serve()
        load = await held.all_in_flight(installation)
        first = await wait_for_sessions(installation, 1)
        await installation.work()
        both = await wait_for_sessions(installation, 2)
        if broken == "the server":
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
            await wait_for_sessions(installation, 2, frozenset(both))
        else:
            await installation.sql(f"SELECT pg_terminate_backend({first[0]})")
            await wait_for_sessions(installation, 2, frozenset(first))
        held.let_go.set()
        books = await balance(installation, load, neighbours)
        assert books.duplicates <= 2 * FEW

        held.let_go.clear()
        before = len(neighbours.received)
        more = Load(installation, neighbours, rate=1000, _numbers=FEW)
        await more.run(60, until=lambda: more.sent == FEW + 1)
        await until(lambda: len(neighbours.received) == before + 2)
        assert [MARK in lease for lease in await installation.sql(f"SELECT lease {LEASED}")] == [True] * 2
        assert not [line for line in serving.lines() if "Traceback" in line]
        held.let_go.set()
    report.add(f"{broken} of living workers broken, postgres", books, allowed=2 * FEW, faults=1, since=began)
