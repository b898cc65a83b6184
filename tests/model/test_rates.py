"""A rate limit: no window of ten seconds sees more than a tenth over it, and nothing is wasted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.rates import BURST_S, Bucket

NOW = 1_800_000_000_000_000


def leave(bucket: Bucket, looks: list[int], most: int = 1000) -> list[int]:
    """When what leaves leaves, with an endless backlog, a look at each of these times."""
    times: list[int] = []
    for now in looks:
        count = min(bucket.tokens(now), most)
        bucket = bucket.taken(count, now) if count else bucket
        times += [now] * count
    return times


def most_in(times: list[int], span: int) -> int:
    """The most that any window of this length, its end not included, has seen."""
    return max((sum(start <= one < start + span for one in times) for start in times), default=0)


@given(
    st.floats(0.1, 200),
    st.lists(st.integers(1_000, 3_000_000), min_size=1, max_size=60),
    st.sampled_from([1, 16, 1000]),
)
def test_ten_seconds_see_a_tenth_over_the_rate_at_the_most(rate: float, pauses: list[int], most: int) -> None:
    """However irregular the looks; a limit so low that the tenth is less than one delivery may see one more."""
    looks, now = [], NOW
    for pause in pauses:
        now += pause
        looks.append(now)

    times = leave(Bucket(rate, NOW - 10**9), looks, most)

    assert most_in(times, 10_000_000) <= max(1.1 * rate * 10, rate * 10 + 1) + 1e-6


@pytest.mark.parametrize("rate", [0.5, 1, 3, 7.5, 40, 333])
def test_the_rate_is_reached_by_who_looks_when_told(rate: float) -> None:
    """In a minute, with the looks at the times that the bucket names."""
    bucket, now, left = Bucket(rate, NOW), NOW, 0
    while now < NOW + 60_000_000:
        count = bucket.tokens(now)
        bucket, left = bucket.taken(count, now), left + count
        now += round(bucket.wait_s(now) * 1e6) + 1_000

    assert 0.97 * rate * 60 - 1 <= left <= rate * 60 + max(1, BURST_S * rate)


def test_looks_between_take_nothing() -> None:
    """A bucket without tokens is not made poorer by asking."""
    bucket = Bucket(2, NOW)

    assert bucket.tokens(NOW) == 0
    assert bucket.taken(0, NOW).tokens(NOW + 500_000) == 1


def test_nothing_is_saved_up_for_long() -> None:
    """After an hour of quiet half a second's worth leaves at once, one delivery of a slow one."""
    assert Bucket(100, NOW - 3_600_000_000).tokens(NOW) == 50
    assert Bucket(0.05, NOW - 3_600_000_000).tokens(NOW) == 1
