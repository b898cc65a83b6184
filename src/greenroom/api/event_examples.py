"""An example of each event, made by the functions that make the events that are sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from greenroom.doctor import catalogue
from greenroom.doctor.shown import show
from greenroom.model import events
from greenroom.model.accounts import Account
from greenroom.model.deliveries import Claimed
from greenroom.model.enrichment import Enrichment
from greenroom.model.findings import Subject
from greenroom.model.orders import Candidate, Category, Order, OrderRequest

AT = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
GATEWAY = "https://greenroom.example.com"
PROJECT, ACCOUNT = "prj_01kb5j2c6r8t0v2x4z6b8d0f2h", "acc_01kb5j3e7g9j1m3p5r7t9w1y3a"
WEBHOOK, FINDING = "whk_01kb5j3n5q7s9v1x3z5b7d9f1h", "fnd_01kb5j9d1f3h5k7m9p1r3t5w7y"
FAILED = "it answered 503 Service Unavailable"
MEMBER = {
    "user_id": "902",
    "remote_user_id": "902",
    "first_name": "Hugo",
    "last_name": "Hiring",
    "email": "hugo@northwind.example",
    "role": "hiring_manager",
}
_ORDERS: dict[Category, tuple[str, str, str, str]] = {
    "assessments": ("ord_01kb5j4q0v3x6m9p2s5t8w1y4z", "900417", "pkg_core_sql", "SQL essentials (45 min)"),
    "background_checks": ("ord_01kb5j7s2t5w8z1c4f7h0k3n6q", "900418", "pkg_standard", "Identity and employment"),
}


def build(name: str) -> dict[str, Any]:
    """Returns the body, without `event`, of an example of the event with this canonical name."""
    category: Category = "background_checks" if "background_checks" in name else "assessments"
    order, url = _order(category), f"{GATEWAY}/unified/ats/{category}/orders/{_ORDERS[category][0]}/result"
    if name in events.ORDER_CREATED.values():
        return events.order_payload(order, update_url=url, at=AT)
    if name in events.ORDER_UPDATED.values():
        return events.updated_payload(replace(order, status="cancelled"), update_url=url, at=AT + timedelta(hours=2))
    if name in events.ACCOUNT_EVENTS:
        account = Account(
            ACCOUNT, PROJECT, "greenhouse", "customer-17", "Northwind", AT, AT, origin_username="rina@northwind.example"
        )
        return events.account_payload(account, at=AT)
    if name == events.DELIVERY_EXHAUSTED:
        return events.exhausted_payload(_claimed(order), reason=FAILED, at=AT + timedelta(days=4))
    if name in (events.FINDING_OPENED, events.FINDING_CLOSED):
        is_open = name == events.FINDING_OPENED
        return _finding("opened" if is_open else "closed", AT + timedelta(minutes=1 if is_open else 30))
    if name == events.TEST:
        return events.test_payload(PROJECT, at=AT)
    reason = {events.WEBHOOK_FAILING: FAILED, events.WEBHOOK_DISABLED: "it answered 410 Gone"}.get(name)
    return events.webhook_payload(PROJECT, WEBHOOK, "Orders", reason=reason, at=AT)


def _order(category: Category) -> Order:
    order_id, number, package_id, package_name = _ORDERS[category]
    url = f"https://app.greenhouse.io/integrations/testing_partners/take_home_tests/{number}"
    profile_url = "https://app.greenhouse.io/people/17681532?application_id=26234709"
    candidate = Candidate(
        email="ada@example.com", first_name="Ada", last_name="Nguyen", phone_number="+44 20 7946 0123",
        profile_url=profile_url, remote_id="17681532",
    )  # fmt: skip
    raw = {
        "partner_test_id": package_id,
        "candidate": {
            "first_name": "Ada", "last_name": "Nguyen", "preferred_name": None, "resume_url": None,
            "phone_number": "+44 20 7946 0123", "email": "ada@example.com", "greenhouse_profile_url": profile_url,
        },
        "sent_by": "hugo@northwind.example",
        "url": url,
    }  # fmt: skip
    request = OrderRequest(
        package_id, candidate, dedupe_key=number, application_remote_id="26234709",
        requester_email="hugo@northwind.example", callback_url=url, raw=raw,
    )  # fmt: skip
    enrichment = Enrichment(
        status="complete",
        reason=None,
        at=AT + timedelta(seconds=1),
        application={
            "id": "26234709",
            "application_status": {"value": "active", "source_value": "in_process"},
        },
        job={
            "id": "4001",
            "title": "Data Engineer",
            "hiring_team": [MEMBER],
            "passthrough": {"hiring_team": [{"user_id": "902", "type": "hiring_manager", "responsible": None}]},
        },
        requester=MEMBER,
    )
    return Order(
        order_id, PROJECT, ACCOUNT, "greenhouse", category, "ats", request, package_name, AT, AT, enrichment=enrichment
    )


def _claimed(order: Order) -> Claimed:
    return Claimed(
        id="dlv_01kb5j4q0w5y8b1d4g7j0m3p6s", project_id=PROJECT, event_id="evt_01kb5j4q0x6z9c2f5h8k1n4q7t",
        order_id=order.id, account_id=ACCOUNT, lane="vendor", destination_id=WEBHOOK,
        event_name=events.ORDER_CREATED[order.category], queue="again", trigger="auto", attempt=10, step=10,
        nudge_count=0, lease="", payload="{}", created_at=AT,
    )  # fmt: skip


def _finding(change: str, at: datetime) -> dict[str, Any]:
    found = catalogue.find(
        "webhook.server_error",
        Subject("webhook", WEBHOOK, "Orders"),
        proof={"url": "https://vendor.example.com/webhook", "error": FAILED, "status": 503, "waiting": 12},
        since=AT,
        last_seen_at=AT + timedelta(seconds=40),
        count=5,
    )
    url = f"{GATEWAY}/projects/{PROJECT}/findings?code={found.code}&q={WEBHOOK}"
    content = {**show(found, GATEWAY), "account_id": found.account_id, "order_id": found.order_id, "url": url}
    return events.finding_payload(PROJECT, "Proctor", FINDING, change, content, at=at)
