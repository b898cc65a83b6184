"""The request log writer: never blocks or fails its caller, and counts lost entries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import request_log_writer as engine
from greenroom.engine.request_log_writer import RequestLogWriter, lost
from greenroom.errors import Unavailable
from greenroom.model.request_logs import LogEntry, LoggedExchange, Operation, Source
from greenroom.services import projects, request_logs
from greenroom.services.request_logs import LogQuery


async def lines(ctx: Context, count: int) -> list[LogEntry]:
    """Returns this many log entries of one project."""
    project = await projects.ensure(ctx, "proctor")
    exchange = LoggedExchange("GET", "https://x/", datetime.now(UTC), 1, 200)
    return [
        LogEntry(f"req_{number:05}", project.id, None, None, "platform", Operation(), Source("API"), exchange)
        for number in range(count)
    ]


async def written(ctx: Context) -> list[str]:
    """Returns the ids of the stored entries, oldest first."""
    project = await projects.ensure(ctx, "proctor")
    asked = LogQuery({}, descending=False, limit=10_000)
    return [entry.id for entry in await request_logs.list_requests(ctx, project.id, "platform", asked)]


def count_lost(reason: str) -> float:
    """Returns the metric of lost entries."""
    return float(lost.labels(reason)._value.get())


async def test_flush_writes_what_was_noted(ctx: Context) -> None:
    """A flush writes all entries in order, in batches; a second one writes nothing."""
    log, many = RequestLogWriter(ctx), await lines(ctx, engine.BATCH * 2 + 1)
    for line in many:
        log.note(line)
    assert await written(ctx) == []
    await asyncio.gather(log.flush(), log.flush())

    assert await written(ctx) == [line.id for line in many]


async def test_a_line_is_written_within_a_period_and_at_the_end(ctx: Context) -> None:
    """Entries are written periodically, and a stop writes the rest."""
    log, (first, second) = RequestLogWriter(ctx), await lines(ctx, 2)
    running = asyncio.create_task(log.run())
    log.note(first)
    async with asyncio.timeout(20):
        while not await written(ctx):
            await asyncio.sleep(0.02)
    log.note(second)
    log.stop()
    await running

    assert await written(ctx) == [first.id, second.id]


async def test_what_comes_when_too_many_wait_is_lost_and_counted(ctx: Context) -> None:
    """One line is logged, however many entries are lost."""
    log, many = RequestLogWriter(ctx), await lines(ctx, engine.MOST_WAITING + 3)
    before = count_lost("full")
    with capture_logs() as said:
        for line in many:
            log.note(line)
    await log.flush()

    assert count_lost("full") == before + 3
    assert [entry["event"] for entry in said] == ["request_log_lost"]
    assert await written(ctx) == [line.id for line in many[:-3]]


class Broken:
    """A store whose writes fail with a given error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def write(self, _: object) -> object:
        raise self._error


@pytest.mark.parametrize(("error", "reason"), [(Unavailable(), "database_away"), (ZeroDivisionError(), "internal")])
async def test_an_outage_costs_lines_and_nothing_else(ctx: Context, error: Exception, reason: str) -> None:
    """One line is logged for each outage, and later entries are written."""
    away = replace(ctx, store=Broken(error))  # type: ignore[arg-type]
    log, many = RequestLogWriter(away), await lines(ctx, 3)
    before = count_lost(reason)
    with capture_logs() as said:
        for line in many[:2]:
            log.note(line)
            await log.flush()
        log._ctx = ctx
        log.note(many[2])
        await log.flush()
        log._ctx = away
        log.note(many[0])
        await log.flush()

    assert count_lost(reason) == before + 3
    assert [entry["event"] for entry in said].count("request_log_lost") == 2
    assert await written(ctx) == [many[2].id]


async def test_run_goes_on_through_an_outage(ctx: Context) -> None:
    """Neither a failed write nor a failed deletion ends the loop."""
    log, (first, second) = RequestLogWriter(replace(ctx, store=Broken(Unavailable()))), await lines(ctx, 2)  # type: ignore[arg-type]
    before = count_lost("database_away")
    running = asyncio.create_task(log.run())
    log.note(first)
    async with asyncio.timeout(20):
        while count_lost("database_away") == before:
            await asyncio.sleep(0.02)
    log._ctx = ctx
    log.note(second)
    log.stop()
    await running

    assert await written(ctx) == [second.id]


async def test_run_forgets_what_is_too_old(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired entries are deleted in as many batches as needed, after the operator's number of days."""
    monkeypatch.setattr(request_logs, "FORGET", 2)
    monkeypatch.setattr(engine, "PERIOD_S", 0.01)
    ctx = replace(ctx, settings=ctx.settings.model_copy(update={"log_retention_days": 2}))
    many = await lines(ctx, 6)
    ages: Sequence[float] = (9, 8, 7, 6, 5, 1)
    await request_logs.keep(
        ctx,
        [
            replace(line, exchange=replace(line.exchange, started_at=ctx.now() - timedelta(days=days)))
            for line, days in zip(many, ages, strict=True)
        ],
    )
    log = RequestLogWriter(ctx)
    running = asyncio.create_task(log.run())
    async with asyncio.timeout(20):
        while len(await written(ctx)) > 1:
            await asyncio.sleep(0.02)
    log.stop()
    await running

    assert await written(ctx) == [many[-1].id]
