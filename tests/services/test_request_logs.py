"""Writing and reading of the request log, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.model.request_logs import LogEntry, LoggedExchange, LoggedMessage, Operation, Source
from greenroom.security.vault import Vault
from greenroom.services import projects, request_logs
from greenroom.services.request_logs import LogQuery

AT = datetime(2026, 11, 3, 9, 5, 0, 123456, tzinfo=UTC)
CANARY = "canary-7f3a"


async def line(ctx: Context, number: int = 1, **changes: object) -> LogEntry:
    """Returns a log entry with every field set."""
    project = await projects.ensure(ctx, "proctor")
    one = LogEntry(
        id=f"req_{number:03}",
        project_id=project.id,
        account_id="acc_1",
        provider="greenhouse",
        listed="unified",
        words=Operation("ats", "assessments", "orders", "result", "update"),
        source=Source("API", "key_1", "sdk/4", "127.0.0.1"),
        exchange=LoggedExchange("PATCH", "https://greenroom.example.com/unified/x?a=1", AT, 12, 200),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


async def test_what_was_noted_is_what_is_read(ctx: Context) -> None:
    """Every field is read as it was written, times to the millisecond."""
    one = await line(ctx)
    await request_logs.keep(ctx, [one])
    (entry,) = await request_logs.list_requests(ctx, one.project_id, "unified", LogQuery({}))

    assert (entry.id, entry.request_id, entry.project_id) == (one.id, one.id, one.project_id)
    assert (entry.account_id, entry.provider) == ("acc_1", "greenhouse")
    words = (entry.service, entry.resource, entry.child_resource, entry.sub_resource, entry.action, entry.category)
    assert words == ("ats", "assessments", "orders", "result", "update", None)
    source = (entry.source_type, entry.source_id, entry.source_value, entry.source_ip)
    assert source == ("API", "key_1", "sdk/4", "127.0.0.1")
    assert (entry.http_method, entry.path) == ("PATCH", "/unified/x")
    assert entry.url == "https://greenroom.example.com/unified/x?a=1"
    assert (entry.status, entry.success, entry.duration) == (200, True, 12)
    assert (entry.start_time, entry.event_datetime) == (AT.replace(microsecond=123000),) * 2
    assert entry.end_time == AT.replace(microsecond=135000)
    assert (entry.detail, entry.step_requests, entry.error) == (None, None, None)


async def test_steps_have_their_requests_words(ctx: Context) -> None:
    """A step has its request's operation and an id of its own, and is joined to the request on demand."""
    step = LoggedExchange("POST", "https://vendor.example.com/list?page=2", AT, 5, None, "No answer.")
    one, two = await line(ctx, 1, steps=(step, replace(step, status=200, error=None))), await line(ctx, 2)
    await request_logs.keep(ctx, [one, two])

    first, second = await request_logs.list_requests(ctx, one.project_id, "unified", LogQuery({}), steps=True)
    assert first.step_requests == ()
    assert second.step_requests is not None
    assert [(made.id, made.request_id, made.success) for made in second.step_requests] == [
        ("req_001.001", "req_001", False),
        ("req_001.002", "req_001", True),
    ]
    made = second.step_requests[0]
    assert (made.http_method, made.path, made.error) == ("POST", "/list", "No answer.")
    assert (made.account_id, made.provider, made.resource) == ("acc_1", "greenhouse", "assessments")
    assert (await request_logs.get(ctx, one.project_id, "req_001")).step_requests == second.step_requests
    listed = await request_logs.list_steps(ctx, one.project_id, LogQuery({}))
    assert tuple(reversed(listed)) == second.step_requests


async def test_another_projects_request_is_not_found(ctx: Context) -> None:
    """Another project's request gets the same answer as a missing one."""
    one = await line(ctx)
    await request_logs.keep(ctx, [one])
    mallory = await projects.ensure(ctx, "mallory")

    for project_id, request_id in ((mallory.id, one.id), (one.project_id, "req_none")):
        with pytest.raises(NotFound):
            await request_logs.get(ctx, project_id, request_id)
    for listed in ("unified", "platform"):
        assert await request_logs.list_requests(ctx, mallory.id, listed, LogQuery({})) == []  # type: ignore[arg-type]
    assert await request_logs.list_steps(ctx, mallory.id, LogQuery({})) == []


async def test_bodies_are_kept_with_their_credentials_hidden(ctx: Context) -> None:
    """Headers and bodies of requests and steps are stored encrypted, with credentials masked."""
    half = LoggedMessage({"authorization": CANARY, "x-a": "b"}, b'{"token": "canary-7f3a", "name": "Ada"}')
    bare = LoggedExchange("POST", "https://v.example.com/?token=canary-7f3a", AT, 5, 200, None, half, half)
    one = await line(ctx, exchange=bare, steps=(bare,), source=Source("API", value=f"x token={CANARY}"))
    await request_logs.keep(ctx, [one])

    seen = await request_logs.get(ctx, one.project_id, one.id, details=True)
    shown = {"headers": {"authorization": "(hidden)", "x-a": "b"}, "body": {"token": "(hidden)", "name": "Ada"}}
    assert seen.detail == {"request": shown, "response": shown}
    assert seen.step_requests is not None
    assert seen.step_requests[0].detail == seen.detail
    assert (await request_logs.get(ctx, one.project_id, one.id)).detail is None
    for table in ("request_logs", "request_steps"):
        for row in await ctx.store.read(lambda tx, table=table: tx.all(f"SELECT * FROM {table}")):  # type: ignore[misc]
            assert CANARY not in str(tuple(row))
            assert "Ada" not in str(tuple(row))


async def test_what_no_key_opens_any_more_is_shown_without(ctx: Context) -> None:
    """Entries whose encryption key was removed are shown without headers and bodies."""
    one = await line(ctx, exchange=LoggedExchange("GET", "https://x/", AT, 1, 200, request=LoggedMessage({})))
    await request_logs.keep(ctx, [one])
    rotated = replace(ctx, vault=Vault([b"n" * 32]))

    assert (await request_logs.get(ctx, one.project_id, one.id, details=True)).detail is not None
    assert (await request_logs.get(rotated, one.project_id, one.id, details=True)).detail is None


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "x" * 100_000, "\x1b[31m", "😀"])
async def test_texts_that_no_database_has_are_made_ones_that_it_has(ctx: Context, odd: str) -> None:
    """A caller's unstorable text is replaced and does not make a batch of entries fail."""
    body = odd.encode(errors="surrogatepass")
    bare = LoggedExchange(
        "GET",
        f"https://x/{odd}?{odd}",
        AT,
        1,
        200,
        odd,
        LoggedMessage({"x": odd}, body),
        LoggedMessage({"x": odd}, body),
    )
    one = await line(ctx, account_id=odd, exchange=bare, steps=(bare,), source=Source("API", None, odd, None))
    await request_logs.keep(ctx, [one])

    seen = await request_logs.get(ctx, one.project_id, one.id, details=True)
    assert seen.detail is not None
    assert len(seen.url) <= request_logs.LONGEST


async def test_forgetting(ctx: Context) -> None:
    """Entries older than the retention are deleted in batches; younger ones stay."""
    old, young = await line(ctx, 1), await line(ctx, 2)
    long_ago = replace(old.exchange, started_at=ctx.now() - timedelta(days=91))
    today = replace(young.exchange, started_at=ctx.now() - timedelta(days=89))
    await request_logs.keep(ctx, [replace(old, exchange=long_ago), replace(young, exchange=today)])

    assert not await request_logs.delete_old(ctx, kept=timedelta(days=90))
    left = await request_logs.list_requests(ctx, old.project_id, "unified", LogQuery({}))
    assert [entry.id for entry in left] == [young.id]
