"""Tests of the round-robin allocation of concurrency slots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.claims import Cursor, Waiting, allocate


def candidates(*due: int) -> list[Waiting]:
    """Returns candidates a, b, c, … with these numbers of due deliveries."""
    return [Waiting("abcdefgh"[n], count) for n, count in enumerate(due)]


@pytest.mark.parametrize(
    ("due", "slots", "expected"),
    [
        ((5, 5), 4, [2, 2]),
        ((9, 1, 1), 6, [4, 1, 1]),  # the busy destination gets the remaining slots
        ((0, 3), 2, [0, 2]),
        ((4, 4, 4), 2, [1, 1, 0]),
        ((2,), 10, [2]),
        ((), 10, []),
    ],
)
def test_deal(due: tuple[int, ...], slots: int, expected: list[int]) -> None:
    """Destinations get slots round-robin."""
    assert allocate(candidates(*due), slots) == expected


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(0, 64))
def test_deal_is_complete_and_fair(due: list[int], slots: int) -> None:
    """All slots are used, and shares differ by one at most while deliveries are due."""
    shares = allocate(candidates(*due), slots)

    assert sum(shares) == min(slots, sum(due))
    hungry = [share for share, count in zip(shares, due, strict=True) if share < count]
    assert not hungry or max(shares) <= min(hungry) + 1


@pytest.mark.parametrize(
    ("turn", "due", "shares", "ended", "expected"),
    [
        (Cursor(), (1, 1), [1, 1], True, Cursor("", quiet=False)),
        (Cursor(), (1, 1, 1), [1, 0, 0], True, Cursor("a", quiet=False, short=True)),  # the next batch begins with b
        (Cursor("a", quiet=False), (1,), [1], True, Cursor("", quiet=False)),
        (Cursor(), (0, 0), [0, 0], False, Cursor("b", quiet=True)),  # there are more destinations
        (Cursor("b", quiet=True), (), [], True, Cursor("", quiet=True)),
        (Cursor("b", quiet=False), (0,), [0], True, Cursor("", quiet=False)),  # the round has found a delivery
        (Cursor("", quiet=False), (0,), [0], True, Cursor("", quiet=True)),
    ],
)
def test_a_cursor_moves_on(
    turn: Cursor, due: tuple[int, ...], shares: list[int], ended: bool, expected: Cursor
) -> None:
    """The cursor moves past the served destinations, and to the start after the last one."""
    assert turn.moved(candidates(*due), shares, ended=ended) == expected


def test_a_round_records_limited_destinations() -> None:
    """A cursor has the destinations at their own limit and a lack of slots until the next round."""
    a, b, c = Waiting("a", 1, more=True), Waiting("b", 2), Waiting("c", 0, more=True)
    first = Cursor().moved([a], [1], ended=False)
    last = first.moved([b, c], [1, 0], ended=True)

    assert (first.behind, first.short) == ({"a"}, False)
    assert (last.behind, last.short) == ({"a", "c"}, True)
    assert last.moved([b], [2], ended=True) == Cursor(quiet=False)


def test_a_cursor_is_idle_after_an_empty_round() -> None:
    """A cursor in the middle of a round, or after a claim, is not idle."""
    assert [Cursor().idle, Cursor("b").idle, Cursor("", quiet=False).idle] == [True, False, False]
