"""Tests of rate limits: at most 10 % over the limit in ten seconds, and no token is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.rates import BURST_S, Bucket

NOW = 1_800_000_000_000_000


def send_all(bucket: Bucket, claim_times: list[int], most: int = 1000) -> list[int]:
    """Returns the times of deliveries from an endless backlog, with a claim at each of these times."""
    times: list[int] = []
    for now in claim_times:
        count = min(bucket.tokens(now), most)
        bucket = bucket.taken(count, now) if count else bucket
        times += [now] * count
    return times


def most_in(times: list[int], span: int) -> int:
    """Returns the most deliveries in any window of this length, its end excluded."""
    return max((sum(start <= one < start + span for one in times) for start in times), default=0)


@given(
    st.floats(0.1, 200),
    st.lists(st.integers(1_000, 3_000_000), min_size=1, max_size=60),
    st.sampled_from([1, 16, 1000]),
)
def test_ten_seconds_exceed_the_rate_by_a_tenth_at_most(rate: float, pauses: list[int], most: int) -> None:
    """The bound holds for irregular claims; a very low limit may be exceeded by one delivery."""
    claim_times, now = [], NOW
    for pause in pauses:
        now += pause
        claim_times.append(now)

    times = send_all(Bucket(rate, NOW - 10**9), claim_times, most)

    assert most_in(times, 10_000_000) <= max(1.1 * rate * 10, rate * 10 + 1) + 1e-6


@pytest.mark.parametrize("rate", [0.5, 1, 3, 7.5, 40, 333])
def test_claims_at_the_named_times_reach_the_rate(rate: float) -> None:
    """Claims after each `wait_s` reach the rate within a minute."""
    bucket, now, left = Bucket(rate, NOW), NOW, 0
    while now < NOW + 60_000_000:
        count = bucket.tokens(now)
        bucket, left = bucket.taken(count, now), left + count
        now += round(bucket.wait_s(now) * 1e6) + 1_000

    assert 0.97 * rate * 60 - 1 <= left <= rate * 60 + max(1, BURST_S * rate)


def test_claims_of_an_empty_bucket_are_free() -> None:
    """A claim without tokens does not delay the next token."""
    bucket = Bucket(2, NOW)

    assert bucket.tokens(NOW) == 0
    assert bucket.taken(0, NOW).tokens(NOW + 500_000) == 1


def test_a_bucket_has_a_small_capacity() -> None:
    """An idle bucket holds tokens of half a second, or one delivery."""
    assert Bucket(100, NOW - 3_600_000_000).tokens(NOW) == 50
    assert Bucket(0.05, NOW - 3_600_000_000).tokens(NOW) == 1
