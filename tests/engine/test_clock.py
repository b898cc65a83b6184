"""Measurement of a worker's clock, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenroom.engine.clock import MOST_OFF, Clock
from greenroom.services import clock
from greenroom.store.db import Store
from tests.support.queues import context

A_LITTLE = timedelta(seconds=5)


class Wrong:
    """A clock with an adjustable error."""

    def __init__(self, off: timedelta = timedelta(0)) -> None:
        self.off = off

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.mark.parametrize("seconds", [-600, -61, 61, 600])
async def test_how_far_it_is_off(store: Store, seconds: int) -> None:
    """The skew is positive for a clock that is ahead."""
    off = timedelta(seconds=seconds)
    ctx = replace(context(store), now=Wrong(off))

    assert abs(await clock.skew(ctx) - off) < A_LITTLE


async def test_it_is_noticed_as_soon_as_it_is_set(store: Store) -> None:
    """Ten minutes of skew are refused at once, however recent the last check; small skews are accepted."""
    now = Wrong()
    watched = Clock(replace(context(store), now=now))
    assert await watched.is_right()
    for off, right in [(timedelta(minutes=10), False), (MOST_OFF - A_LITTLE, True), (timedelta(minutes=-10), False)]:
        now.off = off
        assert await watched.is_right() is right

    now.off = timedelta(0)
    assert await watched.is_right()
