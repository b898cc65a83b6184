"""Percentiles, open-loop schedules and waits have known answers, and hold for any input."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.bench.arithmetic import arrivals, percentile, waits
from greenroom.bench.bench import of_rounds

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.95, 95),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 0.5, 50),
        ([3, 1, 2], 0.5, 2),
        ([7], 0.99, 7),
        ([1, 2], 0.0, 1),
        ([1, 2], 1.0, 2),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], share: float, expected: float) -> None:
    assert percentile(list(values), share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_a_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_arrivals_are_independent_of_answers_and_repeatable() -> None:
    """Arrivals are ordered, within the time, at about the rate, and not evenly spaced."""
    due = arrivals(200, 10)

    assert due == sorted(due) == arrivals(200, 10)
    assert due[0] > 0
    assert due[-1] < 10
    assert 1800 < len(due) < 2200
    gaps = {round(after - before, 6) for before, after in pairwise(due)}
    assert len(gaps) > len(due) / 2
    assert arrivals(200, 10, seed=2) != due


def test_a_wait_begins_when_the_request_was_due() -> None:
    """The wait includes a late start; a missing answer counts until the end."""
    due = {1: 10.0, 2: 10.5, 3: 11.0}

    assert waits(due, {1: 10.2, 2: 12.5}, until=20.0) == pytest.approx([0.2, 2.0, 9.0])


def test_the_ratio_is_the_rounds_own() -> None:
    """The ratio is the median of each round's own ratio, since a slow round is slow for both."""
    assert of_rounds([(50, 100), (10, 40), (90, 100)]) == (50, 100, 0.5)
