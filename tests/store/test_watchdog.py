"""When the wait for a database ends, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from greenroom.store import watchdog
from greenroom.store.watchdog import Watchdog


class Line:
    """A connection, and what waits on it."""

    def __init__(self) -> None:
        self.dropped = asyncio.Event()

    def terminate(self) -> None:
        self.dropped.set()


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest: each look is a beat after the last."""
    monkeypatch.setattr(watchdog, "BEAT_S", 0.001)


def beating(*answers: bool, lines: list[Line], meanwhile: Callable[[Watchdog], None] = lambda _: None) -> Watchdog:
    """A watchdog of a database that answers so, the last for ever, with these connections."""
    left = list(answers)

    async def answer() -> bool:
        meanwhile(one)
        return left.pop(0) if len(left) > 1 else left[0]

    def drop_all() -> None:
        for line in lines:
            line.terminate()

    one = Watchdog(answer, drop_all)
    return one


async def ends(what: Awaitable[object]) -> None:
    async with asyncio.timeout(20):
        await what


async def test_a_silent_database_has_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that nobody waits on."""
    used, kept = Line(), Line()
    with beating(False, lines=[used, kept]).watching(used):
        await ends(used.dropped.wait())

    assert kept.dropped.is_set()


async def test_one_that_answers_may_take_its_time() -> None:
    """It is asked again and again, and is dropped only when it does not answer any more."""
    line, asked = Line(), list[int]()
    beat = beating(True, True, True, False, lines=[line], meanwhile=lambda _: asked.append(len(asked)))
    with beat.watching(line):
        await ends(line.dropped.wait())

    assert asked == [0, 1, 2, 3]


async def test_one_that_answers_others_meanwhile_is_not_silent() -> None:
    """However long a new connection takes: this process, or the machine, has more to do than it can."""
    line, other, rounds, looked = Line(), Line(), list[int](), asyncio.Event()

    def heard(beat: Watchdog) -> None:
        with beat.watching(other):
            rounds.append(len(rounds))
        if len(rounds) == 3:
            looked.set()

    with beating(False, lines=[line], meanwhile=heard).watching(line):
        await ends(looked.wait())
        assert not line.dropped.is_set()


async def test_what_may_not_take_long_is_dropped_alone() -> None:
    """Its connection leads nowhere, though others may."""
    short, other = Line(), Line()
    beat = beating(True, lines=[short, other])
    with beat.watching(other), beat.watching(short, within=0.001):
        await ends(short.dropped.wait())
        assert not other.dropped.is_set()


async def test_work_that_fails_is_not_watched_any_more() -> None:
    """And nobody looks while nobody works."""
    line = Line()
    beat = beating(False, lines=[])
    with pytest.raises(ZeroDivisionError), beat.watching(line, within=0):
        raise ZeroDivisionError
    assert beat._task is not None
    await ends(beat._task)

    assert not line.dropped.is_set()
    assert beat._task is None
    beat.stop()
