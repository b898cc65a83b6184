"""Alerts by e-mail on both databases: the right ones for each recipient, gathered, bounded, leased, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from greenroom.context import Context
from greenroom.doctor.catalogue import find
from greenroom.doctor.shown import show
from greenroom.errors import GiveUp, Invalid, NotFound, TooManyRequests, TryLater
from greenroom.model.alerts import ClaimedMail
from greenroom.model.audit import Actor
from greenroom.model.findings import Finding, Subject
from greenroom.services import alert_mails, audit, findings, project_deletion, projects
from greenroom.settings import Settings
from greenroom.store import alerts as alert_rows
from greenroom.store import installation as installation_rows
from greenroom.store.db import Store
from tests.support.queues import PROJECT, context, queue

ADA, BOB, OPS = "ada@proctor.example", "bob@proctor.example", "ops@gateway.example"
DISABLED = find("webhook.disabled", Subject("webhook", "whk_1", "orders"))
REFUSED = find("webhook.refused", Subject("webhook", "whk_2", "other"))
STUCK = find("order.stuck", Subject("order", "ord_1"))
DISK = find("gateway.disk_low", Subject("installation"))
AWAY = TryLater("No connection to the mail server.", kind="connect")


@pytest.fixture
async def ctx(store: Store, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Returns the context of a store that has the project, with a mail server; mails are due at once."""
    monkeypatch.setattr(alert_rows, "GATHER", timedelta(0))
    await queue(store, {})
    settings = Settings(smtp_url="smtp://localhost", mail_from="g@gateway.example", alert_emails=(OPS,))
    return replace(context(store), settings=settings, actor=Actor("cli", name="ada"))


async def record(ctx: Context, *found: Finding, project_id: str = PROJECT) -> None:
    """Records the findings of a project as of now."""
    await findings.record(ctx, project_id, [(one, show(one, "https://greenroom.example")) for one in found])


async def claim(ctx: Context) -> ClaimedMail:
    """Claims a mail, which must be due."""
    claimed = await alert_mails.claim(ctx)
    assert claimed is not None
    return claimed


async def drain(ctx: Context) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sends all due mails; returns the address and the alerts of each, in alphabetical order."""
    sent = []
    while claimed := await alert_mails.claim(ctx):
        sent.append((claimed.email, sorted((one.change, one.shown["code"]) for one in claimed.alerts)))
        assert await alert_mails.record_sent(ctx, claimed)
    return sorted(sent)


async def shift_time(ctx: Context, by: timedelta) -> None:
    """Lets time pass for the hour of each recipient, and for their next mail."""
    ms = int(by.total_seconds() * 1000)
    await ctx.store.write(
        lambda tx: tx.run(
            "UPDATE alert_recipients SET due_at = due_at - $1, hour_started_at = hour_started_at - $1", ms
        )
    )


async def test_each_recipient_gets_what_opened_and_closed(ctx: Context) -> None:
    """Errors by default, warnings if asked for, each once."""
    await alert_mails.put(ctx, PROJECT, [ADA, BOB], "error")
    await record(ctx, DISABLED, STUCK)
    await record(ctx, DISABLED, STUCK)
    assert await drain(ctx) == [(one, [("opened", "webhook.disabled")]) for one in (ADA, BOB)]
    await record(ctx)
    assert await drain(ctx) == [(one, [("closed", "webhook.disabled")]) for one in (ADA, BOB)]

    await alert_mails.put(ctx, PROJECT, [BOB], "warning")
    await record(ctx, STUCK)
    await record(ctx, DISABLED)
    changes = [("closed", "order.stuck"), ("opened", "order.stuck"), ("opened", "webhook.disabled")]
    assert await drain(ctx) == [(BOB, changes)]


async def test_nobody_hears_the_end_of_what_was_there_before(ctx: Context) -> None:
    """A new recipient gets the findings that open from now on, and their end."""
    await record(ctx, DISABLED)
    await ctx.store.write(lambda tx: tx.run("UPDATE findings SET opened_at = opened_at - 1000"))
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(ctx, REFUSED)
    assert await drain(ctx) == [(ADA, [("opened", "webhook.refused")])]


async def test_the_installation_has_its_own_addresses(ctx: Context) -> None:
    """They get one alert, however many projects have the finding, with the same id to its end."""
    other = (await projects.ensure(ctx, "Mallory")).id
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    for project_id in (PROJECT, other):
        await record(ctx, DISK, project_id=project_id)
    opened = await claim(ctx)
    assert (opened.email, opened.project_id, len(opened.alerts)) == (OPS, None, 1)
    await alert_mails.record_sent(ctx, opened)
    await record(ctx)
    assert await drain(ctx) == []
    await record(ctx, project_id=other)
    closed = await claim(ctx)
    assert [one.change for one in closed.alerts] == ["closed"]
    assert closed.alerts[0].finding_id == opened.alerts[0].finding_id
    await alert_mails.record_sent(ctx, closed)
    elsewhere = replace(ctx, settings=ctx.settings.model_copy(update={"alert_emails": (BOB,)}))
    await record(elsewhere, DISK)
    assert await drain(ctx) == [(BOB, [("opened", "gateway.disk_low")])]


async def test_the_operator_of_all_projects(ctx: Context) -> None:
    """With the wider scope, the installation's addresses get the errors of each project, too, with its name."""
    wide = replace(ctx, settings=ctx.settings.model_copy(update={"alert_scope": "all"}))
    await alert_mails.put(wide, PROJECT, [ADA], "error")
    await record(wide, DISABLED, STUCK, DISK)
    claimed = {one.email: one for one in [await claim(wide), await claim(wide)]}
    assert [one.shown["project"] for one in claimed[ADA].alerts] == [None]
    found = {one.shown["code"]: one.shown["project"] for one in claimed[OPS].alerts}
    assert found == {"webhook.disabled": "p", "gateway.disk_low": None}


async def test_two_projects_find_the_same_at_once(ctx: Context) -> None:
    """Only one of them alerts the operator."""
    await ctx.store.write(lambda tx: installation_rows.add(tx, "pepper", "sealed"))  # each installation has it
    others = [(await projects.ensure(ctx, f"project {number}")).id for number in range(4)]
    await asyncio.gather(*(record(ctx, DISK, project_id=one) for one in others))
    assert await drain(ctx) == [(OPS, [("opened", "gateway.disk_low")])]


async def test_no_mail_is_sent_without_a_mail_server(ctx: Context) -> None:
    """Nothing waits for one either."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(replace(ctx, settings=Settings()), DISABLED, DISK)
    assert await drain(ctx) == []
    assert [one.waiting for one in (await alert_mails.get(ctx, PROJECT)).recipients] == [0]


async def test_alerts_are_gathered(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts within a minute of the first are one mail."""
    monkeypatch.setattr(alert_rows, "GATHER", timedelta(minutes=1))
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(ctx, DISABLED)
    assert await alert_mails.claim(ctx) is None
    await shift_time(ctx, timedelta(seconds=59))
    await record(ctx, DISABLED, REFUSED)
    assert await alert_mails.claim(ctx) is None
    await shift_time(ctx, timedelta(seconds=2))
    assert await drain(ctx) == [(ADA, [("opened", "webhook.disabled"), ("opened", "webhook.refused")])]


async def test_an_hour_has_a_bound(ctx: Context) -> None:
    """After ten mails, the rest of the hour is one mail."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    for number in range(alert_rows.MOST_AN_HOUR):
        await record(ctx, *([] if number % 2 else [DISABLED]))
        assert len(await drain(ctx)) == 1
    for number in range(6):
        await record(ctx, *([] if number % 2 else [REFUSED]))
        assert await drain(ctx) == []
    await shift_time(ctx, timedelta(hours=1))
    [(_, changes)] = await drain(ctx)
    assert len(changes) == 6  # three opened and three closed


async def test_a_queue_has_a_bound(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts beyond it are counted, and the mail has their number."""
    monkeypatch.setattr(alert_rows, "MOST_WAITING", 2)
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(ctx, *(find("webhook.disabled", Subject("webhook", f"whk_{number}")) for number in range(5)))
    assert [one.waiting for one in (await alert_mails.get(ctx, PROJECT)).recipients] == [5]
    claimed = await claim(ctx)
    assert (len(claimed.alerts), claimed.unlisted) == (2, 3)
    await alert_mails.record_sent(ctx, claimed)
    assert [one.waiting for one in (await alert_mails.get(ctx, PROJECT)).recipients] == [0]
    assert await drain(ctx) == []


async def test_a_failure_is_tried_again(ctx: Context) -> None:
    """Later and later; alerts that came meanwhile are in the same mail; success forgets the failure."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(ctx, DISABLED)
    for wait in (*alert_mails.WAITS, alert_mails.WAITS[-1]):
        assert await alert_mails.record_failure(ctx, await claim(ctx), AWAY)
        await shift_time(ctx, wait - timedelta(seconds=10))
        assert await alert_mails.claim(ctx) is None
        await shift_time(ctx, timedelta(seconds=20))
    [recipient] = (await alert_mails.get(ctx, PROJECT)).recipients
    assert (recipient.failure, recipient.waiting, recipient.sent_at) == (AWAY.reason, 1, None)
    await record(ctx, DISABLED, REFUSED)
    assert await drain(ctx) == [(ADA, [("opened", "webhook.disabled"), ("opened", "webhook.refused")])]
    [recipient] = (await alert_mails.get(ctx, PROJECT)).recipients
    assert (recipient.failure, recipient.failed_at, recipient.waiting) == (None, None, 0)
    assert recipient.sent_at


async def test_a_refusal_ends_one_mail(ctx: Context) -> None:
    """Its alerts are dropped, the reason stays until a mail is accepted, and the other recipient is not concerned."""
    await alert_mails.put(ctx, PROJECT, [ADA, BOB], "error")
    await record(ctx, DISABLED)
    refused = await claim(ctx)
    await alert_mails.record_failure(ctx, refused, GiveUp("No such user.", kind="mail_refused"))
    assert [email for email, _ in await drain(ctx)] == [({ADA, BOB} - {refused.email}).pop()]
    found = {one.email: one.failure for one in (await alert_mails.get(ctx, PROJECT)).recipients}
    assert found[refused.email] == "No such user."
    await record(ctx)
    assert len(await drain(ctx)) == 2


async def test_a_dead_workers_mail_is_sent_by_another(ctx: Context) -> None:
    """After its lease; the first worker's late outcome changes nothing, and alerts that came meanwhile are not lost."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    await record(ctx, DISABLED)
    first = await claim(ctx)
    assert await alert_mails.claim(ctx) is None
    await record(ctx, DISABLED, REFUSED)
    await shift_time(ctx, alert_mails.LEASE + timedelta(seconds=1))
    second = await claim(ctx)
    assert not await alert_mails.record_sent(ctx, first)
    assert not await alert_mails.record_failure(ctx, first, AWAY)
    await record(ctx, REFUSED)
    assert await alert_mails.record_sent(ctx, second)
    assert await drain(ctx) == [(ADA, [("closed", "webhook.disabled")])]


async def test_two_workers_never_claim_the_same_mail(ctx: Context) -> None:
    """Each mail is claimed once."""
    await alert_mails.put(ctx, PROJECT, [ADA, BOB], "error")
    await record(ctx, DISABLED)
    claimed = await asyncio.gather(*(alert_mails.claim(ctx) for _ in range(6)))
    emails = [one.email for one in claimed if one]
    assert len(emails) == len(set(emails))
    await drain(ctx)
    assert all(one.sent_at or one.email in emails for one in (await alert_mails.get(ctx, PROJECT)).recipients)


async def test_alerts_and_workers_at_once(ctx: Context) -> None:
    """Nothing that is queued while another mail is recorded waits for ever."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")

    async def work() -> None:
        for _ in range(10):
            await drain(ctx)

    async def flap() -> None:
        for number in range(10):
            await record(ctx, *([DISABLED] if number % 2 else []))

    await asyncio.gather(work(), flap())
    await shift_time(ctx, timedelta(hours=1))
    await drain(ctx)
    row = await ctx.store.read(lambda tx: tx.one("SELECT count(*) AS n FROM alerts"))
    assert row is not None
    assert row["n"] == 0


@pytest.mark.parametrize(
    "emails",
    [
        ["ada"],
        ["ada@proctor.example\r\nBcc: mallory@evil.example"],
        ["Ada <ada@proctor.example>"],
        ["ada@proctor.example, bob@proctor.example"],
        ['"a b"@proctor.example'],
        ["ädä@proctor.example"],
        ["ada@" + "x" * 64 + ".example"],
        ["a" * 65 + "@proctor.example"],
        [f"a{number}@proctor.example" for number in range(11)],
    ],
)
async def test_addresses_are_checked(ctx: Context, emails: Sequence[str]) -> None:
    """One address each, without a name, ten at the most."""
    with pytest.raises(Invalid) as raised:
        await alert_mails.put(ctx, PROJECT, emails, "error")
    assert raised.value.errors[0].startswith("emails: ")


async def test_settings_are_audited_and_end_with_the_project(ctx: Context) -> None:
    """The same settings are no change; a deleted project gets no mail."""
    settings = await alert_mails.put(ctx, PROJECT, [f" {ADA.upper()} ", ADA], "warning")
    assert (settings.emails, settings.min_severity) == ((ADA,), "warning")
    await alert_mails.put(ctx, PROJECT, [ADA], "warning")
    entries = [one for one in await audit.list_entries(ctx, PROJECT) if one.action == "alerts.changed"]
    assert [one.detail for one in entries] == [{"emails": [ADA], "min_severity": "warning"}]
    await record(ctx, DISABLED)
    await project_deletion.delete(ctx, PROJECT)
    assert await drain(ctx) == []
    with pytest.raises(NotFound):
        await alert_mails.put(ctx, PROJECT, [ADA], "error")


async def test_nobody_can_be_flooded(ctx: Context) -> None:
    """Neither by test mails nor by changing addresses again and again; removing them is always possible."""
    await alert_mails.put(ctx, PROJECT, [ADA], "error")
    for _ in range(alert_mails.MOST_TESTS):
        assert await alert_mails.start_test(ctx, PROJECT) == (ADA,)
    with pytest.raises(TooManyRequests) as raised:
        await alert_mails.start_test(ctx, PROJECT)
    assert 3500 < (raised.value.retry_after or 0) <= 3600
    for number in range(1, alert_mails.MOST_CHANGES):
        await alert_mails.put(ctx, PROJECT, [f"a{number}@victim.example"], "error")
    with pytest.raises(TooManyRequests):
        await alert_mails.put(ctx, PROJECT, [BOB], "error")
    assert (await alert_mails.put(ctx, PROJECT, [], "error")).emails == ()

    later = replace(ctx, now=lambda: ctx.now() + timedelta(hours=1))
    assert (await alert_mails.put(later, PROJECT, [BOB], "error")).emails == (BOB,)
    assert await alert_mails.start_test(later, PROJECT) == (BOB,)
