"""Events: their names in every accepted spelling, and the bodies of webhook requests. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from greenroom.model.accounts import Account
from greenroom.model.deliveries import Claimed
from greenroom.model.enrichment import Enrichment
from greenroom.model.orders import Category, Order

#: canonical name of a category's order event
ORDER_CREATED: dict[Category, str] = {
    "assessments": "ats_assessments.created",
    "background_checks": "ats_background_checks.created",
}

#: canonical name of the event that an order has changed: its ATS cancelled it, or reported on its candidate
ORDER_UPDATED: dict[Category, str] = {
    "assessments": "ats_assessments.updated",
    "background_checks": "ats_background_checks.updated",
}

#: internal event name of a result that is sent to the ATS; webhooks cannot subscribe to it
RESULT_RECORDED = "result.recorded"

#: event name that `POST /v1/webhooks/{id}/test` sends
TEST = "webhook.test"

#: other accepted spellings, each with its canonical name
ALIASES = {
    "assessment.created": "ats_assessments.created",
    "background_check_order.created": "ats_background_checks.created",
    "background_check.created": "ats_background_checks.created",
}

ACCOUNT_CREATED = "account.created"
ACCOUNT_UPDATED = "account.updated"
ACCOUNT_DELETED = "account.deleted"
ACCOUNT_EVENTS = (ACCOUNT_CREATED, ACCOUNT_UPDATED, ACCOUNT_DELETED)

#: events about a project's own webhooks and deliveries; never sent to the webhook that they are about
WEBHOOK_FAILING = "webhook.failing"
WEBHOOK_RECOVERED = "webhook.recovered"
WEBHOOK_DISABLED = "webhook.disabled"
DELIVERY_EXHAUSTED = "delivery.exhausted"
#: a finding of the doctor appeared, or is gone
FINDING_OPENED = "finding.opened"
FINDING_CLOSED = "finding.closed"
OPERATIONAL_EVENTS = (
    WEBHOOK_FAILING,
    WEBHOOK_RECOVERED,
    WEBHOOK_DISABLED,
    DELIVERY_EXHAUSTED,
    FINDING_OPENED,
    FINDING_CLOSED,
)

#: every name that a webhook can subscribe to
NAMES = (*ORDER_CREATED.values(), *ORDER_UPDATED.values(), *ALIASES, *ACCOUNT_EVENTS, *OPERATIONAL_EVENTS)


def order_categories(names: Sequence[str]) -> frozenset[Category]:
    """Returns the categories of whose orders these names of events tell."""
    canonical = {ALIASES.get(name, name) for name in names}
    return frozenset(one for one in ORDER_CREATED if canonical & {ORDER_CREATED[one], ORDER_UPDATED[one]})


def is_order_created(name: str) -> bool:
    """Returns whether a name of an event, in any spelling, says that an order was placed."""
    return ALIASES.get(name, name) in ORDER_CREATED.values()


def subscribed_name(event_type: str, names: tuple[str, ...]) -> str | None:
    """Returns the spelling under which `names` has an event, the canonical one first, or None."""
    if event_type in names:
        return event_type
    return next((name for name in names if ALIASES.get(name) == event_type), None)


def is_about(payload: str, webhook_id: str) -> bool:
    """Returns whether an operational event is about this webhook, which then does not receive it."""
    content = json.loads(payload)
    subject = content.get("subject") or {}
    return webhook_id in (content.get("record_id"), content.get("destination_id"), subject.get("id"))


def body(payload: str, event_name: str) -> bytes:
    """
    Returns the body of a webhook request: the same bytes for every attempt of a delivery.

    `payload` is the stored JSON object without `event`; `event_name` is the spelling that the webhook subscribed to.
    """
    return f'{{"event":{json.dumps(event_name)},{payload[1:]}'.encode()


def member(email: str | None) -> dict[str, Any] | None:
    """Returns a member of the customer's hiring team in the unified model, known by e-mail address alone."""
    if email is None:
        return None
    return {
        "user_id": None,
        "remote_user_id": None,
        "first_name": None,
        "last_name": None,
        "email": email,
        "role": None,
    }


def remote_id(order: Order) -> str | None:
    """Returns the order's id at the ATS; None for an order that is not an ATS's."""
    return (order.request.remote_id or order.request.dedupe_key) if order.source == "ats" else None


def order_model(order: Order, *, update_url: str) -> dict[str, Any]:
    """
    Returns an order in the unified model, for webhook payloads and the unified API.

    `remote_id` is the ATS's id. `id` is Greenroom's for orders and packages, and the ATS's for anything else. The flat
    `application_id`, `candidate_id` and `job_id` equal the nested ids.
    The facts of the enrichment are added to those of the request; a hiring team without members is an empty list, an
    unknown one null.
    Source: StackOne's unified ATS API, AssessmentOrder and BackgroundCheckOrder.
    """
    request, found = order.request, order.enrichment
    candidate = request.candidate
    application, job = (found and found.application) or {}, request.job or (found and found.job) or {}
    application_id = request.application_remote_id or application.get("id")
    person = (found and found.candidate) or {}
    candidate_id = candidate.remote_id or person.get("id") or application.get("candidate_id")
    emails = [{"type": "personal", "value": candidate.email}] if candidate.email else None
    return {
        "id": order.id,
        "remote_id": remote_id(order),
        "package": {
            "id": request.package_id,
            "remote_id": request.package_id,
            "name": order.package_name,
            "description": None,
        },
        "application": {
            "id": application_id,
            "remote_id": application_id,
            "application_status": {"value": order.application_status, "source_value": None}
            if order.application_status
            else application.get("application_status"),
        },
        "job": {
            "id": job.get("id"),
            "remote_id": job.get("id"),
            "title": job.get("title"),
            "hiring_team": job.get("hiring_team"),
            "passthrough": job.get("passthrough"),
        },
        "candidate": {
            "id": candidate_id,
            "remote_id": candidate_id,
            "first_name": candidate.first_name or person.get("first_name"),
            "last_name": candidate.last_name or person.get("last_name"),
            "emails": _with_others(emails, person.get("emails")),
            "profile_url": candidate.profile_url,
            "passthrough": {
                "preferred_name": candidate.preferred_name,
                "phone_number": candidate.phone_number,
                "resume_url": candidate.resume_url,
            },
        },
        "requester": (found and found.requester) or member(request.requester_email),
        "results_update_url": update_url,
        "passthrough": request.passthrough,
        "application_id": application_id,
        "candidate_id": candidate_id,
        "job_id": job.get("id"),
        "package_id": request.package_id,
        "enrichment": enrichment_model(found),
    }


def enrichment_model(found: Enrichment | None) -> dict[str, Any] | None:
    """Returns how far an order was enriched, as JSON."""
    return {"status": found.status, "reason": found.reason, "at": stamp(found.at)} if found else None


def _with_others(emails: list[dict[str, Any]] | None, others: list[dict[str, Any]] | None) -> Any:
    """Returns the request's addresses, which the ATS wants used, and after them the others of the candidate."""
    known = {one["value"].casefold() for one in emails or ()}
    return [*(emails or ()), *(one for one in others or () if one["value"].casefold() not in known)] or emails


def order_payload(order: Order, *, update_url: str, at: datetime) -> dict[str, Any]:
    """
    Returns an order event's body without `event`: StackOne's envelope for a native unified event.

    Source: StackOne's webhook guide (envelope); content of `event_data` decided in the design.
    """
    when = stamp(at)
    return {
        "project_id": order.project_id,
        "account_id": order.account_id,
        "event_date": when,
        "record_type": f"ats_{order.category}",
        "record_id": order.id,
        "record_remote_id": remote_id(order),
        "sent_at": when,
        "provider": order.provider,
        "raw_event": {"body": order.request.raw},
        "event_data": order_model(order, update_url=update_url),
    }


def updated_payload(order: Order, *, update_url: str, at: datetime) -> dict[str, Any]:
    """
    Returns the body without `event` of the event that an order has changed: an order event's, with its status.

    After an erasure there is no personal data in it, and `erased_at` is set.
    """
    payload = order_payload(order, update_url=update_url, at=at)
    changes = {"status": order.status, "erased_at": stamp(order.erased_at) if order.erased_at else None}
    return {**payload, "status": order.status, "event_data": {**payload["event_data"], **changes}}


def account_payload(account: Account, *, at: datetime) -> dict[str, Any]:
    """
    Returns an account event's body without `event`.

    Source: StackOne's webhook guide, account events.
    """
    when = stamp(at)
    return {
        "project_id": account.project_id,
        "account_id": account.id,
        "event_date": when,
        "record_type": "account",
        "record_id": account.id,
        "sent_at": when,
        "provider": account.provider,
        "origin_owner_id": account.origin_owner_id,
        "origin_owner_name": account.origin_owner_name,
        "origin_username": account.origin_username,
        "setup_information": account.setup_information,
    }


def webhook_payload(project_id: str, webhook_id: str, name: str, *, reason: str | None, at: datetime) -> dict[str, Any]:
    """Returns a webhook event's body without `event`; `reason` describes the webhook's last answer, or is None."""
    when = stamp(at)
    return {
        "project_id": project_id,
        "event_date": when,
        "record_type": "webhook",
        "record_id": webhook_id,
        "sent_at": when,
        "name": name,
        "reason": reason,
    }


def exhausted_payload(claimed: Claimed, *, reason: str, at: datetime) -> dict[str, Any]:
    """Returns the body without `event` for a dead-lettered delivery; `event_name` is the event that it carried."""
    when = stamp(at)
    return {
        "project_id": claimed.project_id,
        "account_id": claimed.account_id,
        "event_date": when,
        "record_type": "delivery",
        "record_id": claimed.id,
        "sent_at": when,
        "lane": claimed.lane,
        "destination_id": claimed.destination_id,
        "order_id": claimed.order_id,
        "event_id": claimed.event_id,
        "event_name": claimed.event_name,
        "attempts": claimed.attempt,
        "reason": reason,
    }


def test_payload(project_id: str, *, at: datetime) -> dict[str, Any]:
    """Returns a test event's body without `event`."""
    when = stamp(at)
    return {"project_id": project_id, "event_date": when, "sent_at": when, "record_type": "test"}


def finding_payload(
    project_id: str, project_name: str, finding_id: str, change: str, shown: Mapping[str, Any], *, at: datetime
) -> dict[str, Any]:
    """
    Returns a finding event's body without `event`; `shown` is the finding as the API shows it, and `url`, its page.

    `text` says the same in one paragraph: chats such as Slack show this field of a body.
    """
    when = stamp(at)
    return {
        "project_id": project_id,
        "event_date": when,
        "record_type": "finding",
        "record_id": finding_id,
        "sent_at": when,
        "text": _finding_text(project_name, change, shown),
        **shown,
    }


def _finding_text(project_name: str, change: str, shown: Mapping[str, Any]) -> str:
    name = shown["subject"]["name"]
    about = f" ({shown['subject']['type']} {name})" if name else ""
    if change == "closed":
        text = f"[{project_name}] Closed: {shown['title']}{about}"
    else:
        text = f"[{project_name}] {shown['severity'].capitalize()}: {shown['title']}{about}. {shown['next_step']}"
    # in a chat, angle brackets would notify a channel or hide a link's address, and names come from people
    return f"{text.replace('<', '‹').replace('>', '›')} {shown['url']}"


def stamp(at: datetime) -> str:
    """Returns a UTC time in ISO 8601 with milliseconds and `Z`, the format of every time in the API's JSON."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
