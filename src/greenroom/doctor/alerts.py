"""The background job that sends alerts of findings by e-mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter

from greenroom.context import Context
from greenroom.doctor.mails import compose
from greenroom.errors import GiveUp, RemoteError
from greenroom.services import alert_mails

if TYPE_CHECKING:  # imported only where a mail server is set
    from greenroom.outbound.mail import Mailer

log = structlog.get_logger("greenroom.alerts")

#: seconds until the next search after one that found no mail due
IDLE_S = 1.0
MAILS = Counter(
    "greenroom_alert_mails", "Attempts to send an alert by e-mail, by outcome: sent, retried, refused.", ["outcome"]
)


async def send_next(ctx: Context, mailer: Mailer) -> float:
    """Sends the mail whose turn it is; returns the seconds until the next search."""
    claimed = await alert_mails.claim(ctx)
    if claimed is None:
        return IDLE_S
    mail = compose(claimed, ctx.settings.public_url)
    try:
        await mailer.send(mail)
    except RemoteError as error:
        is_final = isinstance(error, GiveUp)
        MAILS.labels("refused" if is_final else "retried").inc()
        log.warning(
            "alert_mail_refused" if is_final else "alert_mail_failed",
            project_id=claimed.project_id,
            recipient_id=claimed.recipient_id,
            alerts=len(claimed.alerts),
            kind=error.kind,
            error=error.reason,
        )
        await alert_mails.record_failure(ctx, claimed, error)
    else:
        MAILS.labels("sent").inc()
        await alert_mails.record_sent(ctx, claimed)
    return 0.0
