"""Project settings, Alerts: the recipients of findings by e-mail, how the mails went, and a test mail."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.doctor.mails import compose_test
from greenroom.errors import Invalid, Refused, RemoteError, TooManyRequests
from greenroom.mail_settings import is_loopback, read_mail_server
from greenroom.model.alerts import ALERT_SEVERITIES, AlertSettings
from greenroom.services import alert_mails, members
from greenroom.settings import MOST_ALERT_EMAILS
from greenroom.web import kit, settings
from greenroom.web.access import Visit
from greenroom.web.forms import Form

if TYPE_CHECKING:  # imported only where a mail server is set
    from greenroom.outbound.mail import Mailer

#: seconds for a test mail, for which a person waits
TEST_DEADLINE_S = 10.0
#: members that the form offers
MOST_MEMBERS = 20
SEVERITIES = {
    "error": ("Errors", "Somebody's work is stopped now."),
    "warning": ("Errors and warnings", "Also what will stop it, or makes it worse."),
}


class Tested(NamedTuple):
    """The outcome of a test mail: the answer of the mail server, or the reason of the failure."""

    email: str
    is_sent: bool
    text: str


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.in_project("/settings/alerts", show_alerts),
        kit.in_project("/settings/alerts", save, role="developer", methods=("POST",)),
        kit.in_project("/settings/alerts/test", send_test, role="developer", methods=("POST",)),
    ]


async def show_alerts(visit: Visit) -> Response:
    """Shows the recipients, and how the mails went."""
    return await _show(visit)


async def save(visit: Visit) -> Response:
    """Saves the recipients, and the least severity."""
    form = Form.submitted(visit.form)
    severity = next((one for one in ALERT_SEVERITIES if one == form.get("min_severity")), None)
    if severity is None:
        form.errors["min_severity"] = "Choose one."
        return await _show(visit, form)
    emails = [*form.get_all("members"), *form.get("emails").replace(",", " ").split()]
    try:
        await alert_mails.put(visit.ctx, visit.project.id, emails, severity)
    except (Invalid, TooManyRequests) as error:
        return await _show(visit, form, error)
    return kit.redirect(visit, f"{visit.base}/settings/alerts", notice="Alerts saved.")


async def send_test(visit: Visit) -> Response:
    """Sends a test mail to each saved address now, and shows the mail server's answers."""
    mailer = cast("Mailer | None", visit.request.app.state.mailer)
    if mailer is None:
        return await _show(visit, Form(summary="No mail server is set, so no mail was sent."))
    try:
        emails = await alert_mails.start_test(visit.ctx, visit.project.id)
    except TooManyRequests as error:
        return await _show(visit, Form(), error)
    if not emails:
        return await _show(visit, Form(summary="No address is saved, so no mail was sent."))
    return await _show(visit, tested=await asyncio.gather(*(_send(visit, mailer, one) for one in emails)))


async def _send(visit: Visit, mailer: Mailer, email: str) -> Tested:
    public_url, key = visit.ctx.settings.public_url, f"test.{secrets.token_hex(12)}"
    mail = compose_test(email, visit.project.id, visit.project.name, public_url, key)
    try:
        answer = await mailer.send(mail, deadline=TEST_DEADLINE_S)
    except RemoteError as error:
        return Tested(email, False, error.reason)
    return Tested(email, True, f"The mail server accepted it: {answer}")


async def _show(
    visit: Visit, form: Form | None = None, error: Refused | None = None, *, tested: list[Tested] | None = None
) -> Response:
    found = await alert_mails.get(visit.ctx, visit.project.id)
    people = [one.user.email for one in await members.list_members(visit.ctx, visit.project.id)][:MOST_MEMBERS]
    is_submitted = form is not None and "min_severity" in form.values
    stored = _stored(found, people)
    shown = form if form is not None and is_submitted else Form(stored, summary=form.summary if form else None)
    url = visit.ctx.settings.smtp_url
    server = read_mail_server(url) if url else None
    values: dict[str, Any] = {
        "tabs": settings.tabs(visit),
        "recipients": found.recipients,
        "people": [(one, one, None) for one in people],
        "severities": [(one, *SEVERITIES[one]) for one in ALERT_SEVERITIES],
        "server": server and f"{server.host}:{server.port}",
        "is_clear": server is not None and server.security == "none" and not is_loopback(server.host),
        "sender": visit.ctx.settings.mail_from,
        "most": MOST_ALERT_EMAILS,
        "tested": tested or [],
    }
    if form is not None:
        return kit.render_refused(visit, "settings/alerts.html", shown, error, **values)
    return kit.render(visit, "settings/alerts.html", form=shown, **values)


def _stored(found: AlertSettings, people: list[str]) -> dict[str, Any]:
    """Returns the values of the form: members by their boxes, every other address in the text."""
    return {
        "members": [one for one in found.emails if one in people],
        "emails": "\n".join(one for one in found.emails if one not in people),
        "min_severity": found.min_severity,
    }
