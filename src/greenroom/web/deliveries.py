"""Deliveries: the list, and one delivery with its attempts, the signed request, and why it waits."""

from __future__ import annotations

import shlex
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import Conflict, Invalid, Unavailable
from greenroom.model.delivery_sentences import Situation, describe
from greenroom.services import breakers, deliveries, flights, lookup, webhooks
from greenroom.services.attempts import show as attempt_detail
from greenroom.web import formats, kit, recorder
from greenroom.web.access import Visit

PAGE = 25
#: the tabs of the list: the state and the label
TABS = (("", "All"), ("pending", "Waiting"), ("dead", "Gave up"), ("held", "Held"), ("delivered", "Delivered"))
LANES = (("vendor", "To webhooks"), ("ats", "To the ATS"))
#: characters of a payload that a delivery's page shows
MOST_SHOWN = 60_000
#: attempts that a delivery's page shows
MOST_ATTEMPTS = 25


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    change: Any = {"role": "developer", "methods": ("POST",)}
    return [
        kit.route("/deliveries/{id}", find_delivery),
        kit.in_project("/deliveries", show_list),
        kit.in_project("/deliveries/retry", retry_shown, **change),
        kit.in_project("/deliveries/{id}", show_delivery),
        kit.in_project("/deliveries/{id}/retry", retry, **change),
        kit.in_project("/deliveries/{id}/curl", show_curl, **change),
    ]


async def find_delivery(visit: Visit) -> Response:
    """Redirects to the delivery's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "deliveries", visit.param("id"))
    return kit.into_project(visit, project_id, f"/deliveries/{visit.param('id')}")


async def show_list(visit: Visit) -> Response:
    """Shows a page of the project's deliveries, newest first; the filters and the cursor are in the URL."""
    query = visit.request.query_params
    asked = {name: query.get(name, "").strip()[:100] for name in ("state", "lane", "webhook", "q", "before")}
    try:
        hooks = await webhooks.list_webhooks(visit.ctx, visit.project.id)
        found = await flights.list_deliveries(
            visit.ctx, visit.project.id, _filters(asked), before=asked["before"] or None, limit=PAGE + 1
        )
    except Unavailable as error:
        return kit.render_unavailable(visit, "deliveries/list.html", error, **_common(visit, asked, {}))
    shown = found[:PAGE]
    return kit.render(
        visit,
        "deliveries/list.html",
        problem=None,
        deliveries=shown,
        again=[one.id for one in shown if can_retry(one)],
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **_common(visit, asked, {one.id: one.name for one in hooks}),
    )


def can_retry(delivery: deliveries.Delivery) -> bool:
    """Returns whether a delivery of a list can be sent again: it has content, a destination, and is not in flight."""
    return delivery.erased_at is None and not delivery.in_flight and not delivery.destination_id.startswith("prj_")


def _filters(asked: dict[str, str]) -> dict[str, str | None]:
    filters: dict[str, str | None] = {
        "state": asked["state"] or None,
        "lane": asked["lane"] or None,
        "destination_id": asked["webhook"] or None,
    }
    if asked["q"]:
        filters["event_id" if asked["q"].startswith("evt_") else "order_id"] = asked["q"]
    return filters


def _common(visit: Visit, asked: dict[str, str], names: dict[str, str]) -> dict[str, Any]:
    selects = [
        ("lane", "Both directions", list(LANES), asked["lane"]),
        ("webhook", "Any webhook", sorted(names.items(), key=lambda one: one[1].casefold()), asked["webhook"]),
    ]
    words = {"lane": dict(LANES), "webhook": names, "q": {}}
    chips = [
        (words[name].get(asked[name], asked[name]), kit.with_query(visit.request, **{name: None, "before": None}))
        for name in ("q", "lane", "webhook")
        if asked[name]
    ]
    here = f"{visit.base}/deliveries"
    tabs = [(label, kit.with_query(visit.request, state=state or None, before=None), None) for state, label in TABS]
    return {"asked": asked, "names": names, "selects": selects, "chips": chips, "tabs": tabs, "here": here,
            "current": dict(TABS).get(asked["state"], "All"),
            "is_filtered": bool(chips or asked["state"] or asked["before"]),
            "can_act": visit.person.may("developer")}  # fmt: skip


async def retry_shown(visit: Visit) -> Response:
    """Sends again exactly the deliveries that the list showed, by their ids."""
    ids = [str(one) for one in visit.form.get("id", [])]
    if not ids or len(ids) > flights.MOST_AT_ONCE:
        raise Invalid(f"Expected between 1 and {flights.MOST_AT_ONCE} deliveries to send again, not {len(ids)}.")
    due = await flights.retry_shown(visit.ctx, visit.project.id, ids)
    left = len(set(ids)) - due
    said = f"{formats.plural(due, 'delivery', 'deliveries')} of {len(set(ids))} sent again now."
    if left:
        said += f" {left} left out: in flight, erased, or without a webhook."
    back = visit.form.get("back", [""])[0]
    return kit.redirect(visit, back if _is_ours(visit, back) else f"{visit.base}/deliveries", notice=said)


def _is_ours(visit: Visit, back: str) -> bool:
    return back.startswith(f"{visit.base}/") and "\\" not in back and back.isprintable()


async def show_delivery(visit: Visit) -> Response:
    """Shows a delivery: how it stands, why it waits, and each attempt with both sides."""
    return await _page(visit, curl=None)


async def show_curl(visit: Visit) -> Response:
    """Shows the delivery's request as a curl command that was signed now; shown after a POST alone."""
    signed = await flights.sign_again(visit.ctx, visit.project.id, visit.param("id"))
    parts = ["curl", "-i", signed.url]
    for name, value in signed.headers.items():
        parts += ["-H", f"{name}: {value}"]
    parts += ["--data-binary", signed.body]
    words = [shlex.quote(part) for part in parts]
    lines = " \\\n  ".join([" ".join(words[:3]), *(f"{words[i]} {words[i + 1]}" for i in range(3, len(words), 2))])
    return await _page(visit, curl=lines)


async def _page(visit: Visit, *, curl: str | None) -> Response:
    sent = await flights.get_delivery(visit.ctx, visit.project.id, visit.param("id"))
    one = sent.delivery
    condition = (await breakers.conditions(visit.ctx, [one.destination_id]))[one.destination_id]
    standing = describe(Situation(
        lane=one.lane, state=one.state, in_flight=one.in_flight, due_at=one.due_at, last_error=one.last_error,
        attempts_made=one.attempts_made, has_destination=one.destination_id != visit.project.id,
        health=condition.state, erased_at=one.erased_at,
    ))  # fmt: skip
    attempts = [
        (
            attempt,
            recorder.call_of(
                attempt_detail(attempt), one.lane, sent, delivery_id=None, is_open=position == 0,
                most=MOST_SHOWN if position == 0 else recorder.MOST_SHOWN,
            ),
        )
        for position, attempt in enumerate(reversed(one.attempts[-MOST_ATTEMPTS:]))
    ]  # fmt: skip
    is_live = one.state == "pending"
    return kit.render(
        visit, "deliveries/delivery.html", live=is_live, is_live=is_live, sent=sent, delivery=one, standing=standing,
        condition=condition, attempts=attempts, curl=curl, here=f"{visit.base}/deliveries/{one.id}",
        can_act=visit.person.may("developer") and can_retry(one),
        can_curl=visit.person.may("developer") and sent.body is not None and sent.webhook_url is not None,
    )  # fmt: skip


async def retry(visit: Visit) -> Response:
    """Makes a delivery due now; its schedule starts anew."""
    delivery_id = visit.param("id")
    try:
        await deliveries.retry(visit.ctx, visit.project.id, delivery_id)
    except Conflict as error:
        return kit.message(visit.request, 409, "Not sent again", error.message)
    return kit.redirect(visit, f"{visit.base}/deliveries/{delivery_id}", notice="The delivery is sent now.")
