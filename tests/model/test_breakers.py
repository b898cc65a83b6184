"""Tests of circuit breakers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.model.breakers import FIRST_WAIT_MS, FULL_LIMIT, LONGEST_WAIT_MS, OPENS_AT, Breaker, is_down
from greenroom.model.deliveries import PER_DESTINATION


def failing(times: int, breaker: Breaker | None = None, *, now: int = 1000) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = breaker.failed("away", now)
    return breaker


def test_it_opens_at_the_fifth_failure() -> None:
    """The breaker opens at the fifth failure; failures of attempts in flight do not extend the wait."""
    assert failing(OPENS_AT - 1).health(1000) == "closed"
    opened = failing(OPENS_AT)
    assert (opened.health(1000), opened.free_slots(1000)) == ("open", 0)
    assert failing(3, opened).open_until == opened.open_until == 1000 + FIRST_WAIT_MS


def test_one_probe_after_a_wait_that_grows() -> None:
    """Each failed probe doubles the wait, up to 15 minutes."""
    breaker = failing(OPENS_AT)
    waits = []
    for _ in range(8):
        now = breaker.open_until
        assert (breaker.health(now), breaker.free_slots(now)) == ("half_open", 1)
        breaker = breaker.failed("away", now)
        waits.append(breaker.open_until - now)

    assert waits[:3] == [FIRST_WAIT_MS * 2, FIRST_WAIT_MS * 4, FIRST_WAIT_MS * 8]
    assert waits[-1] == LONGEST_WAIT_MS


def test_the_limit_doubles_until_the_breaker_closes() -> None:
    """A round of answers doubles the concurrency limit of a half-open breaker."""
    breaker = failing(OPENS_AT)
    now, rounds = breaker.open_until, [1]
    while breaker != Breaker():
        for _ in range(rounds[-1]):
            breaker = breaker.answered(now, well=True)
        rounds.append(min(breaker.free_slots(now), FULL_LIMIT))

    assert rounds == [1, 2, 4, 8, 16]
    assert Breaker().free_slots(now) == PER_DESTINATION


def test_a_failure_while_half_open_opens_it_again() -> None:
    """A half-open breaker opens at the first failure."""
    breaker = failing(OPENS_AT)
    now = breaker.open_until
    assert breaker.answered(now, well=True).failed("away", now).health(now) == "open"


def test_an_answer_resets_the_failures() -> None:
    """Only consecutive failures open a breaker."""
    assert failing(OPENS_AT - 1).answered(1000, well=False) == Breaker()


def test_the_notification_is_remembered_until_a_success() -> None:
    """A refusal resets the failures, but not that the project was notified."""
    notified = replace(failing(OPENS_AT - 1), notified=True)
    assert notified.answered(1000, well=False) == Breaker(notified=True, last_error="away")
    assert notified.answered(1000, well=True) == Breaker()
    assert replace(failing(OPENS_AT), notified=True).answered(10**9, well=True).notified is False


def test_a_requested_pause_is_kept() -> None:
    """A success of another attempt in flight does not end the pause."""
    paused = Breaker(failures=2).paused("429", 60_000, 1000)
    assert (paused.free_slots(1000), paused.health(61_000)) == (0, "half_open")
    assert paused.answered(1000, well=True) == paused


@pytest.mark.parametrize(
    ("fault", "status", "down"),
    [
        (None, 200, False),
        (TryLater("x", kind="timeout"), None, True),
        (TryLater("x", kind="connect"), None, True),
        (TryLater("x", kind="http_status"), 503, True),
        (TryLater("x", kind="http_status"), 404, False),
        (TryLater("x", kind="internal"), None, False),
        (GiveUp("x", kind="not_configured"), None, False),
    ],
)
def test_is_down(fault: RemoteError | None, status: int | None, down: bool) -> None:
    """Unreachable and failing endpoints are down; refusals and internal errors do not count."""
    assert is_down(fault, status) is down
