"""Queries on the recipients of alerts by e-mail, and on the alerts that wait for a mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from greenroom.model.alerts import AlertSeverity
from greenroom.store.db import Row, Tx, marks

#: the place of `project_id` for the installation
INSTALLATION = ""
#: how long alerts are gathered for one mail
GATHER = timedelta(minutes=1)
#: mails to one recipient in an hour; later alerts wait for its end and are one mail
MOST_AN_HOUR = 10
HOUR_MS = 3_600_000
#: alerts that wait for one recipient; more are counted
MOST_WAITING = 200


async def list_recipients(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the recipients of a project's alerts, each with the number of alerts that are `waiting`."""
    return await tx.all(
        "SELECT r.*, r.unlisted + (SELECT count(*) FROM alerts WHERE recipient_id = r.id) AS waiting "
        "FROM alert_recipients r WHERE project_id = $1 ORDER BY email",
        project_id,
    )


async def add_recipient(tx: Tx, recipient_id: str, project_id: str, email: str) -> None:
    """Adds a recipient unless the project has it."""
    await tx.run(
        "INSERT INTO alert_recipients (id, project_id, email, created_at) VALUES ($1, $2, $3, now_ms()) "
        "ON CONFLICT (project_id, email) DO NOTHING",
        recipient_id,
        project_id,
        email,
    )


async def delete_recipient(tx: Tx, recipient_id: str) -> None:
    """Deletes a recipient with the alerts that wait."""
    await tx.run("DELETE FROM alert_recipients WHERE id = $1", recipient_id)


async def find_severity(tx: Tx, project_id: str) -> AlertSeverity | None:
    """Returns the least severity of a project's alerts; None if the project does not exist."""
    row = await tx.one("SELECT alert_severity FROM projects WHERE id = $1 AND deleted_at IS NULL", project_id)
    return row["alert_severity"] if row else None


async def save_severity(tx: Tx, project_id: str, severity: str) -> None:
    """Saves the least severity of a project's alerts."""
    await tx.run("UPDATE projects SET alert_severity = $2 WHERE id = $1", project_id, severity)


async def add(tx: Tx, recipient_id: str, alerts: Sequence[tuple[str, str, str, str]]) -> None:
    """
    Queues alerts for a recipient, whose mail becomes due; those beyond the bound are counted instead.

    An alert is its id, its finding's id, the change and the finding as JSON.
    """
    row = await tx.one("SELECT count(*) AS n FROM alerts WHERE recipient_id = $1", recipient_id)
    room = max(0, MOST_WAITING - (row["n"] if row else 0))
    await tx.many(
        "INSERT INTO alerts (id, recipient_id, finding_id, event, shown, created_at) "
        "VALUES ($1, $2, $3, $4, $5, now_ms())",
        [(alert_id, recipient_id, *rest) for alert_id, *rest in alerts[:room]],
    )
    # without a condition, so that it waits for a worker that is about to find no alert and to set the time to NULL
    await tx.run(
        f"UPDATE alert_recipients SET due_at = coalesce(due_at, {_next_due('$2')}), unlisted = unlisted + $3 "  # noqa: S608
        "WHERE id = $1",
        recipient_id,
        _gather_ms(),
        len(alerts[room:]),
    )


async def claim(tx: Tx, *, lease_ms: int) -> Row | None:
    """
    Returns the recipient whose mail has been due for the longest, with its project's name; None if none is due.

    The mail is due again after the lease, which covers an attempt whose process is killed.
    """
    due = await tx.one("SELECT id FROM alert_recipients WHERE due_at <= now_ms() ORDER BY due_at LIMIT 1 {skip_locked}")
    if due is None:
        return None
    return await tx.one(
        "UPDATE alert_recipients SET claims = claims + 1, due_at = now_ms() + $2 WHERE id = $1 RETURNING *, "
        "(SELECT name FROM projects WHERE projects.id = project_id) AS project_name",
        due["id"],
        lease_ms,
    )


async def list_waiting(tx: Tx, recipient_id: str) -> Sequence[Row]:
    """Lists the alerts that wait for a recipient, the oldest first."""
    return await tx.all("SELECT * FROM alerts WHERE recipient_id = $1 ORDER BY id", recipient_id)


async def record_sent(tx: Tx, recipient_id: str, claim: int, alert_ids: Sequence[str], *, unlisted: int) -> bool:
    """Deletes the alerts of a mail that was accepted; returns False if another claim has come since."""
    recorded = await tx.run(
        f"UPDATE alert_recipients SET failures = 0, unlisted = unlisted - $3, sent_at = now_ms(), failure = NULL, "  # noqa: S608
        f"failure_kind = NULL, failed_at = NULL, failing_since = NULL, {_COUNT_MAIL} WHERE id = $1 AND claims = $2",
        recipient_id,
        claim,
        unlisted,
    )
    return recorded == 1 and await _finish(tx, recipient_id, alert_ids)


async def record_refused(
    tx: Tx, recipient_id: str, claim: int, alert_ids: Sequence[str], reason: str, kind: str, *, unlisted: int
) -> bool:
    """Deletes the alerts of a mail that was refused for good; returns False if another claim has come since."""
    recorded = await tx.run(
        f"UPDATE alert_recipients SET failures = 0, unlisted = unlisted - $3, failure = $4, failure_kind = $5, "  # noqa: S608
        f"failed_at = now_ms(), failing_since = NULL, {_COUNT_MAIL} WHERE id = $1 AND claims = $2",
        recipient_id,
        claim,
        unlisted,
        reason,
        kind,
    )
    return recorded == 1 and await _finish(tx, recipient_id, alert_ids)


async def record_failure(tx: Tx, recipient_id: str, claim: int, reason: str, kind: str, *, wait_ms: int) -> bool:
    """Records a failed attempt, whose alerts wait for the next; returns False if another claim has come since."""
    recorded = await tx.run(
        "UPDATE alert_recipients SET failures = failures + 1, failure = $3, failure_kind = $4, failed_at = now_ms(), "
        "failing_since = coalesce(failing_since, now_ms()), due_at = now_ms() + $5 WHERE id = $1 AND claims = $2",
        recipient_id,
        claim,
        reason,
        kind,
        wait_ms,
    )
    return recorded == 1


async def find_failing(tx: Tx, *, least: int) -> Row | None:
    """
    Returns `reason`, `kind`, `since` and `failed_at` of the mails that have failed for the longest, and how many fail.

    Failures of at least so many attempts in a row count, but not refusals of a single mail or recipient. None if there
    is none.
    """
    return await tx.one(
        "SELECT failure AS reason, failure_kind AS kind, failing_since AS since, failed_at, count(*) OVER () AS count "
        "FROM alert_recipients WHERE failures >= $1 AND failure_kind <> 'mail_refused' ORDER BY failing_since LIMIT 1",
        least,
    )


async def _finish(tx: Tx, recipient_id: str, alert_ids: Sequence[str]) -> bool:
    """Deletes alerts that were dealt with, and makes the next mail due if others have come meanwhile."""
    if alert_ids:
        await tx.run(f"DELETE FROM alerts WHERE id IN ({marks(alert_ids)})", *alert_ids)  # noqa: S608
    await tx.run(
        f"UPDATE alert_recipients SET due_at = CASE WHEN unlisted > 0 OR EXISTS "  # noqa: S608
        f"(SELECT 1 FROM alerts WHERE recipient_id = $1) THEN {_next_due('$2')} END WHERE id = $1",
        recipient_id,
        _gather_ms(),
    )
    return True


_IS_HOUR = f"coalesce(hour_started_at, 0) BETWEEN now_ms() - {HOUR_MS} + 1 AND now_ms()"
_IS_FULL = f"{_IS_HOUR} AND hour_count >= {MOST_AN_HOUR}"
_COUNT_MAIL = (
    f"hour_count = CASE WHEN {_IS_HOUR} THEN hour_count + 1 ELSE 1 END, "
    f"hour_started_at = CASE WHEN {_IS_HOUR} THEN hour_started_at ELSE now_ms() END"
)


def _next_due(gather: str) -> str:
    """Returns the expression of the time at which the next mail is due."""
    return f"CASE WHEN {_IS_FULL} THEN hour_started_at + {HOUR_MS} ELSE now_ms() + {gather} END"


def _gather_ms() -> int:
    return int(GATHER.total_seconds() * 1000)
