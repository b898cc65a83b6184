"""Replays: jobs that send a webhook past events again, and their progress."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import Refused, Unavailable
from greenroom.model.replays import Status
from greenroom.services import replays, webhooks
from greenroom.web import kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = 25
#: choices of events for a replay: the value, the label and the note
STATUSES = (
    ("undelivered", "What the webhook lacks", "Events that were given up, and those that it never got."),
    ("missing", "Only what it never got", "Events from before the webhook existed, or while it did not subscribe."),
    ("dead", "Only what was given up", "Deliveries that failed until the end of their schedule."),
    ("held", "Only what is held", "Deliveries that wait because no webhook took them."),
    ("cancelled", "Only what was cancelled", "Deliveries that were cancelled with their webhook."),
    ("delivered", "Only what was delivered", "The webhook gets these events a second time."),
    ("any", "Everything", "Also what was delivered: the webhook gets it a second time."),
)
WORDS = {"running": "Running", "done": "Done", "cancelled": "Cancelled"}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    change: Any = {"role": "developer", "methods": ("POST",)}
    return [
        kit.in_project("/replays", show_list),
        kit.in_project("/replays/new", show_new, role="developer"),
        kit.in_project("/replays/new", start, **change),
        kit.in_project("/replays/{id}", show_replay),
        kit.in_project("/replays/{id}/cancel", cancel, **change),
    ]


async def show_list(visit: Visit) -> Response:
    """Shows the project's replays, newest first."""
    query = visit.request.query_params
    asked = {name: query.get(name, "").strip()[:100] for name in ("webhook", "before")}
    common: dict[str, Any] = {"asked": asked, "can_act": visit.person.may("developer")}
    try:
        found = await replays.list_page(
            visit.ctx, visit.project.id, webhook_id=asked["webhook"] or None, before=asked["before"] or None,
            limit=PAGE + 1,
        )  # fmt: skip
    except Unavailable as error:
        return kit.render_unavailable(visit, "replays/list.html", error, is_live=False, **common)
    is_live = any(one.state == "running" for one, _ in found[:PAGE])
    return kit.render(
        visit, "replays/list.html", live=is_live, is_live=is_live, problem=None, replays=found[:PAGE], words=WORDS,
        **kit.page_links(visit, [one.id for one, _ in found], PAGE), **common,
    )  # fmt: skip


async def show_new(visit: Visit) -> Response:
    """Shows the form of a new replay."""
    since = visit.ctx.now() - timedelta(days=1)
    chosen = visit.request.query_params.get("webhook", "")[:100]
    form = Form({"since": f"{since:%Y-%m-%dT%H:%M}", "status": "undelivered", "webhook": chosen})
    return kit.render(visit, "replays/new.html", form=form, **await _choices(visit))


async def start(visit: Visit) -> Response:
    """Starts a replay; a refused form keeps its values."""
    form = Form.submitted(visit.form)
    since, until = _time(form, "since"), _time(form, "until")
    if since is None and "since" not in form.errors:
        form.errors["since"] = "Enter the time from which on events are sent again."
    if since and until and until <= since:
        form.errors["until"] = "This is not after the start. Choose a later time, or leave it empty."
    if form.get("status") not in get_args(Status):
        form.errors["status"] = "Choose what is sent."
    if not form.get("webhook"):
        form.errors["webhook"] = "Choose a webhook."
    common = await _choices(visit)
    if form.errors or since is None:
        form.summary = "The replay was not started."
        return kit.render_refused(visit, "replays/new.html", form, **common)
    try:
        started = await replays.start(
            visit.ctx, visit.project.id, form.get("webhook"), since=since, until=until,
            status=cast("Status", form.get("status")),
        )  # fmt: skip
    except Refused as error:
        return kit.render_refused(visit, "replays/new.html", form, error, **common)
    return kit.redirect(visit, f"{visit.base}/replays/{started.id}", notice="The replay has started.")


async def _choices(visit: Visit) -> dict[str, Any]:
    hooks = await webhooks.list_webhooks(visit.ctx, visit.project.id)
    enabled = [(one.id, one.name) for one in hooks if one.enabled]
    return {"webhooks": [("", "Choose a webhook"), *enabled], "statuses": STATUSES, "has_webhooks": bool(enabled),
            "back": f"{visit.base}/replays"}  # fmt: skip


async def show_replay(visit: Visit) -> Response:
    """Shows how far a replay is."""
    replay, webhook = await replays.find(visit.ctx, visit.project.id, visit.param("id"))
    is_live = replay.state == "running"
    return kit.render(
        visit, "replays/replay.html", live=is_live, is_live=is_live, replay=replay, webhook=webhook, words=WORDS,
        here=f"{visit.base}/replays/{replay.id}", can_cancel=is_live and visit.person.may("developer"),
    )  # fmt: skip


async def cancel(visit: Visit) -> Response:
    """Cancels a running replay; deliveries that it has queued are still sent."""
    replay, webhook = await replays.find(visit.ctx, visit.project.id, visit.param("id"))
    await replays.cancel(visit.ctx, visit.project.id, webhook.id, replay.id)
    said = "The replay is cancelled. What it had queued is still sent."
    return kit.redirect(visit, f"{visit.base}/replays/{replay.id}", notice=said)


def _time(form: Form, name: str) -> datetime | None:
    value = form.get(name)
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        form.errors[name] = "Enter a date and a time, for example 2026-11-03T09:05."
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
