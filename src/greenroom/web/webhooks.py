"""Webhooks: the list, the form of a new one, and each webhook with its tabs Overview, Events and Health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.engine import vendor
from greenroom.errors import Invalid, NotFound, Refused, Unavailable
from greenroom.model.events import order_categories
from greenroom.model.orders import Category
from greenroom.model.webhooks import Webhook
from greenroom.services import accounts, breakers, deliveries, integrations, lookup, statistics, webhooks
from greenroom.services.breakers import Condition
from greenroom.services.webhooks import Held
from greenroom.web import charts, findings, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form
from greenroom.web.webhook_forms import SIGNATURES, read_fields

LATEST = 8
PAGE = 25
#: accounts that the form offers
MOST_ACCOUNTS = 100
#: how long the replaced secret still signs: the value in hours and its text
OVERLAPS = (("24", "24 hours"), ("0", "End it now"), ("168", "7 days"), ("720", "30 days"))
#: the events that a webhook can take: group, and (name, label, note)
EVENTS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Unified Events",
        (
            ("ats_assessments.created", "Assessments Order: Created", "A recruiter has sent a test"),
            ("ats_background_checks.created", "Background Check Order: Created", "A recruiter has ordered a check"),
        ),
    ),
    (
        "Linked Account Events",
        (
            ("account.created", "Created", "A customer has linked an account"),
            ("account.updated", "Updated", "An account was changed"),
            ("account.deleted", "Deleted", "An account was unlinked"),
        ),
    ),
    (
        "Operational Events",
        (
            ("webhook.failing", "Webhook failing", "Another webhook of yours fails repeatedly"),
            ("webhook.recovered", "Webhook recovered", "It works again"),
            ("webhook.disabled", "Webhook disabled", "It was disabled for you"),
            ("delivery.exhausted", "Delivery exhausted", "A delivery is not retried any more"),
            ("finding.opened", "Problem found", "Something is wrong, with its cause and the next step"),
            ("finding.closed", "Problem solved", "It is no longer wrong"),
        ),
    ),
)
CATEGORY_NAMES: dict[Category, str] = {"assessments": "Assessments", "background_checks": "Background Checks"}
CATEGORY_EVENTS: dict[Category, str] = {
    "assessments": "Assessments Order",
    "background_checks": "Background Check Order",
}
KNOWN = frozenset(name for _, group in EVENTS for name, _, _ in group)
LABELS = {name: label if group != "Linked Account Events" else f"Account: {label}" for group, names in EVENTS
          for name, label, _ in names}  # fmt: skip


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    one, post = "/webhooks/{id}", ("POST",)
    return [
        kit.route("/webhooks/{id}", find_webhook),
        kit.in_project("/webhooks", show_list),
        kit.in_project("/webhooks/new", show_new, role="developer"),
        kit.in_project("/webhooks/new", create, role="developer", methods=post),
        kit.in_project(one, show_overview),
        kit.in_project(f"{one}/events", show_events),
        kit.in_project(f"{one}/events", save_events, role="developer", methods=post),
        kit.in_project(f"{one}/health", show_health),
        kit.in_project(f"{one}/edit", show_edit, role="developer"),
        kit.in_project(f"{one}/edit", save, role="developer", methods=post),
        kit.in_project(f"{one}/reveal", reveal, role="developer", methods=post),
        kit.in_project(f"{one}/rotate", rotate, role="developer", methods=post),
        kit.in_project(f"{one}/test", send_test, role="developer", methods=post),
        kit.in_project(f"{one}/switch", switch, role="developer", methods=post),
        kit.in_project(f"{one}/delete", show_delete, role="developer"),
        kit.in_project(f"{one}/delete", delete, role="developer", methods=post),
    ]


async def find_webhook(visit: Visit) -> Response:
    """Redirects to the webhook's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "webhooks", visit.param("id"))
    return kit.into_project(visit, project_id, f"/webhooks/{visit.param('id')}")


async def show_list(visit: Visit) -> Response:
    """Shows the project's webhooks with their health."""
    try:
        found = await webhooks.list_webhooks(visit.ctx, visit.project.id)
        ids = [one.id for one in found]
        conditions = await breakers.conditions(visit.ctx, ids)
        held = await webhooks.held(visit.ctx, ids)
        categories = await integrations.enabled_categories(visit.ctx, visit.project.id)
        hours = await statistics.delivery_hours(visit.ctx, ids)
    except Unavailable as error:
        return kit.render_unavailable(visit, "webhooks/list.html", error, rows=[])
    rows = [(one, state_of(one, conditions[one.id]), conditions[one.id], held[one.id]) for one in found]
    mismatches = {one.id: said for one in found if (said := find_mismatch(one, categories))}
    sparks = {one: charts.spark(counts) for one, counts in hours.items()}
    return kit.render(visit, "webhooks/list.html", problem=None, rows=rows, mismatches=mismatches, sparks=sparks)


def find_mismatch(webhook: Webhook, categories: Mapping[Category, str]) -> str | None:
    """
    Returns a warning about a webhook that takes orders, but none of the categories of the enabled integrations.

    A webhook for other events alone is meant so.
    """
    taken = order_categories(webhook.events)
    if not webhook.enabled or not taken or not categories or taken & set(categories):
        return None
    (category, provider), *_ = sorted(categories.items())
    listens = " and ".join(CATEGORY_EVENTS[one] for one in sorted(taken))
    wanted = f"Your {provider.capitalize()} category is {CATEGORY_NAMES[category]}"
    return f"{wanted}, but this webhook only listens to {listens}."


def state_of(webhook: Webhook, condition: Condition) -> str:
    """Returns the state of a webhook, in the words of `formats.LOOKS`."""
    if not webhook.enabled:
        return "disabled"
    return "failing" if condition.state != "closed" or condition.consecutive_failures else "enabled"


async def show_new(visit: Visit) -> Response:
    """Shows the form of a new webhook."""
    form = Form({"events": ["ats_assessments.created"], "accounts": "all"})
    return kit.render(visit, "webhooks/new.html", form=form, **await _choices(visit))


async def create(visit: Visit) -> Response:
    """Creates a webhook, and sends it the held events."""
    form = Form.submitted(visit.form)
    values = read_fields(visit, form)
    chosen = tuple(name for name in form.get_all("events") if name in KNOWN)
    if not chosen:
        form.errors["events"] = "Choose at least one event, else nothing would be sent."
    if form.errors:
        return kit.render_refused(visit, "webhooks/new.html", form, **await _choices(visit))
    try:
        webhook, _ = await webhooks.create(visit.ctx, visit.project.id, events=chosen, **values)
    except Refused as error:
        return kit.render_refused(visit, "webhooks/new.html", form, error, **await _choices(visit))
    released = await webhooks.release(visit.ctx, webhook)
    sent = f" {released} held events are on their way to it." if released else ""
    return kit.redirect(
        visit, f"{visit.base}/webhooks/{webhook.id}", notice=f"Webhook created.{sent} Send a test event next."
    )


async def _choices(visit: Visit) -> dict[str, Any]:
    offered = await accounts.list_page(visit.ctx, visit.project.id, limit=MOST_ACCOUNTS)
    return {"groups": EVENTS, "offered": offered, "signatures": SIGNATURES}


async def show_overview(visit: Visit) -> Response:
    """Shows how a webhook stands, its secret, and its latest deliveries."""
    return await _overview(visit)


async def _overview(visit: Visit, *, tested: vendor.Tried | None = None, is_revealed: bool = False) -> Response:
    ctx, project_id = visit.ctx, visit.project.id
    webhook = await webhooks.get(ctx, project_id, visit.param("id"))
    latest = await deliveries.list_deliveries(
        ctx, project_id, {"destination_id": webhook.id}, before=None, limit=LATEST
    )
    return kit.render(
        visit,
        "webhooks/overview.html",
        **_common(visit, webhook, *await _standing(visit, webhook)),
        latest=latest,
        found=await findings.about(visit, webhook.id),
        secrets=await webhooks.list_secrets(ctx, project_id, webhook.id),
        is_revealed=is_revealed,
        tested=tested,
        overlaps=OVERLAPS,
    )


async def _standing(visit: Visit, webhook: Webhook) -> tuple[Condition, Held]:
    """Returns the health of an enabled webhook, or the held events of a disabled one."""
    if webhook.enabled:
        return (await breakers.conditions(visit.ctx, [webhook.id]))[webhook.id], Held()
    return Condition(), (await webhooks.held(visit.ctx, [webhook.id]))[webhook.id]


def _common(visit: Visit, webhook: Webhook, condition: Condition, held: Held) -> dict[str, Any]:
    here = f"{visit.base}/webhooks/{webhook.id}"
    tabs = [("Overview", here, None), ("Events", f"{here}/events", None), ("Health", f"{here}/health", None)]
    return {"webhook": webhook, "condition": condition, "held": held, "here": here, "tabs": tabs, "labels": LABELS,
            "kind": state_of(webhook, condition)}  # fmt: skip


async def reveal(visit: Visit) -> Response:
    """Shows the signing secrets in the page."""
    return await _overview(visit, is_revealed=True)


async def rotate(visit: Visit) -> Response:
    """Creates a new signing secret; the previous one still signs for the chosen time."""
    hours = Form.submitted(visit.form).get("overlap")
    if hours not in dict(OVERLAPS):
        raise Invalid("overlap: choose how long the current secret stays valid", errors=["overlap: unknown"])
    await webhooks.rotate_secret(visit.ctx, visit.project.id, visit.param("id"), overlap=timedelta(hours=int(hours)))
    said = "New secret created. Reveal it and store it in your endpoint." if hours == "0" else (
        f"New secret created. The one before also signs for {dict(OVERLAPS)[hours]}."
    )  # fmt: skip
    return kit.redirect(visit, f"{visit.base}/webhooks/{visit.param('id')}", notice=said)


async def send_test(visit: Visit) -> Response:
    """Sends a signed test event now, and shows the whole exchange."""
    tested = await vendor.try_out(visit.ctx, visit.request.app.state.out, visit.project.id, visit.param("id"))
    return await _overview(visit, tested=tested)


async def switch(visit: Visit) -> Response:
    """Enables or disables a webhook; enabling sends the held events, or drops them if that was chosen."""
    form = Form.submitted(visit.form)
    enabled = form.get("enabled") == "on"
    held_since: datetime | None = webhooks.NOTHING_HELD if enabled and form.get("held") == "drop" else None
    _, released = await webhooks.change(
        visit.ctx, visit.project.id, visit.param("id"), {"enabled": enabled}, held_since=held_since
    )
    sent = f" {released} held deliveries are on their way." if released else ""
    said = f"Webhook enabled.{sent}" if enabled else "Webhook disabled. Its events are held until you enable it."
    return kit.redirect(visit, f"{visit.base}/webhooks/{visit.param('id')}", notice=said)


async def show_events(visit: Visit) -> Response:
    """Shows which events a webhook takes."""
    return await _events(visit)


async def _events(visit: Visit, form: Form | None = None) -> Response:
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    other = [name for name in webhook.events if name not in KNOWN]
    groups = EVENTS + ((("Other spellings", tuple((name, name, "") for name in other)),) if other else ())
    values = {"groups": groups, **_common(visit, webhook, Condition(), Held())}
    if form is not None:
        return kit.render_refused(visit, "webhooks/events.html", form, **values)
    form = Form({"events": webhook.events, "seen": webhook.updated_at.isoformat()})
    return kit.render(visit, "webhooks/events.html", form=form, **values)


async def save_events(visit: Visit) -> Response:
    """Changes which events a webhook takes; held ones that it takes now are sent."""
    form = Form.submitted(visit.form)
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    known = KNOWN.union(webhook.events)
    chosen = tuple(name for name in form.get_all("events") if name in known)
    if not chosen:
        form.errors["events"] = "Choose at least one event. To pause the webhook, disable it."
    elif form.get("seen") != webhook.updated_at.isoformat():
        form.summary = _changed(webhook)
    if form.is_refused:
        return await _events(visit, form)
    _, released = await webhooks.change(visit.ctx, visit.project.id, webhook.id, {"events": chosen})
    sent = f" {released} held events are on their way." if released else ""
    return kit.redirect(visit, f"{visit.base}/webhooks/{webhook.id}/events", notice=f"Events saved.{sent}")


def _changed(webhook: Webhook) -> str:
    return (
        f"Somebody changed this webhook at {webhook.updated_at:%H:%M:%S} UTC, after you opened this page. Open it "
        "again to see it as it is now; your choices are still below."
    )


async def show_health(visit: Visit) -> Response:
    """Shows a webhook's success, response times and deliveries."""
    ctx, project_id = visit.ctx, visit.project.id
    webhook = await webhooks.get(ctx, project_id, visit.param("id"))
    days = await statistics.delivery_days(ctx, project_id, webhook)
    before = visit.request.query_params.get("before", "")[:80] or None
    state = visit.request.query_params.get("state", "")
    state = state if state in ("delivered", "pending", "dead", "held", "cancelled") else ""
    found = await deliveries.list_deliveries(
        ctx, project_id, {"destination_id": webhook.id, "state": state or None}, before=before, limit=PAGE + 1
    )
    return kit.render(
        visit,
        "webhooks/health.html",
        **_common(visit, webhook, *await _standing(visit, webhook)),
        deliveries=found[:PAGE],
        state=state,
        **kit.page_links(visit, [one.id for one in found], PAGE),
        charts=[charts.deliveries_chart(days), charts.latency_chart(days)],
        totals=_totals(days),
        sampled=statistics.SAMPLED,
    )


def _totals(days: Sequence[statistics.DeliveryDay]) -> dict[str, Any]:
    delivered, failed = sum(one.delivered for one in days), sum(one.failed for one in days)
    timed = [one for one in reversed(days) if one.p50_ms is not None]
    return {
        "delivered": delivered,
        "failed": failed,
        "share": f"{100 * delivered / (delivered + failed):.4g}%" if delivered + failed else "–",
        "latest": timed[0] if timed else None,
    }


async def show_edit(visit: Visit) -> Response:
    """Shows the form that changes a webhook."""
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    form = Form(
        {
            "name": webhook.name,
            "url": webhook.url,
            "accounts": "some" if webhook.account_ids else "all",
            "account_ids": webhook.account_ids,
            "rate_limit": "" if webhook.rate_limit is None else f"{webhook.rate_limit:g}",
            "headers": "\n".join(f"{name}: {value}" for name, value in webhook.headers.items()),
            "signature": webhook.signature,
            "seen": webhook.updated_at.isoformat(),
        }
    )
    return kit.render(visit, "webhooks/edit.html", form=form, webhook=webhook, **await _choices(visit))


async def save(visit: Visit) -> Response:
    """Changes the values of a webhook, without its events."""
    form = Form.submitted(visit.form)
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    values = read_fields(visit, form)
    if not form.errors and form.get("seen") != webhook.updated_at.isoformat():
        form.summary = _changed(webhook)
    try:
        if not form.is_refused:
            changes = {name: value for name, value in values.items() if value != getattr(webhook, name)}
            await webhooks.change(visit.ctx, visit.project.id, webhook.id, changes)
            return kit.redirect(visit, f"{visit.base}/webhooks/{webhook.id}", notice="Webhook saved.")
        error: Refused | None = None
    except (NotFound, Invalid) as refused:
        error = refused
    return kit.render_refused(visit, "webhooks/edit.html", form, error, webhook=webhook, **await _choices(visit))


async def show_delete(visit: Visit) -> Response:
    """Asks before a webhook is deleted."""
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    return kit.render(visit, "webhooks/delete.html", form=Form(), webhook=webhook)


async def delete(visit: Visit) -> Response:
    """Deletes a webhook whose name was typed."""
    form = Form.submitted(visit.form)
    webhook = await webhooks.get(visit.ctx, visit.project.id, visit.param("id"))
    if form.get("confirm") != webhook.name.strip():
        form.errors["confirm"] = f"Type “{webhook.name}” as it is written here."
        return kit.render_refused(visit, "webhooks/delete.html", form, webhook=webhook)
    await webhooks.delete(visit.ctx, visit.project.id, webhook.id)
    return kit.redirect(visit, f"{visit.base}/webhooks", notice=f"Webhook “{webhook.name}” deleted.")
