"""The flight recorder: an order's timeline as a page shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from greenroom.model.orders import Order
from greenroom.model.request_logs import Entry
from greenroom.services.flights import Flight, Sent
from greenroom.services.timelines import TimelineEntry

#: characters of a payload that an order's page shows; the delivery's page shows all of it
MOST_SHOWN = 6000
TONES = {"alert": "bad", "response_error": "bad", "acknowledged": "ok", "result": "info", "received": "info"}
ICONS = {
    "received": "inbox",
    "released": "play",
    "status": "circle-dot",
    "result": "file-text",
    "alert": "circle-alert",
    "acknowledged": "badge-check",
    "response_error": "triangle-alert",
    "content_erased": "trash-2",
    "enrichment": "users",
}


@dataclass(frozen=True)
class Payload:
    """A request or an answer, as the page shows and copies it."""

    title: str
    body: str
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Call:
    """An exchange of an entry: method and path, answer, duration, and both sides."""

    line: str
    answer: str | int | None
    took_ms: int | None
    payloads: Sequence[Payload]
    delivery_id: str | None = None
    is_open: bool = False


@dataclass(frozen=True)
class Event:
    """One entry: `way` is from and to, `delta` the time since the entry before."""

    at: datetime
    tone: str
    icon: str
    title: str
    text: str
    lane: str
    way: tuple[str, str] | None = None
    delta: float | None = None
    call: Call | None = None


@dataclass(frozen=True)
class Names:
    """The names of the two sides."""

    ats: str
    vendor: str = "the vendor"
    sent: dict[str, Sent] = field(default_factory=dict)


def build(flight: Flight, *, ats: str, lane: str = "") -> list[Event]:
    """Returns the entries of a timeline; with `lane` those of one side."""
    names = Names(ats, sent={one.delivery.id: one for one in flight.sent})
    worst = _explains(flight.entries)
    found: list[Event] = []
    before: datetime | None = None
    events = [
        *(_event(flight, one, names, is_open=one.position == worst) for one in flight.entries),
        *(_refused(one, names) for one in flight.refused),
    ]
    for event in sorted(events, key=lambda one: one.at):
        delta = (event.at - before).total_seconds() * 1000 if before else None
        before = event.at
        if not lane or event.lane in (lane, ""):
            found.append(replace(event, delta=delta))
    return found


def _refused(one: Entry, names: Names) -> Event:
    """Returns a request about the order that was refused, with both sides."""
    whom, side = (names.ats, "ats") if one.source_type == "ATS" else ("Vendor", "vendor")
    detail = one.detail or {}
    payloads = [
        Payload(title, _text((detail.get(name) or {}).get("body")), _headers(detail.get(name) or {}))
        for title, name in (("Request", "request"), ("Answer", "response"))
    ]
    call = Call(f"{one.http_method} {one.path}", one.status, one.duration, payloads)
    text = f"Request {one.request_id} changed nothing."
    return Event(one.start_time, "wait", "ban", "Request refused", text, side, (whom, "Greenroom"), call=call)


def _text(body: Any) -> str:
    return "(no body)" if body is None else body if isinstance(body, str) else to_text(body)


def _explains(entries: Sequence[TimelineEntry]) -> str | None:
    """Returns the position of the exchange that explains the order's standing: the last failed attempt."""
    attempts = [one for one in entries if one.kind == "attempt"]
    failed = [one for one in attempts if one.detail.get("error")]
    return failed[-1].position if failed and attempts[-1] is failed[-1] else None


def _event(flight: Flight, one: TimelineEntry, names: Names, *, is_open: bool) -> Event:
    if one.kind == "attempt":
        return _attempt(one, names, is_open=is_open)
    tone, icon = TONES.get(one.kind, "mute"), ICONS.get(one.kind, "circle-dot")
    title = {"received": "Order received", "result": "Result received", "status": "Progress reported",
             "acknowledged": f"{names.ats} read the result", "alert": "Needs attention", "released": "Released",
             "response_error": f"{names.ats} reported an error", "content_erased": "Content erased",
             "enrichment": "Hiring team read" if one.detail.get("status") == "complete" else "Hiring team missing"}.get(
                 one.kind, one.kind.replace("_", " ").capitalize())  # fmt: skip
    way = {"received": (names.ats, "Greenroom"), "result": ("Vendor", "Greenroom"), "status": ("Vendor", "Greenroom"),
           "acknowledged": (names.ats, "Greenroom"), "response_error": (names.ats, "Greenroom"),
           "enrichment": ("Greenroom", names.ats)}.get(one.kind)  # fmt: skip
    if one.kind == "received" and flight.order.source == "api":
        way = ("Vendor", "Greenroom")
    if one.kind == "enrichment":
        tone = "ok" if one.detail.get("status") == "complete" else "wait"
    side = {
        "received": "ats",
        "acknowledged": "ats",
        "response_error": "ats",
        "enrichment": "ats",
        "result": "vendor",
        "status": "vendor",
    }
    call = _call(flight, one, names)
    return Event(one.at, tone, icon, title, one.message, side.get(one.kind, ""), way, call=call)


def _call(flight: Flight, one: TimelineEntry, names: Names) -> Call | None:
    order = flight.order
    if one.kind == "received":
        return _order_call(order, one.detail, names)
    if one.kind == "result" and order.result is not None:
        payloads = [*_request_payload(one.detail), Payload("Recorded result", to_text(order.result.as_dict()))]
        return Call("PATCH …/orders/…/result", None, None, payloads)
    if one.kind == "status" and "request" in one.detail:
        return Call("PATCH …/orders/…/result", None, None, _request_payload(one.detail))
    if one.kind == "response_error":
        return Call("POST response_error", None, None, [Payload(f"Report from {names.ats}", to_text(one.detail))])
    if one.kind == "enrichment" and one.detail:
        reads = one.detail.get("reads") or []
        return Call(f"{len(reads)} reads", None, sum(read["ms"] for read in reads), [Payload("Reads", _reads(reads))])
    return Call("Details", None, None, [Payload("Details", to_text(one.detail))]) if one.detail else None


def _order_call(order: Order, detail: dict[str, Any], names: Names) -> Call | None:
    """Returns the request with which an order was placed, and the recorded answer; each may be missing."""
    whom, line = (names.ats, "POST send_test") if order.source == "ats" else ("the vendor", "POST …/orders")
    answer = detail.get("answer") or {}
    payloads = [Payload(f"Request from {whom}", to_text(order.request.raw))] if order.request.raw else []
    if answer:
        payloads.append(Payload(f"Answer to {whom}", to_text(answer.get("body"))))
    return Call(line, answer.get("status"), None, payloads) if payloads else None


def _request_payload(detail: dict[str, Any]) -> list[Payload]:
    """Returns the body of the vendor's request as it came in, if it was kept."""
    kept = detail.get("request")
    if kept is None:
        return []
    return [Payload("Request from the vendor", _text(kept))]


def _reads(reads: Sequence[dict[str, Any]]) -> str:
    """Returns one line for each read of the ATS's API: time, list, status, duration and result."""
    lines = [
        f"{str(read['at'])[11:23]}  {read['name']}  {read['status'] or 'no answer'}  {read['ms']} ms  {read['result']}"
        for read in reads
    ]
    return "\n".join(lines) or "Nothing was read."


def _attempt(one: TimelineEntry, names: Names, *, is_open: bool) -> Event:
    sent = names.sent.get(one.delivery_id or "")
    lane = sent.delivery.lane if sent else "vendor"
    detail = one.detail
    failed = bool(detail.get("error"))
    number = detail.get("number")
    if lane == "ats":
        title, whom, icon = ("Push refused" if failed else "Result pushed"), names.ats, "send"
    else:
        title = "Webhook did not take it" if failed else "Webhook delivered"
        whom, icon = (sent.webhook_name if sent and sent.webhook_name else "webhook"), "webhook"
    due = detail.get("next_due_at")
    again = "Next attempt" if failed else "Reminded, unless it reads the result before,"
    after = f" {again} at {due[:10]} {due[11:19]} UTC." if due else ""
    text = f"Attempt {number}: {detail['error']}{after}" if failed else f"Taken at attempt {number}.{after}"
    tone = "ok" if not failed else "wait" if detail.get("next_due_at") else "bad"
    return Event(one.at, tone, "circle-x" if tone == "bad" else icon, title, text, lane, ("Greenroom", whom),
                 call=call_of(detail, lane, sent, delivery_id=one.delivery_id, is_open=is_open))  # fmt: skip


def call_of(
    detail: dict[str, Any],
    lane: str,
    sent: Sent | None,
    *,
    delivery_id: str | None,
    is_open: bool,
    most: int = MOST_SHOWN,
) -> Call:
    """Returns an attempt's exchange, both sides; `detail` as `services.attempts.show` gives it."""
    request, response = detail.get("request") or {}, detail.get("response") or {}
    url = urlsplit(str(request.get("url") or ""))
    method = "PATCH" if lane == "ats" else "POST"
    ending = "/".join(url.path.split("/")[-2:])
    line = f"{method} {ending if lane == 'ats' else url.netloc + url.path}" if url.netloc else method
    body = sent.body if sent and sent.body else ""
    payloads = []
    if request:
        payloads.append(Payload("Request", _cut(body, most) if body else "(no body)", _headers(request)))
    if detail.get("status") or response.get("body"):
        headers = [("status", str(detail.get("status"))), *_headers(response)]
        payloads.append(Payload("Answer", _cut(str(response.get("body") or "(no body)"), most), headers))
    elif detail.get("error"):
        payloads.append(Payload("Answer", f"None: {detail['error']}"))
    answer = detail.get("status") or detail.get("error_kind")
    return Call(line, answer, detail.get("duration_ms"), payloads, delivery_id, is_open)


def _headers(side: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in (side.get("headers") or {}).items()]


def to_text(value: Any) -> str:
    """Returns JSON as indented text."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters; the delivery's page shows all)"
