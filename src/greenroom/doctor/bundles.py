"""
Support bundles: everything about one order that helps to find a fault, in one JSON document and one HTML page.

Without `personal` a bundle is made of a fixed list of facts: ids, times, states, statuses, and Greenroom's own
sentences. No text that a candidate, a vendor or an ATS wrote is among them. Credentials are in neither kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from html import escape
from typing import Any
from urllib.parse import urlsplit

from greenroom.doctor.explanations import Explanation, describe_standing
from greenroom.model.events import stamp
from greenroom.model.findings import Finding
from greenroom.model.orders import Order
from greenroom.model.request_logs import Entry as LogEntry
from greenroom.security import masks
from greenroom.services.flights import Sent
from greenroom.services.timelines import TimelineEntry
from greenroom.store.db import to_json

#: kinds of entries whose message Greenroom wrote alone
_OWN = ("received", "released", "acknowledged", "content_erased")
#: facts of a finding's proof that nobody else wrote
_FACTS = frozenset(
    {"status", "attempts", "next_attempt_at", "notified", "notified_at", "first_at", "hours", "limit_hours",
     "delivered_at", "event", "missing", "waiting", "given_up", "count"}
)  # fmt: skip
_ATTEMPT = ("number", "trigger", "started_at", "duration_ms", "status", "error_kind", "next_due_at", "worker")
_WORD = re.compile(r"[\w .:+-]{1,80}")


def build(explained: Explanation, *, version: str, made_at: str, personal: bool) -> dict[str, Any]:
    """Returns a bundle as JSON values."""
    flight = explained.flight
    bundle: dict[str, Any] = {
        "greenroom": version,
        "made_at": made_at,
        "has_personal_data": personal,
        "standing": _standing(explained, personal=personal),
        "order": _order(flight.order),
        "findings": [_finding(one, personal=personal) for one in explained.findings],
        "deliveries": [_delivery(one, personal=personal) for one in flight.sent],
        "timeline": [_entry(one, personal=personal) for one in flight.entries],
        "refused_requests": [_refused(one, personal=personal) for one in flight.refused],
    }
    if personal:
        bundle["content"] = _content(flight.order)
        found = masks.body(to_json(bundle).encode(), cut=False)
        assert isinstance(found, dict)  # noqa: S101 - for the type checker
        return found
    return bundle


def render(bundle: Mapping[str, Any]) -> str:
    """Returns a bundle as an HTML page that needs nothing else; the JSON is in it."""
    parts = []
    for name in ("standing", "order"):
        rows = "".join(f"<tr><th>{escape(key)}</th><td>{_cell(value)}</td></tr>" for key, value in bundle[name].items())
        parts.append(f"<h2>{name.capitalize()}</h2><table>{rows}</table>")
    for name in ("findings", "deliveries", "timeline", "refused_requests"):
        parts.append(f"<h2>{name.capitalize().replace('_', ' ')}</h2>{_table(bundle[name])}")
    if "content" in bundle:
        parts.append(
            f"<h2>Content</h2><pre>{escape(json.dumps(bundle['content'], indent=2, ensure_ascii=False))}</pre>"
        )
    kind = "with personal data" if bundle["has_personal_data"] else "without personal data"
    raw = json.dumps(bundle, ensure_ascii=False).replace("<", "\\u003c")
    order_id = escape(bundle["order"]["id"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Order {order_id}</title><style>'
        "body{font:14px/1.5 sans-serif;margin:2rem;color-scheme:light dark}table{border-collapse:collapse}"
        "th,td{border:1px solid #8888;padding:.25rem .5rem;text-align:left;vertical-align:top}"
        f"pre{{white-space:pre-wrap}}</style><h1>Order {order_id}</h1>"
        f"<p>{escape(bundle['standing']['sentence'])}</p>"
        f"<p>Made at {escape(bundle['made_at'])} by Greenroom {escape(bundle['greenroom'])}, {kind}.</p>"
        f'{"".join(parts)}<script type="application/json" id="bundle">{raw}</script></html>'
    )


def _standing(explained: Explanation, *, personal: bool) -> dict[str, Any]:
    if personal:
        return asdict(explained.standing)
    flight = explained.flight
    order = replace(flight.order, status_message=None, delivery_detail=None)
    sent = [_without_error(one) for one in flight.sent]
    found = asdict(describe_standing(replace(flight, order=order, sent=sent), company="the customer"))
    del found["cause"]
    return found


def _without_error(sent: Sent) -> Sent:
    error = "an attempt failed" if sent.delivery.last_error else None
    return replace(sent, delivery=replace(sent.delivery, last_error=error))


def _order(order: Order) -> dict[str, Any]:
    times = ("created_at", "updated_at", "result_at", "acknowledged_at", "held_at", "erased_at")
    names = ("id", "account_id", "provider", "category", "source", "status", "outcome", "delivery", "previous_id")
    host = urlsplit(order.request.callback_url or "").hostname
    return {
        **{name: getattr(order, name) for name in names},
        "package_id": order.request.package_id,
        "callback_host": host,
        "has_callback_problem": order.request.callback_problem is not None,
        **{name: (at := getattr(order, name)) and stamp(at) for name in times},
    }


def _finding(found: Finding, *, personal: bool) -> dict[str, Any]:
    proof = {name: value for name, value in found.proof.items() if personal or _is_fact(name, value)}
    return {
        "code": found.code,
        "severity": found.severity,
        "title": found.title,
        "next_step": found.next_step,
        "since": found.since and stamp(found.since),
        "last_seen_at": found.last_seen_at and stamp(found.last_seen_at),
        "count": found.count,
        "proof": proof,
    }


def _is_fact(name: str, value: Any) -> bool:
    if name not in _FACTS:
        return False
    values = value if isinstance(value, list) else [value]
    return all(not isinstance(one, str) or _WORD.fullmatch(one) for one in values)


def _delivery(sent: Sent, *, personal: bool) -> dict[str, Any]:
    one, until = sent.delivery, sent.condition.open_until
    found: dict[str, Any] = {
        "id": one.id,
        "event_id": one.event_id,
        "event": one.event_name,
        "to": one.lane,
        "destination_id": one.destination_id,
        "state": one.state,
        "attempts": one.attempts_made,
        "due_at": one.due_at and stamp(one.due_at),
        "breaker": sent.condition.state,
        "breaker_open_until": until and stamp(until),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
    }
    return {**found, "last_error": one.last_error, "body": sent.body} if personal else found


def _entry(entry: TimelineEntry, *, personal: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"at": stamp(entry.at), "kind": entry.kind}
    if personal:
        return {**found, "message": entry.message, "detail": entry.detail}
    if entry.kind == "attempt":
        facts = {name: entry.detail.get(name) for name in _ATTEMPT}
        return {**found, "delivery_id": entry.delivery_id, **facts}
    if entry.kind == "received" and "answer" in entry.detail:  # has ids alone
        found["answer"] = entry.detail["answer"]
    return {**found, "message": entry.message} if entry.kind in _OWN else found


def _refused(entry: LogEntry, *, personal: bool) -> dict[str, Any]:
    found = {
        "at": stamp(entry.start_time),
        "id": entry.request_id,
        "from": entry.source_type,
        "method": entry.http_method,
        "status": entry.status,
        "duration_ms": entry.duration,
    }
    return {**found, "url": entry.url, "detail": entry.detail} if personal else found


def _content(order: Order) -> dict[str, Any]:
    return {
        "request": asdict(order.request),
        "enrichment": asdict(order.enrichment) if order.enrichment else None,
        "status_message": order.status_message,
        "delivery_detail": order.delivery_detail,
        "result": order.result.as_dict() if order.result else None,
    }


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>None.</p>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = "".join("<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
