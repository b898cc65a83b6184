"""Tests of a delivery's next state after an attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.model.deliveries import JITTER, SCHEDULES, Lane, Next, after_attempt, nudge_until_read

NUDGES = (timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2))
LATER = TryLater("503", kind="http_status")
OURS = TryLater("Greenroom itself failed.", kind="internal")
ASKED = TryLater("429", kind="http_status", wait=timedelta(seconds=90))


@pytest.mark.parametrize(
    ("lane", "step", "fault", "expected"),
    [
        ("vendor", 1, None, Next("delivered")),
        ("vendor", 1, LATER, Next("pending", timedelta(seconds=5))),
        ("vendor", 2, LATER, Next("pending", timedelta(minutes=5))),
        ("ats", 2, LATER, Next("pending", timedelta(seconds=30))),
        ("vendor", 1, ASKED, Next("pending", timedelta(seconds=90))),  # the endpoint asked for a longer wait
        ("vendor", 2, ASKED, Next("pending", timedelta(minutes=5))),  # a requested wait never shortens the schedule
        ("vendor", 9, LATER, Next("pending", timedelta(hours=24))),
        ("vendor", 10, LATER, Next("dead")),  # the schedule is used up
        ("vendor", 2, OURS, Next("pending", timedelta(minutes=5))),
        ("vendor", 3, OURS, Next("dead")),  # internal errors are dead-lettered early
        ("ats", 1, GiveUp("401", kind="http_status"), Next("dead")),
    ],
)
def test_after_attempt(lane: Lane, step: int, fault: RemoteError | None, expected: Next) -> None:
    """A success ends a delivery, a refusal dead-letters it, and other failures follow the schedule."""
    assert after_attempt(lane, step, fault, chance=0.0) == expected


@given(st.sampled_from(["vendor", "ats"]), st.integers(1, 9), st.floats(0, 1, exclude_max=True))
def test_jitter_is_only_ever_added(lane: Lane, step: int, chance: float) -> None:
    """An attempt is never early, and late by 10 % at most."""
    wait = after_attempt(lane, step, LATER, chance=chance).wait

    assert wait is not None
    assert SCHEDULES[lane][step] <= wait <= SCHEDULES[lane][step] * (1 + JITTER)
    asked = after_attempt("vendor", 1, ASKED, chance=chance).wait
    assert asked is not None
    assert timedelta(seconds=90) <= asked <= timedelta(seconds=90) * (1 + JITTER)


@pytest.mark.parametrize(
    ("following", "nudge_count", "asked", "expected"),
    [
        (Next("delivered"), 0, False, Next("pending", NUDGES[0], nudge_count=1)),
        (Next("delivered"), 2, False, Next("pending", NUDGES[2], nudge_count=3)),
        (Next("delivered"), 3, False, Next("delivered", nudge_count=4)),  # no nudges are left
        (Next("delivered"), 0, True, Next("delivered")),  # the ATS requested the result during the attempt
        (Next("pending", timedelta(seconds=5)), 1, False, Next("pending", timedelta(seconds=5), nudge_count=1)),
        (
            Next("pending", timedelta(seconds=5)),
            1,
            True,
            Next("delivered", nudge_count=1),
        ),  # the ATS has requested the result
        (Next("dead"), 1, True, Next("delivered", nudge_count=1)),
        (Next("dead"), 0, True, Next("dead")),
    ],
)
def test_nudge_until_read(following: Next, nudge_count: int, asked: bool, expected: Next) -> None:
    """An ATS is nudged a few times until it requests the result."""
    assert nudge_until_read(following, nudge_count, NUDGES, asked=asked, chance=0.0) == expected
