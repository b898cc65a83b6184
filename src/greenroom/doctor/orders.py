"""Causes of orders that make no progress. No I/O."""

from __future__ import annotations

from greenroom.doctor.catalogue import find
from greenroom.model.events import stamp
from greenroom.model.findings import Finding, Subject
from greenroom.services.order_facts import OrderArea


def judge(facts: OrderArea) -> list[Finding]:
    """Returns the findings about the orders of a project."""
    found = []
    for one in facts.unmoved:
        since = max(one.notified_at, one.changed_at)
        proof = {
            "order_id": one.id,
            "status": one.status,
            "delivered_at": stamp(one.notified_at),
            "hours": round((facts.now - since).total_seconds() / 3600, 2),
            "limit_hours": facts.after_hours,
        }
        subject = Subject("order", one.id, one.package_name)
        found.append(find("order.stuck", subject, proof=proof, since=since, account_id=one.account_id, order_id=one.id))
    return found
