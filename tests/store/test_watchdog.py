"""Tests of the watchdog for silent databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from greenroom.store import watchdog
from greenroom.store.watchdog import Watchdog


class FakeConnection:
    """A connection that can be dropped."""

    def __init__(self) -> None:
        self.dropped = asyncio.Event()

    def terminate(self) -> None:
        self.dropped.set()


@pytest.fixture(autouse=True)
def short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the heartbeat to a millisecond."""
    monkeypatch.setattr(watchdog, "BEAT_S", 0.001)


def make_watchdog(
    *answers: bool, connections: list[FakeConnection], meanwhile: Callable[[Watchdog], None] = lambda _: None
) -> Watchdog:
    """Returns a watchdog whose probes have these answers, the last one repeatedly."""
    left = list(answers)

    async def answer() -> bool:
        meanwhile(one)
        return left.pop(0) if len(left) > 1 else left[0]

    def drop_all() -> None:
        for connection in connections:
            connection.terminate()

    one = Watchdog(answer, drop_all)
    return one


async def ends(what: Awaitable[object]) -> None:
    async with asyncio.timeout(20):
        await what


async def test_all_connections_to_a_silent_database_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections are dropped, too."""
    used, kept = FakeConnection(), FakeConnection()
    with make_watchdog(False, connections=[used, kept]).watching(used):
        await ends(used.dropped.wait())

    assert kept.dropped.is_set()


async def test_a_database_that_answers_may_be_slow() -> None:
    """Probes go on, and the connection is dropped after the first that fails."""
    connection, asked = FakeConnection(), list[int]()
    dog = make_watchdog(True, True, True, False, connections=[connection], meanwhile=lambda _: asked.append(len(asked)))
    with dog.watching(connection):
        await ends(connection.dropped.wait())

    assert asked == [0, 1, 2, 3]


async def test_an_answer_on_another_connection_counts() -> None:
    """Nothing is dropped if only the probe fails, as on an overloaded machine."""
    connection, other, rounds, looked = FakeConnection(), FakeConnection(), list[int](), asyncio.Event()

    def received(dog: Watchdog) -> None:
        with dog.watching(other):
            rounds.append(len(rounds))
        if len(rounds) == 3:
            looked.set()

    with make_watchdog(False, connections=[connection], meanwhile=received).watching(connection):
        await ends(looked.wait())
        assert not connection.dropped.is_set()


async def test_a_connection_over_its_time_is_dropped_alone() -> None:
    """Other connections stay open."""
    short, other = FakeConnection(), FakeConnection()
    dog = make_watchdog(True, connections=[short, other])
    with dog.watching(other), dog.watching(short, within=0.001):
        await ends(short.dropped.wait())
        assert not other.dropped.is_set()


async def test_failed_work_is_not_watched() -> None:
    """The watchdog ends when no connection is in use."""
    connection = FakeConnection()
    dog = make_watchdog(False, connections=[])
    with pytest.raises(ZeroDivisionError), dog.watching(connection, within=0):
        raise ZeroDivisionError
    assert dog._task is not None
    await ends(dog._task)

    assert not connection.dropped.is_set()
    assert dog._task is None
    dog.stop()
