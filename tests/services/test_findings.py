"""The open findings of a project: each is published once when it opens and once when it closes, on both databases."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from greenroom.context import Context
from greenroom.doctor.catalogue import find
from greenroom.doctor.shown import show
from greenroom.model.findings import Finding, Subject
from greenroom.services import findings, projects, webhooks
from greenroom.store.db import Store, to_json
from tests.support.queues import PROJECT, context, queue

BOTH = ("finding.opened", "finding.closed")


@pytest.fixture
async def ctx(store: Store) -> Context:
    """Returns the context of a store that has the project."""
    await queue(store, {})
    return context(store)


async def subscribe(ctx: Context, name: str, project_id: str = PROJECT) -> str:
    made, _ = await webhooks.create(ctx, project_id, name=name, url="https://vendor.example/", events=BOTH)
    return made.id


async def record(ctx: Context, *found: Finding, project_id: str = PROJECT) -> int:
    return await findings.record(ctx, project_id, [(one, show(one, "https://greenroom.example")) for one in found])


async def received(ctx: Context, webhook_id: str) -> list[tuple[str, dict[str, str]]]:
    """Returns the name and body of each event queued for a webhook, oldest first."""
    rows = await ctx.store.read(
        lambda tx: tx.all(
            "SELECT event_name, payload FROM deliveries JOIN events ON events.id = event_id "
            "WHERE destination_id = $1 ORDER BY deliveries.id",
            webhook_id,
        )
    )
    return [(row["event_name"], json.loads(row["payload"])) for row in rows]


async def test_a_finding_is_published_once_when_it_opens_and_once_when_it_closes(ctx: Context) -> None:
    """However often it is seen in between; the webhook that it is about gets neither."""
    ops, bad = await subscribe(ctx, "ops"), await subscribe(ctx, "bad")
    about = [
        find("webhook.refused", Subject("webhook", bad, "bad"), count=count, proof={"status": 503}) for count in (1, 2)
    ]
    assert [await record(ctx, one) for one in about] == [1, 0]
    assert await findings.count_by_code(ctx) == {"webhook.refused": 1}
    assert [await record(ctx), await record(ctx)] == [1, 0]
    assert await findings.count_by_code(ctx) == {}

    opened, closed = await received(ctx, ops)
    assert (opened[0], closed[0]) == BOTH
    assert opened[1]["record_id"] == closed[1]["record_id"]
    assert opened[1]["code"] == closed[1]["code"] == "webhook.refused"
    assert opened[1]["proof"] == {"status": 503}
    assert await received(ctx, bad) == []


async def test_a_chat_can_show_the_event(ctx: Context) -> None:
    """One paragraph with the project, the problem, the next step and its page; no name in it notifies a channel."""
    ops = await subscribe(ctx, "ops")
    about = find("webhook.disabled", Subject("webhook", "whk_9", "<!channel> orders"))
    await record(ctx, about)
    await ctx.store.write(  # a row of the version before has no address
        lambda tx: tx.run("UPDATE findings SET shown = $1", to_json({**show(about, ""), "account_id": None}))
    )
    await record(ctx)
    (_, opened), (_, closed) = await received(ctx, ops)
    page = f"{ctx.settings.public_url}/projects/{PROJECT}/findings?code=webhook.disabled&q=whk_9"
    assert (opened["url"], closed["url"]) == (page, page)
    assert opened["docs"].endswith("/docs/causes#webhook.disabled")
    assert opened["text"] == f"[p] Error: {about.title} (webhook ‹!channel› orders). {about.next_step} {page}"
    assert closed["text"] == f"[p] Closed: {about.title} (webhook ‹!channel› orders) {page}"


async def test_the_installation_counts_once_and_every_project_gets_one_event(ctx: Context) -> None:
    """Each project gets an event when the finding opens; the metric has one."""
    other = (await projects.ensure(ctx, "Mallory")).id
    hooks = [await subscribe(ctx, "ops"), await subscribe(ctx, "ops", other)]
    for _ in range(2):
        for project_id in (PROJECT, other):
            await record(ctx, find("gateway.disk_low", Subject("installation")), project_id=project_id)

    assert await findings.count_by_code(ctx) == {"gateway.disk_low": 1}
    assert [[name for name, _ in await received(ctx, one)] for one in hooks] == [["finding.opened"]] * 2


async def test_a_project_has_a_bound(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further findings wait until others are closed."""
    monkeypatch.setattr(findings, "MOST", 2)
    three = [find("order.stuck", Subject("order", f"ord_{number}")) for number in range(3)]
    assert await record(ctx, *three) == 2
    assert await record(ctx, *three[1:]) == 2  # one closed, one opened


async def test_projects_take_turns(ctx: Context) -> None:
    """The one diagnosed longest ago comes first, no project twice within the interval, none within the gap."""
    other = (await projects.ensure(ctx, "Mallory")).id
    none = timedelta(0)
    await ctx.store.write(lambda tx: tx.run("UPDATE projects SET diagnosed_at = 1"))
    await ctx.store.write(lambda tx: tx.run("UPDATE projects SET diagnosed_at = 0 WHERE id = $1", other))

    hour = timedelta(hours=1)
    assert await findings.claim_project(ctx, every=hour, gap=none) == other
    assert await findings.claim_project(ctx, every=hour, gap=hour) is None
    assert await findings.claim_project(ctx, every=hour, gap=none) == PROJECT
    assert await findings.claim_project(ctx, every=hour, gap=none) is None


async def test_a_deleted_project_is_left_alone(ctx: Context) -> None:
    """It is neither diagnosed nor reported."""
    await ctx.store.write(lambda tx: tx.run("UPDATE projects SET diagnosed_at = 0, deleted_at = 1"))
    assert await findings.claim_project(ctx) is None
    assert await record(ctx, find("gateway.disk_low", Subject("installation"))) == 0
