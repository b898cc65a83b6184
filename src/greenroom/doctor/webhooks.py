"""
Causes of webhooks that are not received. No I/O.

A test event counts as a delivery, although nothing waits for it. While an endpoint fails, its dead letters are in the
proof of that failure; they have a finding of their own once it works again.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from greenroom.doctor.catalogue import about_integration, find
from greenroom.doctor.transport import get_tls_reason
from greenroom.model.breakers import Failure
from greenroom.model.events import ORDER_CREATED, stamp, subscribed_name
from greenroom.model.findings import Finding, Subject
from greenroom.model.integrations import Integration
from greenroom.outbound.urls import without_query
from greenroom.services.webhook_facts import FailedAnswer, Waiting, WebhookArea, WebhookState
from greenroom.store.db import from_ms

#: seconds that a due delivery may wait before it is a backlog
OVERDUE_S = 60
#: causes by the kind of a failure
_KINDS = {
    "dns": "webhook.dns",
    "dns_unknown": "webhook.dns",
    "connect": "webhook.refused",
    "tls": "webhook.tls",
    "timeout": "webhook.timeout",
    "redirect": "webhook.redirect",
    "forbidden_address": "webhook.forbidden_address",
    "reset": "webhook.reset",
    "protocol": "webhook.reset",
}


def judge(facts: WebhookArea) -> list[Finding]:
    """Returns the findings about the webhooks of a project."""
    found = [finding for one in facts.integrations for finding in _nobody_listens(one, facts)]
    for state in facts.webhooks:
        if state.webhook.enabled:
            found += _failing(state)
        elif _is_gone(state):
            found.append(_gone(state))
    return found


def _nobody_listens(integration: Integration, facts: WebhookArea) -> list[Finding]:
    """Finds why no webhook receives the order event of an integration, or of some of its accounts."""
    event = ORDER_CREATED[integration.partner_category]
    subject = about_integration(integration.provider)
    listening = [one for one in facts.webhooks if subscribed_name(event, one.webhook.events)]
    held = _waiting("held", facts.held)
    if any(one.webhook.enabled for one in listening):
        return [
            find(
                "webhook.other_accounts",
                Subject("account", account_id, name),
                proof={"event": event, "webhooks": [one.webhook.name for one in listening][:20], **held},
                account_id=account_id,
            )
            for account_id, name in facts.left_out.get(integration.provider, ())
        ]
    if any(_is_gone(one) for one in listening):
        return []  # the webhook's own finding says it
    if listening:
        return [_disabled(one, event, held) for one in listening]
    if not facts.webhooks:
        return [find("webhook.none", subject, proof={"event": event, **held}, since=facts.held.oldest)]
    subscribed = sorted({name for one in facts.webhooks for name in one.webhook.events})
    return [find("webhook.wrong_event", subject, proof={"expected": event, "subscribed": subscribed[:20], **held})]


def _disabled(state: WebhookState, event: str, held: dict[str, Any]) -> Finding:
    webhook = state.webhook
    proof: dict[str, Any] = {"event": event, "url": webhook.url}
    if webhook.disabled_reason:
        proof["reason"] = webhook.disabled_reason
    if state.disabled:
        proof |= {"disabled_by": state.disabled.by, "disabled_at": stamp(state.disabled.at)}
    return find(
        "webhook.disabled",
        _subject(state),
        proof={**proof, **held, **_waiting("waiting", state.held)},
        since=state.disabled.at if state.disabled else webhook.updated_at,
    )


def _is_gone(state: WebhookState) -> bool:
    return not state.webhook.enabled and "410" in (state.webhook.disabled_reason or "")


def _gone(state: WebhookState) -> Finding:
    proof = {
        "url": state.webhook.url,
        "status": 410,
        **_waiting("waiting", state.held),
        **_waiting("given_up", state.dead),
    }
    return find("webhook.gone", _subject(state), proof=proof, since=state.webhook.updated_at)


def _failing(state: WebhookState) -> list[Finding]:
    """Finds why the attempts at an enabled webhook, or its test event, fail, and what waits for it."""
    found = []
    failure = state.failure
    if failure is not None and (code := _code(failure)):
        waiting = _waiting("waiting", state.pending) | _waiting("given_up", state.dead)
        found.append(
            find(
                code,
                _subject(state),
                proof=_proof(code, failure, state) | waiting,
                since=from_ms(failure.since),
                last_seen_at=from_ms(failure.at),
                count=failure.count,
            )
        )
    elif state.dead.count:
        proof = {"url": state.webhook.url, "count": state.dead.count}
        found.append(
            find("webhook.dead_letters", _subject(state), proof=proof, since=state.dead.oldest, **_count(state.dead))
        )
    if state.next_attempt_at:
        proof = {"next_attempt_at": stamp(state.next_attempt_at), **_waiting("waiting", state.pending)}
        found.append(find("webhook.breaker_open", _subject(state), proof=proof))
    elif failure is None and state.pending.overdue_s > OVERDUE_S:
        proof = {"waiting": state.pending.count, "overdue_s": round(state.pending.overdue_s)}
        if state.webhook.rate_limit is not None:
            proof["rate_limit"] = state.webhook.rate_limit
        found.append(
            find("webhook.backlog", _subject(state), proof=proof, since=state.pending.oldest, **_count(state.pending))
        )
    return found


def _proof(code: str, failure: Failure, state: WebhookState) -> dict[str, Any]:
    """Returns what was observed of the latest failed attempt."""
    answer = state.answer or FailedAnswer()
    proof = {
        "url": state.webhook.url,
        "host": urlsplit(state.webhook.url).hostname if failure.status is None else None,
        "error": failure.reason,
        "status": failure.status,
        "ms": answer.ms,
        "answer": answer.first_line,
        "target": without_query(answer.target) if code == "webhook.redirect" and answer.target else None,
        "reason": get_tls_reason(failure.reason) if code == "webhook.tls" else None,
        "secret_rotated_at": (
            stamp(state.rotated_at) if code == "webhook.signature_suspected" and state.rotated_at else None
        ),
    }
    return {name: value for name, value in proof.items() if value is not None}


def _code(failure: Failure) -> str | None:
    """Returns the cause of a failure; None for one that is not the endpoint's."""
    if failure.kind != "http_status" or failure.status is None:
        return _KINDS.get(failure.kind)
    if failure.status in (401, 403):
        return "webhook.signature_suspected"
    if failure.status == 429:
        return "webhook.rate_limited"
    return "webhook.server_error" if failure.status >= 500 else "webhook.client_error"


def _subject(state: WebhookState) -> Subject:
    return Subject("webhook", state.webhook.id, state.webhook.name)


def _waiting(name: str, waiting: Waiting) -> dict[str, Any]:
    return {name: waiting.count} if waiting.count else {}


def _count(waiting: Waiting) -> dict[str, Any]:
    return {"count": waiting.count, "count_is": "at_least" if waiting.count >= waiting.bound else "exact"}
