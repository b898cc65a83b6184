"""Background maintenance and its intervals."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom import connectors
from greenroom.engine.maintenance import PAUSE_S, SOON_S, run_maintenance
from greenroom.errors import Unavailable
from greenroom.outbound import Outbound
from greenroom.services import (
    deliveries,
    funnel,
    heartbeats,
    project_deletion,
    replays,
    retention,
    webhooks,
)
from greenroom.store.sqlite import SqliteStore
from tests.support.queues import context


async def test_a_replay_is_looked_at_soon_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running replay advances at short intervals, which grow while it cannot advance or the database is unavailable."""
    looks: list[int | Exception] = [0, 100, 36, 0, 0, Unavailable(), RuntimeError(), 0, 0, 7]
    pauses: list[float] = []

    async def advance(_: object) -> int:
        if isinstance(look := looks.pop(0), Exception):
            raise look
        return look

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not looks:
            raise asyncio.CancelledError

    async def never(*_: object, **__: object) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(replays, "advance", advance)
    jobs = (
        (heartbeats, "beat"),
        (retention, "delete_expired"),
        (webhooks, "switch_over"),
        (deliveries, "dead_letter_overdue"),
        (funnel, "count_next_day"),
        (project_deletion, "delete_next"),
    )
    for service, name in jobs:
        monkeypatch.setattr(service, name, never)
    monkeypatch.setattr(connectors, "refresh_tokens", never)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await run_maintenance(context(SqliteStore(tmp_path / "unused.db")), Outbound(), "worker:1")

    doubled = [SOON_S * 2**step for step in range(1, 5)]
    assert pauses == [PAUSE_S, SOON_S, SOON_S, *doubled[:2], PAUSE_S, PAUSE_S, *doubled[2:], SOON_S]
