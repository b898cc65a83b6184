"""`/v1/alerts`: the recipients of a project's findings by e-mail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from greenroom.api.callers import Caller, Ctx
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import StrictBody, example
from greenroom.context import Context
from greenroom.mail_settings import LONGEST_ADDRESS, check_address
from greenroom.model.alerts import AlertSettings, AlertSeverity
from greenroom.model.events import stamp
from greenroom.services import alert_mails
from greenroom.settings import MOST_ALERT_EMAILS

router = APIRouter(prefix="/v1/alerts", tags=["Alerts"], route_class=IdempotentRoute)

EMAILS = "Addresses that get a mail when a finding opens or closes; a person need not be a member."
MIN_SEVERITY = "error: only findings that stop somebody's work; warning: also those that will."


class AlertsIn(StrictBody):
    """The recipients of alerts, which replace the present ones."""

    model_config = example(emails=["oncall@vendor.example"], min_severity="error")

    emails: list[Annotated[str, Field(max_length=LONGEST_ADDRESS), AfterValidator(check_address)]] = Field(
        default_factory=list, max_length=MOST_ALERT_EMAILS, description=EMAILS
    )
    min_severity: AlertSeverity = Field("error", description=MIN_SEVERITY)


class RecipientOut(BaseModel):
    """How the mails to one address went."""

    email: str = Field(description="The address.")
    sent_at: str | None = Field(description="When the mail server last accepted a mail.")
    failure: str | None = Field(description="Why the last mail failed, with the mail server's answer; null: none did.")
    failed_at: str | None = Field(description="When the last mail failed.")
    waiting: int = Field(description="Alerts that wait for the next mail.")


class AlertsOut(BaseModel):
    """The recipients of alerts by e-mail."""

    emails: list[str] = Field(description=EMAILS)
    min_severity: AlertSeverity = Field(description=MIN_SEVERITY)
    mail_server: bool = Field(description="Whether a mail server is set (GREENROOM_SMTP_URL); without one, no mail.")
    recipients: list[RecipientOut] = Field(description="How the mails to each address went.")


@router.get("", operation_id="get_alerts", responses=documented(400, 401))
async def get(ctx: Ctx, project: Caller) -> AlertsOut:
    """Show the recipients of findings by e-mail, and how the mails went."""
    return _shown(ctx, await alert_mails.get(ctx, project.id))


@router.put("", operation_id="put_alerts", responses=documented(400, 401, 422))
async def put(ctx: Ctx, project: Caller, body: AlertsIn) -> AlertsOut:
    """Replace the recipients of findings by e-mail."""
    return _shown(ctx, await alert_mails.put(ctx, project.id, body.emails, body.min_severity))


def _shown(ctx: Context, settings: AlertSettings) -> AlertsOut:
    recipients = [
        RecipientOut(
            email=one.email,
            sent_at=one.sent_at and stamp(one.sent_at),
            failure=one.failure,
            failed_at=one.failed_at and stamp(one.failed_at),
            waiting=one.waiting,
        )
        for one in settings.recipients
    ]
    return AlertsOut(
        emails=list(settings.emails),
        min_severity=settings.min_severity,
        mail_server=bool(ctx.settings.smtp_url),
        recipients=recipients,
    )
