"""Whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.claims import Cursor, Waiting, deal


def met(*due: int) -> list[Waiting]:
    """Destinations a, b, c, … with so many due deliveries."""
    return [Waiting("abcdefgh"[n], count) for n, count in enumerate(due)]


@pytest.mark.parametrize(
    ("due", "places", "expected"),
    [
        ((5, 5), 4, [2, 2]),
        ((9, 1, 1), 6, [4, 1, 1]),  # what the others leave is the busy one's
        ((0, 3), 2, [0, 2]),
        ((4, 4, 4), 2, [1, 1, 0]),
        ((2,), 10, [2]),
        ((), 10, []),
    ],
)
def test_deal(due: tuple[int, ...], places: int, expected: list[int]) -> None:
    """One for each in turn."""
    assert deal(met(*due), places) == expected


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(0, 64))
def test_deal_gives_all_it_can_and_nobody_two_more_than_a_hungry_one(due: list[int], places: int) -> None:
    """No place stays empty while something is due."""
    shares = deal(met(*due), places)

    assert sum(shares) == min(places, sum(due))
    hungry = [share for share, count in zip(shares, due, strict=True) if share < count]
    assert not hungry or max(shares) <= min(hungry) + 1


@pytest.mark.parametrize(
    ("turn", "due", "shares", "ended", "expected"),
    [
        (Cursor(), (1, 1), [1, 1], True, Cursor("", quiet=False)),
        (Cursor(), (1, 1, 1), [1, 0, 0], True, Cursor("a", quiet=False, short=True)),  # the next look begins with b
        (Cursor("a", quiet=False), (1,), [1], True, Cursor("", quiet=False)),
        (Cursor(), (0, 0), [0, 0], False, Cursor("b", quiet=True)),  # there are more destinations: go on
        (Cursor("b", quiet=True), (), [], True, Cursor("", quiet=True)),
        (Cursor("b", quiet=False), (0,), [0], True, Cursor("", quiet=False)),  # the round did find something
        (Cursor("", quiet=False), (0,), [0], True, Cursor("", quiet=True)),
    ],
)
def test_a_turn_moves_on(turn: Cursor, due: tuple[int, ...], shares: list[int], ended: bool, expected: Cursor) -> None:
    """Past who was served, back to the start after the last one."""
    assert turn.moved(met(*due), shares, ended=ended) == expected


def test_a_round_knows_whom_it_left_behind() -> None:
    """Those whose own limits keep what is due, until the next round begins; and whether there were too few places."""
    a, b, c = Waiting("a", 1, more=True), Waiting("b", 2), Waiting("c", 0, more=True)
    first = Cursor().moved([a], [1], ended=False)
    last = first.moved([b, c], [1, 0], ended=True)

    assert (first.behind, first.short) == ({"a"}, False)
    assert (last.behind, last.short) == ({"a", "c"}, True)
    assert last.moved([b], [2], ended=True) == Cursor(quiet=False)


def test_a_round_ends_after_finding_nothing() -> None:
    """Only then may a worker rest."""
    assert [Cursor().idle, Cursor("b").idle, Cursor("", quiet=False).idle] == [True, False, False]
