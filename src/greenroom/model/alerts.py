"""Alerts by e-mail: the recipients, and the findings that each gets. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from greenroom.model.findings import SEVERITIES, Severity

#: the two changes of a finding
Change = Literal["opened", "closed"]
#: least severity of findings that are alerted
AlertSeverity = Literal["error", "warning"]
ALERT_SEVERITIES: tuple[AlertSeverity, ...] = get_args(AlertSeverity)
#: the finding that mails cannot be sent, which no mail is sent about
MAIL_FAILING = "gateway.mail_failing"


@dataclass(frozen=True)
class Recipient:
    """
    An address that gets a project's alerts, and how the mails to it went.

    `failure` is the reason of the last failure since the last accepted mail; `waiting` is the number of queued alerts.
    """

    email: str
    sent_at: datetime | None = None
    failure: str | None = None
    failed_at: datetime | None = None
    waiting: int = 0


@dataclass(frozen=True)
class AlertSettings:
    """The recipients of a project's alerts by e-mail, and the least severity."""

    recipients: Sequence[Recipient] = ()
    min_severity: AlertSeverity = "error"

    @property
    def emails(self) -> tuple[str, ...]:
        """Returns the addresses."""
        return tuple(one.email for one in self.recipients)


@dataclass(frozen=True)
class Alert:
    """A finding that opened or closed; `shown` is the finding as events have it."""

    id: str
    finding_id: str
    change: Change
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class ClaimedMail:
    """
    The alerts of one mail, which no other worker sends until the lease ends.

    `project_id` and `project_name` are None for the installation's. `unlisted` counts alerts beyond the bound, which
    are not among `alerts`. `claim` is the number of this claim, `failures` that of failed attempts before it.
    """

    recipient_id: str
    email: str
    project_id: str | None
    project_name: str | None
    alerts: Sequence[Alert]
    unlisted: int
    claim: int
    failures: int


def is_alerted(severity: Severity, least: Severity) -> bool:
    """Returns whether a finding of a severity is alerted."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(least)
