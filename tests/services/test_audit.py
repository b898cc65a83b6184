"""The audit log: every changing service is in it, and nothing else grows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

import greenroom.services
from greenroom.context import Context
from greenroom.model.audit import ACTIONS, Actor, AuditFilter
from greenroom.security.tokens import new_id_at
from greenroom.services import audit, projects

SERVICES = Path(greenroom.services.__file__).parent

#: transactions that record nothing, and why
NOT_AUDITED = {
    # the engine's work, in the attempts and timelines of deliveries
    "claims.claim", "claims.release", "claims.interrupt", "deliveries.record_attempts", "deliveries.dead_letter_overdue",
    "replays._advance",
    # mails of alerts, in their recipients' rows
    "alert_mails.claim", "alert_mails.record_sent", "alert_mails.record_failure",
    # batches of a change that is recorded with the webhook itself
    "webhooks._release_some", "webhooks._switch_some", "webhooks._cancel_held", "webhooks._cancel",
    # what was observed of a set-up, and a note of its checklist; changes no setting
    "checks.record_probe", "checks.record_webhook_test",
    # an ATS's calls and a vendor's answers, in timelines and caches
    "trigger_calls._store_call", "trigger_calls._publish_use", "cancellations.cancel", "order_results.acknowledge", "reports.keep", "packages.keep_list",
    "refused_results.record", "packages.record_failure", "packages.record_test", "refused_calls._store",
    "ats_changes.delete_old",
    # reads of an ATS's own API: leases, tokens whose grant is recorded, the facts of orders in their timelines
    "access.clear_problem", "access.end_lease", "access.end_tokens", "access.expire_token", "access.note_answer",
    "access.postpone_refresh", "access.report", "access.take_lease", "access.take_request", "authorizations.start",
    "authorizations.use", "enrichments.claim", "enrichments.complete", "enrichments.delete_old_cache",
    "enrichments.interrupt", "enrichments.release", "enrichments.save_cache", "resumes.claim", "resumes.record_failure",
    "resumes.store",
    # batches of a deletion that is recorded with the project itself; counts of finished days
    "project_deletion.delete_next", "funnel._add_day", "funnel._count_day",
    # pages that tried to show the hub and may not
    "hub_settings.note_refused_origin",
    # findings, which the doctor computes anew
    "findings.claim_project", "findings.record",
    # that a worker runs
    "heartbeats._save", "heartbeats.end",
    # bookkeeping of requests
    "idempotency.begin", "idempotency.finish", "idempotency.delete", "projects.draw_permits", "request_logs._add",
    # retention, whose days are a setting
    "audit.delete_old", "request_logs.delete_old", "retention.delete_expired", "retention.delete_old_reports",
    "retention.delete_old_resumes", "retention.erase_delivered",
    # the start prints this link; its use is recorded
    "sessions.first_link",
    # what changes no right: a session's last use, counted attempts, a second factor that is not confirmed yet
    "sessions._touch", "sign_in._count_attempt", "users.start_totp", "hub_sessions._extend", "guesses.count",
    # attempts to link by consent, whose success is recorded
    "connection_attempts.create", "connection_attempts.cancel", "connection_attempts.fail",
    "connection_attempts.open_session",
}  # fmt: skip


def transactions() -> Iterator[str]:
    """Yields each service that opens a writing transaction."""
    for path in sorted(SERVICES.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.AsyncFunctionDef):
                continue
            decorators = {ast.unparse(one).partition("(")[0] for one in node.decorator_list}
            if "transaction" in decorators:
                yield f"{path.stem}.{node.name}"


def recorded_by() -> set[str]:
    """The functions that record an entry, or call one of their own module, or another, that does."""
    bodies: dict[str, set[str]] = {}
    for path in sorted(SERVICES.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef):
                calls = {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
                bodies[f"{path.stem}.{node.name}"] = {call if "." in call else f"{path.stem}.{call}" for call in calls}
    recording = {"audit.record"}
    while more := {name for name, calls in bodies.items() if calls & recording} - recording:
        recording |= more
    return recording


def test_every_changing_service_records_or_says_why_not() -> None:
    """A new one has to be put on either side."""
    recording = recorded_by()

    assert set(transactions()) - recording == NOT_AUDITED


def test_every_action_is_recorded_somewhere() -> None:
    """And no other: an action that the list does not know could not be filtered."""
    source = "".join(path.read_text() for path in SERVICES.glob("*.py"))
    named = {
        node.value
        for node in ast.walk(ast.parse(source.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ACTIONS
    }
    recorded = {
        ast.unparse(action).strip("'")
        for node in ast.walk(ast.parse(source.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("audit.record", "record")
        for action in (
            [node.args[2].body, node.args[2].orelse] if isinstance(node.args[2], ast.IfExp) else [node.args[2]]
        )
    }

    assert named == set(ACTIONS) == recorded


async def test_entries_are_listed_by_filter_and_page(ctx: Context) -> None:
    """Of one project, newest first; what a failed change recorded is gone with it."""
    ms = count(1_700_000_000_000)  # entries of one millisecond have no order
    ctx = replace(ctx, new_id=lambda prefix: new_id_at(prefix, next(ms)))
    root = replace(ctx, actor=Actor("cli", name="root"))
    key = replace(ctx, actor=Actor("api_key", "key_1", "CI", "203.0.113.7"))
    acme, other = await projects.ensure(root, "acme"), await projects.ensure(root, "other")
    for days in (1, 2, 3):
        await projects.keep_for(key, acme.id, days)
    with pytest.raises(Exception, match="name"):
        await projects.create_key(root, name=" ", project="third")

    found = await audit.list_entries(ctx, acme.id)
    assert [one.action for one in found] == ["project.retention_changed"] * 3 + ["project.created"]
    assert found[0].actor == key.actor
    assert (found[0].detail, found[0].object_type, found[0].object_id) == ({"retention_days": 3}, "project", acme.id)
    page = await audit.list_entries(ctx, acme.id, before=found[1].id, limit=1)
    assert page == found[2:3]
    by_cli = await audit.list_entries(ctx, None, AuditFilter(actor_kind="cli"))
    assert {one.project_id for one in by_cli} == {acme.id, other.id}
    assert await audit.list_entries(ctx, other.id, AuditFilter(actor_id="key_1")) == []
    now = ctx.now()
    assert len(await audit.list_entries(ctx, acme.id, AuditFilter(since=now - timedelta(hours=1), until=now))) == 4
    assert await audit.list_entries(ctx, acme.id, AuditFilter(until=now - timedelta(hours=1))) == []
    assert [one async for one in audit.export(ctx, acme.id, AuditFilter())] == found


async def test_old_entries_are_deleted(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch at a time, after as many days as the setting says."""
    monkeypatch.setattr(audit, "BATCH", 2)
    root = replace(ctx, actor=Actor("cli"))
    acme = await projects.ensure(root, "acme")
    for days in (1, 2, 3):
        await projects.keep_for(root, acme.id, days)
    ms = (timedelta(days=ctx.settings.audit_retention_days) + timedelta(minutes=1)) // timedelta(milliseconds=1)
    await ctx.store.write(lambda tx: tx.run("UPDATE audit_log SET at = at - $1 WHERE action <> 'project.created'", ms))

    assert [await audit.delete_old(ctx) for _ in range(3)] == [2, 1, 0]
    assert [one.action for one in await audit.list_entries(ctx, acme.id)] == ["project.created"]
