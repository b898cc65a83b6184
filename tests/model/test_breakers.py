"""What a destination's troubles mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.model.breakers import FIRST_WAIT_MS, LONGEST_WAIT_MS, OPENS_AT, WHOLE_ROOM, Breaker, is_down
from greenroom.model.deliveries import PER_DESTINATION


def failing(times: int, breaker: Breaker | None = None, *, now: int = 1000) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = breaker.failed("away", now)
    return breaker


def test_it_opens_at_the_fifth_failure() -> None:
    """Not before; what was under way then does not lengthen it."""
    assert failing(OPENS_AT - 1).health(1000) == "closed"
    opened = failing(OPENS_AT)
    assert (opened.health(1000), opened.places(1000)) == ("open", 0)
    assert failing(3, opened).open_until == opened.open_until == 1000 + FIRST_WAIT_MS


def test_one_probe_after_a_wait_that_grows() -> None:
    """Each probe that fails doubles it, up to a quarter of an hour."""
    breaker = failing(OPENS_AT)
    waits = []
    for _ in range(8):
        now = breaker.open_until
        assert (breaker.health(now), breaker.places(now)) == ("half_open", 1)
        breaker = breaker.failed("away", now)
        waits.append(breaker.open_until - now)

    assert waits[:3] == [FIRST_WAIT_MS * 2, FIRST_WAIT_MS * 4, FIRST_WAIT_MS * 8]
    assert waits[-1] == LONGEST_WAIT_MS


def test_it_drains_at_a_ramp_and_closes() -> None:
    """A full round of answers doubles what may be under way, until all is well."""
    breaker = failing(OPENS_AT)
    now, rounds = breaker.open_until, [1]
    while breaker != Breaker():
        for _ in range(rounds[-1]):
            breaker = breaker.answered(now, well=True)
        rounds.append(min(breaker.places(now), WHOLE_ROOM))

    assert rounds == [1, 2, 4, 8, 16]
    assert Breaker().places(now) == PER_DESTINATION


def test_a_failure_on_the_ramp_opens_it_again() -> None:
    """At once, not after five."""
    breaker = failing(OPENS_AT)
    now = breaker.open_until
    assert breaker.answered(now, well=True).failed("away", now).health(now) == "open"


def test_a_good_answer_forgets_failures() -> None:
    """They must be in a row."""
    assert failing(OPENS_AT - 1).answered(1000, well=False) == Breaker()


def test_what_was_told_is_remembered_until_a_success() -> None:
    """A refusal means that somebody is at home, not that it works."""
    told = replace(failing(OPENS_AT - 1), told=True)
    assert told.answered(1000, well=False) == Breaker(told=True, last_error="away")
    assert told.answered(1000, well=True) == Breaker()
    assert replace(failing(OPENS_AT), told=True).answered(10**9, well=True).told is False


def test_a_pause_that_was_asked_for_is_kept() -> None:
    """Though another attempt under way is answered well."""
    paused = Breaker(failures=2).paused("429", 60_000, 1000)
    assert (paused.places(1000), paused.health(61_000)) == (0, "half_open")
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
    """Nobody at home, as opposed to a refusal or a fault of ours."""
    assert is_down(fault, status) is down
