"""
Alerts by e-mail: the recipients, and the queue of alerts that wait for a mail.

A finding that opens or closes is queued for each recipient in the transaction that records it. A recipient's alerts are
gathered for a minute and claimed together; a claim is a lease, like that of a delivery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import GiveUp, Invalid, NotFound, RemoteError, TooManyRequests
from greenroom.mail_settings import check_address
from greenroom.model.alerts import (
    MAIL_FAILING,
    Alert,
    AlertSettings,
    AlertSeverity,
    Change,
    ClaimedMail,
    Recipient,
    is_alerted,
)
from greenroom.model.audit import AuditFilter
from greenroom.services import audit
from greenroom.settings import MOST_ALERT_EMAILS
from greenroom.store import alerts as alert_rows
from greenroom.store import audit as audit_rows
from greenroom.store import projects as project_rows
from greenroom.store.alerts import INSTALLATION
from greenroom.store.db import Tx, maybe_from_ms, to_json

HOUR = timedelta(hours=1)
#: changes that add an address, and test mails, of a project in an hour
MOST_CHANGES = 20
MOST_TESTS = 10
#: longer than any attempt, after which another worker sends the mail
LEASE = timedelta(minutes=2)
#: waits after failed attempts, the last one again and again
WAITS = [timedelta(minutes=one) for one in (1, 2, 5, 10, 30, 60)]


@dataclass(frozen=True)
class Changed:
    """
    A finding that opened or closed.

    `opened_ms` is when a closed one had opened, in ms since 1970. `is_known_elsewhere` says that it is about the
    installation, and open in another project, too.
    """

    finding_id: str
    change: Change
    shown: Mapping[str, Any]
    opened_ms: int | None = None
    is_known_elsewhere: bool = False

    @property
    def is_of_installation(self) -> bool:
        """Returns whether the finding is about the installation, not about something of a project."""
        return bool(self.shown["subject"]["type"] == "installation")


@snapshot
async def get(_: Context, tx: Tx, project_id: str) -> AlertSettings:
    """
    Returns the recipients of a project's alerts, and the least severity.

    Raises:
        NotFound: there is no such project.
    """
    return await _get(tx, project_id)


@transaction
async def put(
    ctx: Context, tx: Tx, project_id: str, emails: Sequence[str], min_severity: AlertSeverity
) -> AlertSettings:
    """
    Replaces the recipients of a project's alerts, and the least severity; alerts for a removed address are dropped.

    Raises:
        Invalid: too many addresses, or one that is none.
        TooManyRequests: an address is added after too many changes within an hour.
        NotFound: there is no such project.
    """
    wanted = check_emails(emails)
    await project_rows.lock(tx, project_id)
    old = await _get(tx, project_id)
    if set(old.emails) == set(wanted) and old.min_severity == min_severity:
        return old
    if set(wanted) - set(old.emails):
        await _check_rate(ctx, tx, project_id, "alerts.changed", MOST_CHANGES)
    await _replace(ctx, tx, project_id, wanted)
    await alert_rows.save_severity(tx, project_id, min_severity)
    detail = {"emails": wanted, "min_severity": min_severity}
    await audit.record(ctx, tx, "alerts.changed", project_id, project_id=project_id, detail=detail)
    return await _get(tx, project_id)


def check_emails(emails: Sequence[str]) -> list[str]:
    """
    Returns addresses in lower case, each once.

    Raises:
        Invalid: too many, or one that is none.
    """
    if len(emails) > MOST_ALERT_EMAILS:
        problem = f"emails: expected {MOST_ALERT_EMAILS} at the most, not {len(emails)}; a mailing list takes more"
        raise Invalid(problem, errors=[problem])
    found = []
    for one in emails:
        try:
            found.append(check_address(one))
        except ValueError as error:
            problem = f"emails: {one.strip()[:80]!r} is not accepted: {error}"
            raise Invalid(problem, errors=[problem]) from None
    return sorted(set(found))


async def queue(ctx: Context, tx: Tx, project_id: str, project_name: str, changes: Sequence[Changed]) -> None:
    """
    Queues the alerts of findings that opened or closed, inside the transaction that records them.

    Those about the installation go to GREENROOM_ALERT_EMAILS alone, errors of a project also there if
    GREENROOM_ALERT_SCOPE says so. An address that was added after a finding opened
    gets no alert when it closes.
    """
    if not ctx.settings.smtp_url:
        return
    changes = [one for one in changes if one.shown["code"] != MAIL_FAILING]
    if own := [one for one in changes if not one.is_of_installation]:
        least = await alert_rows.find_severity(tx, project_id)
        await _add(ctx, tx, project_id, [one for one in own if is_alerted(one.shown["severity"], least or "error")])
    others = [one for one in changes if one.is_of_installation]
    if ctx.settings.alert_scope == "all":
        errors = [one for one in own if is_alerted(one.shown["severity"], "error")]
        others += [replace(one, shown={**one.shown, "project": project_name}) for one in errors]
    if others:
        await _replace(ctx, tx, INSTALLATION, ctx.settings.alert_emails)
        await _add(ctx, tx, INSTALLATION, others)


@transaction(kind="short")
async def claim(_: Context, tx: Tx, *, lease: timedelta = LEASE) -> ClaimedMail | None:
    """Returns the mail that has been due for the longest, which no other worker sends until the lease ends, or None."""
    row = await alert_rows.claim(tx, lease_ms=int(lease.total_seconds() * 1000))
    if row is None:
        return None
    alerts = [
        Alert(one["id"], one["finding_id"], one["event"], json.loads(one["shown"]))
        for one in await alert_rows.list_waiting(tx, row["id"])
    ]
    return ClaimedMail(
        row["id"],
        row["email"],
        row["project_id"] or None,
        row["project_name"],
        alerts,
        row["unlisted"],
        row["claims"],
        row["failures"],
    )


@transaction(kind="short")
async def record_sent(_: Context, tx: Tx, claimed: ClaimedMail) -> bool:
    """Records that a mail was accepted; returns False if another worker has claimed it since."""
    ids = [one.id for one in claimed.alerts]
    return await alert_rows.record_sent(tx, claimed.recipient_id, claimed.claim, ids, unlisted=claimed.unlisted)


@transaction(kind="short")
async def record_failure(_: Context, tx: Tx, claimed: ClaimedMail, error: RemoteError) -> bool:
    """
    Records that a mail was not accepted; returns False if another worker has claimed it since.

    Its alerts are sent later, or dropped if the mail server refused them for good.
    """
    reason, kind = error.reason, error.kind
    if isinstance(error, GiveUp):
        ids = [one.id for one in claimed.alerts]
        return await alert_rows.record_refused(
            tx, claimed.recipient_id, claimed.claim, ids, reason, kind, unlisted=claimed.unlisted
        )
    wait = WAITS[min(claimed.failures, len(WAITS) - 1)]
    wait_ms = int(wait.total_seconds() * 1000)
    return await alert_rows.record_failure(tx, claimed.recipient_id, claimed.claim, reason, kind, wait_ms=wait_ms)


@transaction
async def start_test(ctx: Context, tx: Tx, project_id: str) -> tuple[str, ...]:
    """
    Returns the addresses for a test mail each, which is audited.

    Raises:
        TooManyRequests: there were too many test mails within an hour.
        NotFound: there is no such project.
    """
    emails = (await _get(tx, project_id)).emails
    await _check_rate(ctx, tx, project_id, "alerts.tested", MOST_TESTS)
    detail = {"emails": list(emails)}
    await audit.record(ctx, tx, "alerts.tested", project_id, project_id=project_id, detail=detail)
    return emails


async def _check_rate(ctx: Context, tx: Tx, project_id: str, action: str, most: int) -> None:
    """Refuses an audited action beyond its number in an hour, or anybody's mailbox could be flooded."""
    lately = AuditFilter(action=action, object_id=project_id, since=ctx.now() - HOUR)
    entries = await audit_rows.list_entries(tx, project_id, lately, limit=most)
    if len(entries) == most:
        wait = max(1, int((entries[-1].at + HOUR - ctx.now()).total_seconds()))
        what = "test mails" if action == "alerts.tested" else "changes of addresses"
        raise TooManyRequests(
            f"No more than {most} {what} in an hour. Try again in {wait // 60 + 1} minutes.", retry_after=wait
        )


async def _get(tx: Tx, project_id: str) -> AlertSettings:
    severity = await alert_rows.find_severity(tx, project_id)
    if severity is None:
        raise NotFound(f"No project {project_id[:80]}.")
    recipients = [
        Recipient(
            row["email"],
            maybe_from_ms(row["sent_at"]),
            row["failure"],
            maybe_from_ms(row["failed_at"]),
            row["waiting"],
        )
        for row in await alert_rows.list_recipients(tx, project_id)
    ]
    return AlertSettings(recipients, severity)


async def _replace(ctx: Context, tx: Tx, project_id: str, emails: Sequence[str]) -> None:
    for row in await alert_rows.list_recipients(tx, project_id):
        if row["email"] not in emails:
            await alert_rows.delete_recipient(tx, row["id"])
    for email in emails:
        await alert_rows.add_recipient(tx, ctx.new_id("rcp"), project_id, email)


async def _add(ctx: Context, tx: Tx, project_id: str, changes: Sequence[Changed]) -> None:
    if not changes:
        return
    texts = [to_json({name: one.shown.get(name) for name in _SHOWN}) for one in changes]
    for row in await alert_rows.list_recipients(tx, project_id):
        alerts = [
            (ctx.new_id("alr"), one.finding_id, one.change, text)
            for one, text in zip(changes, texts, strict=True)
            if one.opened_ms is None or one.opened_ms >= row["created_at"]
        ]
        if alerts:
            await alert_rows.add(tx, row["id"], alerts)


#: fields of a finding for a mail; the proof, which may name a candidate, is on the page alone
_SHOWN = ("code", "severity", "subject", "title", "cause", "next_step", "who", "since", "docs", "url", "project")
