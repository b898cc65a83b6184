"""Detection of dead workers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import liveness
from greenroom.engine.liveness import Liveness
from greenroom.errors import Unavailable
from greenroom.model.claims import MARK
from greenroom.services import claims
from greenroom.store.db import Store, WorkerSession
from tests.support.queues import context


class Session:
    """A worker session with scripted answers; None means that the session was lost."""

    def __init__(self, *says: set[str] | None) -> None:
        self.held = False
        self.held_at = self.lost_at = -math.inf
        self._says = iter(says)

    async def dead_workers(self) -> frozenset[str]:
        said = next(self._says)
        if said is None:
            self.held, self.lost_at = False, time.monotonic()
            raise Unavailable
        if not self.held:
            self.held, self.held_at = True, time.monotonic()
        return frozenset(said)

    def close(self) -> None:
        self.held = False


class Says:
    """A store with this worker session only."""

    def __init__(self, session: WorkerSession) -> None:
        self._session = session

    def worker_session(self, worker: str) -> WorkerSession:
        return self._session


async def interrupted(monkeypatch: pytest.MonkeyPatch, *says: set[str] | None) -> list[list[str]]:
    """Returns the workers whose leases were ended after each answer of the session."""
    store: Any = Says(Session(*says))
    watching = Liveness(context(store))
    found: list[list[str]] = []

    async def interrupt(_: Context, begins: Sequence[str], *, lease: timedelta) -> int:
        found[-1] += [prefix.removesuffix(MARK) for prefix in begins]
        return 1

    monkeypatch.setattr(claims, "interrupt", interrupt)
    for _ in says:
        found.append([])
        await watching.begin()
        await watching.interrupt_dead(lease=timedelta(0))
    return found


async def test_a_worker_is_dead_when_its_session_is_missing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that obtains its session again in between is alive."""
    assert await interrupted(monkeypatch, {"a", "b"}, {"a"}, {"b"}, {"b"}) == [[], ["a"], [], ["b"]]


async def test_nobody_is_dead_right_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage ends the sessions of all workers, and living ones obtain theirs again."""
    outage: list[set[str] | None] = [{"a"}, None, {"a"}, {"a"}]
    assert await interrupted(monkeypatch, *outage) == [[], [], [], []]
    monkeypatch.setattr(liveness, "RETURN_S", 0.0)
    assert await interrupted(monkeypatch, *outage) == [[], [], [], ["a"]]


async def test_a_lost_session_is_one_line_of_the_log_however_long_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as lines:
        await interrupted(monkeypatch, set(), None, None, None, set(), None)
    assert [line["event"] for line in lines] == ["worker_session_lost"] * 2


async def test_a_lost_session_is_not_asked_for_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker pauses between its attempts to obtain a session, however long an outage lasts."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise asyncio.CancelledError

    store: Any = Says(Session(None, None, None))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Liveness(context(store)).run(lambda: None)
    monkeypatch.undo()

    assert slept == [liveness.RETRY_S] * 4


async def test_leases_count_on_the_session_while_it_is_held() -> None:
    """Leases taken without the session end only by expiry."""
    session = Session(set())
    store: Any = Says(session)
    watching = Liveness(context(store))
    assert watching.lease_prefix == watching.worker
    await watching.begin()
    assert watching.lease_prefix == watching.worker + MARK
    watching.close()
    assert watching.lease_prefix == watching.worker


async def test_on_sqlite_there_is_no_other_worker(store: Store) -> None:
    """On SQLite the check ends at once; on PostgreSQL the session is held after `begin`."""
    watching = Liveness(context(store))
    async with asyncio.timeout(20):
        await watching.begin()
        if store.worker_session("wrk_a") is None:
            await watching.run(lambda: None)

    assert watching.lost_at == -math.inf
    watching.close()
