"""The tools of `greenroom mcp`: reads of one project, and two changes that need a confirmation."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from greenroom.cli.mcp_data import Marker
from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.doctor.checks import examine
from greenroom.doctor.diagnosis import Filter, diagnose
from greenroom.doctor.shown import show
from greenroom.errors import BadRequest
from greenroom.model.events import stamp
from greenroom.model.findings import Severity
from greenroom.model.order_sentences import describe
from greenroom.model.orders import Order
from greenroom.model.projects import Project
from greenroom.model.replays import Status
from greenroom.services import deliveries, flights, gateway_facts, orders, replays, webhooks
from greenroom.services.deliveries import Delivery

#: rows of one answer
MOST = 50
ENTRIES = 40
#: seconds for which a confirmation token is valid, and tokens at a time
CONFIRM_WITHIN_S = 300.0
MOST_TOKENS = 100


@dataclass
class Confirmations:
    """Tokens that confirm one change each: single use, valid for `CONFIRM_WITHIN_S`, bound to the exact change."""

    _issued: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)

    def ask(self, change: tuple[str, ...], what: str) -> dict[str, Any]:
        """Returns a description of the change, with a new token."""
        if len(self._issued) >= MOST_TOKENS:
            del self._issued[next(iter(self._issued))]
        token = secrets.token_urlsafe(12)
        self._issued[token] = (change, time.monotonic() + CONFIRM_WITHIN_S)
        return {
            "done": False,
            "would": what,
            "confirmation": token,
            "next_step": "Ask the person whether to do this. If they agree, call again with this confirmation.",
        }

    def use(self, token: str, change: tuple[str, ...]) -> None:
        """
        Uses up a token.

        Raises:
            BadRequest: the token is unknown, used, too old, or was issued for another change.
        """
        found = next((one for one in self._issued if hmac.compare_digest(one.encode(), token.encode())), "")
        known, until = self._issued.pop(found, ((), 0.0))
        if known != change or time.monotonic() > until:
            raise BadRequest("The confirmation is not valid for this change. Call without it to get a new one.")


class Tools:
    """The tools for one project; nothing of another project is reachable."""

    def __init__(self, ctx: Context, project: Project, marker: Marker) -> None:
        self._ctx, self._project, self._marker = ctx, project, marker
        self._confirmations = Confirmations()

    async def list_findings(
        self, severity: Severity | None, code: str | None, account_id: str | None, order_id: str | None
    ) -> dict[str, Any]:
        """Returns the findings of the project, the most severe first."""
        found = await diagnose(self._ctx, self._project.id, Filter(account_id, order_id, severity, code))
        shown, public_url = [], await gateway_facts.find_public_url(self._ctx)
        for one in found[:MOST]:
            finding = show(one, public_url)
            finding["subject"]["name"] = self._marker.text(one.subject.name)
            shown.append({**finding, "proof": self._marker.value(one.proof)})
        return {"findings": shown, "count": len(found)}

    async def explain_order(self, order_id: str) -> dict[str, Any]:
        """Returns where an order stands, as a sentence, with its timeline."""
        flight = await flights.get(self._ctx, self._project.id, order_id, after=None, limit=ENTRIES)
        order, marker = flight.order, self._marker.about(flight.order)
        known = discover().get(order.provider)
        company = flight.account.origin_owner_name if flight.account else "the customer"
        legs = [one.leg for one in flight.sent]
        standing = describe(order, legs, ats=known.manifest.name if known else order.provider, company=company)
        return {
            "order": self._order(order, marker),
            "whose_turn": standing.turn,
            "sentence": marker.text(standing.sentence),
            "more": marker.text(standing.more),
            "cause": marker.text(standing.cause),
            "next_step": marker.text(standing.next_step),
            "deliveries": [_delivery(one.delivery, marker) for one in flight.sent],
            "timeline": [
                {"at": stamp(one.at), "kind": one.kind, "message": marker.text(one.message)} for one in flight.entries
            ],
        }

    async def search_orders(self, filters: dict[str, Any], limit: int) -> dict[str, Any]:
        """Returns the newest orders that the filters leave."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        found = await orders.list_orders(self._ctx, self._project.id, wanted, limit=max(1, min(limit, MOST)))
        return {"orders": [self._order(one, self._marker.about(one)) for one in found]}

    async def show_delivery(self, delivery_id: str) -> dict[str, Any]:
        """Returns a delivery with its attempts; request bodies, which have the candidate's data, are left out."""
        found = await deliveries.get(self._ctx, self._project.id, delivery_id)
        marker = self._marker
        if found.order_id is not None:
            marker = marker.about(await orders.get(self._ctx, self._project.id, found.order_id))
        attempts = []
        for one in found.attempts[-MOST:]:
            attempts.append(
                {
                    "number": one.number,
                    "started_at": stamp(one.started_at),
                    "duration_ms": one.duration_ms,
                    "status": one.status,
                    "error_kind": one.error_kind,
                    "error": marker.text(one.error),
                    "answer": marker.text(one.response.get("body")),
                }
            )
        return {**_delivery(found, marker), "attempts": attempts}

    async def run_checks(self) -> dict[str, Any]:
        """Returns the set-up checklist, from observations."""
        found = await examine(self._ctx, self._project.id)
        shown = [
            {
                "id": one.code,
                "section": one.section,
                "title": one.title,
                "state": one.state,
                "evidence": self._marker.text(one.evidence),
                "checked_at": one.at and stamp(one.at),
                "codes": list(one.codes),
            }
            for one in found.results
        ]
        return {"checks": shown}

    async def retry_delivery(self, delivery_id: str, confirmation: str | None) -> dict[str, Any]:
        """Sends a delivery again now, once that is confirmed."""
        change = ("retry_delivery", delivery_id)
        if confirmation is None:
            found = await deliveries.get(self._ctx, self._project.id, delivery_id)
            where = "the ATS" if found.lane == "ats" else f"webhook {found.destination_id}"
            return self._confirmations.ask(change, f"Send {found.event_name} to {where} again now.")
        self._confirmations.use(confirmation, change)
        return {
            "done": True,
            **_delivery(await deliveries.retry(self._ctx, self._project.id, delivery_id), self._marker),
        }

    async def replay_webhook(
        self, webhook_id: str, since: str, status: Status, confirmation: str | None
    ) -> dict[str, Any]:  # fmt: skip
        """Starts a replay of a webhook's events, once that is confirmed."""
        start = _read_time(since)
        change = ("replay_webhook", webhook_id, stamp(start), status)
        if confirmation is None:
            await webhooks.get(self._ctx, self._project.id, webhook_id)
            return self._confirmations.ask(
                change, f"Send webhook {webhook_id} its {status} events since {stamp(start)} again."
            )
        self._confirmations.use(confirmation, change)
        replay = await replays.start(self._ctx, self._project.id, webhook_id, since=start, until=None, status=status)
        return {"done": True, "replay_id": replay.id, "total": replay.total, "state": replay.state}

    def _order(self, order: Order, marker: Marker) -> dict[str, Any]:
        person = order.request.candidate
        name = " ".join(part for part in (person.first_name, person.last_name) if part) or None
        return {
            "id": order.id,
            "account_id": order.account_id,
            "category": order.category,
            "status": order.status,
            "outcome": order.outcome,
            "delivery": order.delivery,
            "delivery_detail": marker.text(order.delivery_detail),
            "package": marker.text(order.package_name or order.request.package_id),
            "candidate": {"name": marker.personal(name), "email": marker.personal(person.email)},
            "created_at": stamp(order.created_at),
            "result_at": order.result_at and stamp(order.result_at),
        }


def _delivery(one: Delivery, marker: Marker) -> dict[str, Any]:
    return {
        "id": one.id,
        "event": one.event_name,
        "to": one.lane,
        "destination_id": one.destination_id,
        "order_id": one.order_id,
        "state": one.state,
        "attempts_made": one.attempts_made,
        "next_attempt_at": one.due_at and stamp(one.due_at),
        "last_error": marker.text(one.last_error),
    }


def _read_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"since: expected a time such as 2026-11-24T10:15:00Z, not {text[:40]!r}.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
