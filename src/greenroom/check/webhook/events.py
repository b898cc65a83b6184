"""Valid webhook bodies, made by the code that makes the gateway's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from greenroom.check.calls import new_id
from greenroom.model import events
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, Category, Order, OrderRequest

PROJECT = "prj_conformance_check"
ACCOUNT = "acc_conformance_check"
#: where the order's result would be sent; the reserved name leads nowhere
UPDATE_URL = "https://gateway.example/unified/ats/{category}/orders/{order}/result"


def order(category: Category, *, order_id: str | None = None, update_url: str = UPDATE_URL, **more: Any) -> Order:
    """Returns an order as an ATS places it; `more` changes fields of the candidate."""
    order_id, at = order_id or new_id("ord"), datetime.now(UTC)
    candidate = {
        "email": "casey.candidate@example.com",
        "first_name": "Casey",
        "last_name": "Candidate",
        "remote_id": "17681532",
        "profile_url": "https://app.greenhouse.io/people/17681532",
    }
    request = OrderRequest(
        package_id="pkg_conformance_check",
        candidate=Candidate(**(candidate | more)),
        dedupe_key=f"https://app.greenhouse.io/take_home/{order_id}",
        application_remote_id="26234709",
        job={"id": "4001", "title": "Data Engineer", "hiring_team": [events.member("riley.recruiter@example.com")]},
        requester_email="riley.recruiter@example.com",
        passthrough={"stage": "Assessment"},
        raw={"partner_test_id": "pkg_conformance_check"},
        remote_id=order_id.removeprefix("ord_"),
    )
    return Order(order_id, PROJECT, ACCOUNT, "greenhouse", category, "ats", request, "Conformance check", at, at)


def created(category: Category, name: str, *, placed: Order | None = None, update_url: str = UPDATE_URL) -> Any:
    """Returns the body of an order event under a spelling of its name."""
    placed = placed or order(category)
    url = update_url.format(category=category, order=placed.id)
    return {"event": name, **events.order_payload(placed, update_url=url, at=placed.created_at)}


def updated(category: Category, *, placed: Order | None = None) -> Any:
    """Returns the body of the event that an order was cancelled."""
    placed = placed or order(category)
    placed = placed.progressed("cancelled", now=placed.created_at)
    url = UPDATE_URL.format(category=category, order=placed.id)
    content = events.updated_payload(placed, update_url=url, at=placed.created_at)
    return {"event": events.ORDER_UPDATED[category], **content}


def account(name: str) -> Any:
    """Returns the body of an account event."""
    at = datetime.now(UTC)
    linked = Account(ACCOUNT, PROJECT, "greenhouse", "customer-1", "Hemlock & Rye", at, at)
    return {"event": name, **events.account_payload(linked, at=at)}


def operational(name: str) -> Any:
    """Returns the body of an event about a project's webhooks."""
    at = datetime.now(UTC)
    reason = "The endpoint answered 500 Internal Server Error; a 2xx status was expected."
    return {"event": name, **events.webhook_payload(PROJECT, new_id("whk"), "Orders", reason=reason, at=at)}


def test() -> Any:
    """Returns the body of a test event."""
    return {"event": events.TEST, **events.test_payload(PROJECT, at=datetime.now(UTC))}


def with_nulls(document: Any) -> Any:
    """Returns an order event of which every field that may be null is null."""
    data = document["event_data"]
    nulls = {
        "package": ("name", "description"),
        "application": ("id", "remote_id", "application_status"),
        "job": ("id", "remote_id", "title", "hiring_team"),
        "candidate": ("id", "remote_id", "first_name", "last_name", "emails", "profile_url"),
    }
    emptied: dict[str, Any] = {name: {**data[name], **dict.fromkeys(fields)} for name, fields in nulls.items()}
    flat = dict.fromkeys(("application_id", "candidate_id", "job_id", "requester", "passthrough", "remote_id"))
    return {**document, "record_remote_id": None, "event_data": {**data, **emptied, **flat}}
