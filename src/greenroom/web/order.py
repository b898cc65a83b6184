"""The order page: its state, its history and its actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.doctor.explanations import describe_standing
from greenroom.errors import Conflict, Refused
from greenroom.model.capabilities import Capabilities
from greenroom.model.enrichment import explain
from greenroom.model.events import order_model
from greenroom.model.order_sentences import Standing
from greenroom.model.orders import Order
from greenroom.model.request_logs import Entry
from greenroom.services import erasure, flights, order_results, orders
from greenroom.services.flights import Flight, Sent
from greenroom.services.timelines import TimelineEntry
from greenroom.web import findings, formats, kit, recorder, results
from greenroom.web.access import Visit
from greenroom.web.forms import Form

ENTRIES = 25
#: tabs of the flight recorder: the parameter and the label
SIDES = (("", "Everything"), ("vendor", "With the vendor"), ("ats", "With the ATS"))


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    change: Any = {"role": "developer", "methods": ("POST",)}
    return [
        kit.in_project("/orders/{id}", show_order),
        kit.in_project("/orders/{id}/resend", resend, **change),
        kit.in_project("/orders/{id}/push", push, **change),
        kit.in_project("/orders/{id}/result", show_result, role="developer"),
        kit.in_project("/orders/{id}/result", send_result, **change),
        kit.in_project("/orders/{id}/result/preview", preview_result, **change),
        kit.in_project("/orders/{id}/erase", show_erase, role="owner"),
        kit.in_project("/orders/{id}/erase", erase, role="owner", methods=("POST",)),
    ]


async def show_order(visit: Visit) -> Response:
    """Shows where an order stands, whose turn it is, and everything that happened to it."""
    query = visit.request.query_params
    after, side = query.get("after"), query.get("side", "")
    flight = await flights.get(visit.ctx, visit.project.id, visit.param("id"), after=after, limit=ENTRIES + 1)
    following = flight.entries[ENTRIES - 1].position if len(flight.entries) > ENTRIES else None
    entries = flight.entries[:ENTRIES]
    shown = replace(
        flight, entries=entries, refused=_within(entries, flight.refused, first=not after, last=not following)
    )
    order, ats = flight.order, ats_name(flight.order)
    standing = stands(flight)
    label = dict(SIDES).get(side, "Everything")
    return kit.render(
        visit,
        "orders/order.html",
        live=is_under_way(flight),
        is_live=is_under_way(flight),
        order=order,
        found=await findings.about(visit, order.id),
        title=title_of(order),
        account=flight.account,
        ats=ats,
        standing=standing,
        vendor_sent=[one for one in flight.sent if one.delivery.lane == "vendor"],
        ats_sent=[one for one in flight.sent if one.delivery.lane == "ats"],
        proof=_proof(flight) if standing.cause else None,
        stops=stops(flight, ats),
        events=recorder.build(shown, ats=ats, lane=side),
        sides=[(text, kit.with_query(visit.request, side=name or None, after=None), None) for name, text in SIDES],
        side=label,
        after=kit.with_query(visit.request, after=None) if after else None,
        following=kit.with_query(visit.request, after=following) if following else None,
        recruiter=results.kit_of(order, order.result),
        model=order_model(order, update_url=""),
        team_problem=order.enrichment and explain(order.enrichment, ats),
        can_send=visit.person.may("developer") and results.closed_because(visit.ctx, order) is None,
        can_act=visit.person.may("developer") and order.erased_at is None,
    )


def ats_name(order: Order) -> str:
    """Returns the name of the order's ATS."""
    return discover()[order.provider].manifest.name


def title_of(order: Order) -> str:
    """Returns a title such as `SQL essentials for Ada Lovelace`."""
    person = order.request.candidate
    name = " ".join(part for part in (person.first_name, person.last_name) if part) or person.email
    return f"{order.package_name or order.request.package_id} for {name or 'an erased candidate'}"


def stands(flight: Flight) -> Standing:
    """Returns where an order stands."""
    return describe_standing(flight)


def is_under_way(flight: Flight) -> bool:
    """Returns whether an order may change soon by itself, so that its page refreshes."""
    order = flight.order
    return order.erased_at is None and (
        not order.is_final or any(one.delivery.state == "pending" for one in flight.sent)
        or (order.result is not None and order.delivery in ("pending", "sent") and order.source == "ats")
    )  # fmt: skip


def _within(entries: Sequence[TimelineEntry], refused: Sequence[Entry], *, first: bool, last: bool) -> list[Entry]:
    """Returns the refused requests that belong on a page of the timeline, which may be the first or the last one."""
    if not entries:
        return []
    return [
        one
        for one in refused
        if (first or one.start_time >= entries[0].at) and (last or one.start_time <= entries[-1].at)
    ]


def _proof(flight: Flight) -> str | None:
    failed = [one for one in flight.entries if one.kind == "attempt" and one.detail.get("error")]
    if not failed:
        return None
    last = failed[-1]
    answered = last.detail.get("status") or last.detail.get("error_kind")
    said = str((last.detail.get("response") or {}).get("body") or "")[:160]
    return f"{answered} at {last.at:%H:%M:%S} UTC" + (f": {said}" if said else "")


def _last(sent: list[Sent]) -> Sent | None:
    return sent[-1] if sent else None


def stops(flight: Flight, ats: str) -> list[tuple[str, str, str, str]]:
    """Returns the five stops of the round trip: kind, icon, title and note."""
    order = flight.order
    legs = [one.delivery for one in flight.sent if one.delivery.lane == "vendor"]
    notified = any(one.state == "delivered" for one in legs)
    lost = bool(legs) and all(one.state in ("dead", "cancelled") for one in legs)
    has_result = order.result_at is not None
    ended = order.is_final and not has_result
    kinds = {
        "notified": "done" if notified or (order.source == "api" and not legs) else "broken" if lost else "now",
        "result": "done" if has_result else "broken" if ended else "now" if notified else "todo",
        "pushed": "todo" if not has_result else {"refused": "broken", "pending": "now"}.get(order.delivery, "done"),
        "read": "done" if order.acknowledged_at else "now" if order.delivery == "sent" else "todo",
    }
    icons = {"done": "check", "broken": "x", "now": "hourglass", "todo": "circle-dashed"}
    notes = {
        "notified": _answered(flight, "vendor") or ("Not taken" if lost else "Held" if order.held_at else "In flight"),
        "result": f"{order.result_at:%H:%M:%S}"
        if order.result_at
        else formats.look(order.status).word
        if ended
        else "Awaited"
        if notified
        else "Not yet",
        "pushed": (_answered(flight, "ats") or formats.look(order.delivery).word) if has_result else "Not yet",
        "read": f"{order.acknowledged_at:%H:%M:%S}" if order.acknowledged_at else "Not yet",
    }
    titles = {"notified": "Notified", "result": "Result received" if has_result else "Result", "read": "Read",
              "pushed": "Push refused" if kinds["pushed"] == "broken" else f"Pushed to {ats}"}  # fmt: skip
    first = ("done", "check", "Ordered", f"{order.created_at:%H:%M:%S}")
    return [first, *[(kinds[name], icons[kinds[name]], titles[name], notes[name]) for name in kinds]]


def _answered(flight: Flight, lane: str) -> str | None:
    """Returns the latest answer of one side, such as `204 in 143 ms`; None without an attempt."""
    ids = {one.delivery.id for one in flight.sent if one.delivery.lane == lane}
    made = [one.detail for one in flight.entries if one.kind == "attempt" and one.delivery_id in ids]
    answer = made[-1].get("status") or made[-1].get("error_kind") if made else None
    took = made[-1].get("duration_ms") if made else None
    return f"{answer} in {formats.duration(took)}" if answer and took is not None else None


async def resend(visit: Visit) -> Response:
    """Sends the vendor's notification again."""
    return await _again(visit, "vendor", "The notification is sent again now.")


async def push(visit: Visit) -> Response:
    """Notifies the ATS of the result again."""
    return await _again(visit, "ats", "The result is pushed again now.")


async def _again(visit: Visit, lane: Any, said: str) -> Response:
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    order.refuse_if_erased()
    if not await flights.retry_order(visit.ctx, visit.project.id, order.id, lane):
        raise Conflict(
            "Nothing is sent again: an attempt is in flight, or no webhook takes the event. Look again soon."
        )
    return kit.redirect(visit, f"{visit.base}/orders/{order.id}", notice=said)


async def show_result(visit: Visit) -> Response:
    """Shows the form of Send result; read-only with the reason once the order takes none."""
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    return _form(visit, order, Form(results.stored(order.result)) if order.result else Form())


async def preview_result(visit: Visit) -> Response:
    """Shows the recruiter's view of the values so far; sends nothing and never refuses."""
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    form = Form.submitted(visit.form)
    return _form(visit, order, form, result=results.read(visit.ctx, order, form), keep_errors=False)


def _capabilities(order: Order) -> Capabilities:
    return discover()[order.provider].manifest.capabilities


async def send_result(visit: Visit) -> Response:
    """Records the result, which is final, and pushes it to the ATS."""
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    form = Form.submitted(visit.form)
    result = results.read(visit.ctx, order, form)
    if result is None:
        return _form(visit, order, form, status=422)
    try:
        await order_results.record_result(
            visit.ctx, visit.project.id, order.account_id, order.id, order.category, result, _capabilities(order)
        )
    except Refused as error:
        form.refuse(error)
        return _form(visit, order, form, status=error.status, result=result)
    ats = ats_name(order)
    return kit.redirect(visit, f"{visit.base}/orders/{order.id}", notice=f"Result recorded. {ats} is notified now.")


def _form(
    visit: Visit, order: Order, form: Form, *, status: int = 200, result: Any = None, keep_errors: bool = True
) -> Response:
    problems = dict(form.errors)
    if not keep_errors:
        form.errors.clear()
        form.summary = None
    closed = results.closed_because(visit.ctx, order)
    return kit.render(
        visit, "orders/send_result.html", status, live=closed is None, order=order, title=title_of(order), form=form,
        ats=ats_name(order), inputs=results.inputs(order), closed=closed, problems=problems,
        recruiter=results.kit_of(order, result or order.result), back=f"{visit.base}/orders/{order.id}",
    )  # fmt: skip


async def show_erase(visit: Visit) -> Response:
    """Asks before the content of an order is erased."""
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    back = f"{visit.base}/orders/{order.id}"
    return kit.render(visit, "orders/erase.html", order=order, form=Form(), back=back)


async def erase(visit: Visit) -> Response:
    """Erases the content of an order for good."""
    order = await orders.get(visit.ctx, visit.project.id, visit.param("id"))
    back = f"{visit.base}/orders/{order.id}"
    form = Form.submitted(visit.form)
    if form.get("id") != order.id:
        form.errors["id"] = "This is not the order's id. Copy it from the line above."
        return kit.render_refused(visit, "orders/erase.html", form, order=order, back=back)
    try:
        await erasure.erase(visit.ctx, visit.project.id, order.id)
    except Refused as error:
        return kit.render_refused(visit, "orders/erase.html", form, error, order=order, back=back)
    return kit.redirect(visit, back, notice="Content erased.")
