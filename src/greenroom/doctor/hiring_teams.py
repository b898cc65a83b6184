"""Causes of orders without their hiring team. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenroom.connectors import discover
from greenroom.doctor.catalogue import find
from greenroom.model.enrichment import EMPTY, LATE, PATIENCE, UNAVAILABLE
from greenroom.model.findings import Finding, Subject
from greenroom.services.hiring_team_facts import AccountState, HiringTeamArea, Latest

NOT_CONNECTED = "hiring_team.not_connected"
#: causes that are those of one order, and end with the next order that has everything
_OF_ORDER = (LATE, UNAVAILABLE, "hiring_team.rate_limited", EMPTY)


def judge(facts: HiringTeamArea) -> list[Finding]:
    """Returns the findings about the hiring teams of a project's orders."""
    found: list[Finding] = []
    for integration in facts.integrations:
        connector = discover()[integration.provider]
        if connector.enrichment is None or integration.store == "minimal":
            continue
        ats, code = connector.manifest.name, connector.enrichment.lacks(integration)
        if code is not None:
            subject = Subject("integration", integration.provider, ats)
            proof = {"authentication_type": integration.settings.get("authentication_type")}
            found.append(find(code, subject, ats=ats, proof=proof, since=integration.updated_at))
        else:
            found += _of_accounts(facts.accounts.get(integration.provider, ()), ats)
    return found


def _of_accounts(accounts: Sequence[AccountState], ats: str) -> list[Finding]:
    found = []
    for one in accounts:
        if one.problem is not None:
            proof: dict[str, Any] = {"error": one.problem.reason[:200]}
            if one.problem.scope:
                proof["scope"] = one.problem.scope
            found.append(_of_account(one.problem.code, one, ats, proof | _read(one.latest), one.problem.at))
        elif not one.can_read or (one.latest and one.latest.reason == NOT_CONNECTED):
            found.append(_of_account(NOT_CONNECTED, one, ats, _read(one.latest), one.since))
        elif one.latest is not None and _is_without(one.latest):
            found.append(_of_order(one, one.latest, ats))
    return found


def _is_without(latest: Latest) -> bool:
    """Returns whether the event of an order has gone out without the hiring team."""
    waits = latest.is_pending and latest.age_s < PATIENCE.total_seconds()
    return latest.reason in _OF_ORDER and not waits


def _of_account(code: str, one: AccountState, ats: str, proof: dict[str, Any], since: Any) -> Finding:
    subject = Subject("account", one.id, one.name)
    order_id = one.latest.id if one.latest else None
    return find(code, subject, ats=ats, proof=proof, since=since, account_id=one.id, order_id=order_id)


def _of_order(one: AccountState, latest: Latest, ats: str) -> Finding:
    assert latest.reason is not None  # noqa: S101 - for the type checker
    proof: dict[str, Any] = {"order_id": latest.id, **_read(latest)}
    if latest.reason != EMPTY:
        proof["is_read_again"] = latest.is_pending
    return find(
        latest.reason,
        Subject("order", latest.id, latest.package_name),
        ats=ats,
        proof=proof,
        since=latest.at,
        account_id=one.id,
        order_id=latest.id,
    )


def _read(latest: Latest | None) -> dict[str, Any]:
    """Returns the read that failed, for the proof."""
    if latest is None or latest.failed is None:
        return {}
    facts = {"call": latest.failed.get("name"), "status": latest.failed.get("status")}
    said = str(latest.failed.get("result") or "")[:200]
    return {**{name: value for name, value in facts.items() if value is not None}, "answer": said}
