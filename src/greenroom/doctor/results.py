"""Causes of results that are refused, not handed over or not read. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from greenroom.connectors import discover
from greenroom.connectors.contract import Push as Asked
from greenroom.doctor.catalogue import about_integration, find, get_ats_name
from greenroom.errors import GiveUp
from greenroom.model.events import stamp
from greenroom.model.findings import Finding, Subject
from greenroom.model.integrations import Integration
from greenroom.model.orders import Order
from greenroom.services.result_facts import Push, Refusal, ResultArea

#: seconds after which a notification counts as not read; an ATS that reads at all does so at once
UNREAD_S = 15
#: seconds for which a candidate who has left the stage is named
GONE_S = 7 * 24 * 3600
#: orders of one kind that are named
MOST = 20
RETRY = "Retry the delivery on the order's page, or with `POST /v1/deliveries/{id}/retry`."


def judge(facts: ResultArea) -> list[Finding]:
    """Returns the findings about the results of a project."""
    by_provider = {one.provider: one for one in facts.integrations}
    found = _refused(facts.refusals)
    grouped: defaultdict[tuple[str, str], list[tuple[Order, Push | None]]] = defaultdict(list)
    alone: defaultdict[str, list[Finding]] = defaultdict(list)
    for order, push in facts.orders:
        integration = by_provider.get(order.provider)
        if integration is None or order.acknowledged_at is not None:
            continue
        cause = _cause(order, push, integration, facts.allow_http)
        if cause in _OF_INTEGRATION:
            grouped[order.provider, cause].append((order, push))
        elif cause and push:
            alone[cause].append(_of_order(cause, order, push))
    for integration in facts.integrations:
        found += _of_integration(integration, grouped, facts.allow_http)
    return found + [one for findings in alone.values() for one in findings[:MOST]]


#: causes that lie in the configuration of an integration
_OF_INTEGRATION = ("result.host_not_allowed", "result.no_partner_credentials", "result.partner_credentials_refused")


def _refused(refusals: Sequence[Refusal]) -> list[Finding]:
    """
    Returns the findings of refused results, and of answers that the ATS rejected.

    Results that name no order of the project are one finding of their account, with the data of the latest.
    """
    grouped: defaultdict[tuple[str, str | None], list[Refusal]] = defaultdict(list)
    for one in refusals:
        grouped[one.code, one.subject if one.is_known else _account(one)].append(one)
    return [_of_refusals(those) for those in grouped.values()]


def _account(one: Refusal) -> str | None:
    return one.account_id or one.detail.get("account_id")


def _of_refusals(those: Sequence[Refusal]) -> Finding:
    """Returns one finding of refusals with the same cause and subject, the latest of which is the first."""
    one = those[0]
    order_id = one.detail.get("order_id")
    is_order = one.is_known and order_id is not None
    order_ids = tuple(str(each.detail["order_id"]) for each in those if each.detail.get("order_id"))
    several = {"orders": list(order_ids[:MOST])} if len(those) > 1 else {}
    return find(
        one.code,
        Subject("order", order_id, one.name) if is_order else Subject("account", _account(one), one.name),
        proof={**{name: value for name, value in one.detail.items() if value not in (None, [])}, **several},
        since=min(each.since for each in those),
        last_seen_at=one.at,
        count=sum(each.count for each in those),
        account_id=one.account_id,
        order_id=order_id,
        order_ids=order_ids,
    )


def _cause(order: Order, push: Push | None, integration: Integration, allow_http: bool) -> str | None:
    """Returns why the result of an order has not reached its ATS; None while nothing is wrong."""
    if push is None or order.result is None:
        waits = order.request.callback_problem is not None and not (order.is_final and order.result is None)
        return "result.host_not_allowed" if waits and _is_forbidden(order, integration, allow_http) else None
    if push.state == "dead" and order.delivery == "refused":
        return _refusal_of(push)
    if push.has_failed and push.state == "pending":
        return "result.ats_error"
    is_unread = order.delivery == "sent" and not push.has_failed
    return "result.never_read" if is_unread and (push.notified > 1 or push.waited_s > UNREAD_S) else None


def _refusal_of(push: Push) -> str | None:
    if push.error_kind == "http_status":
        if push.status == 404:
            return "result.candidate_gone" if push.age_s < GONE_S else None
        return "result.partner_credentials_refused" if push.status in (401, 403) else "result.ats_error"
    kinds = {
        "forbidden_address": "result.host_not_allowed",
        "bad_url": "result.host_not_allowed",
        "not_configured": "result.no_partner_credentials",
        "internal": None,
        "sealed": None,
        None: None,
    }
    return kinds.get(push.error_kind, "result.ats_error")


def _is_forbidden(order: Order, integration: Integration, allow_http: bool) -> bool:
    """Returns whether the connector would refuse to call the order's callback URL as things are configured now."""
    asked = Asked(order, integration, account_token=None, allow_http=allow_http)
    try:
        discover()[order.provider].push_request(asked)
    except GiveUp as error:
        return error.kind == "forbidden_address"
    except KeyError:  # the request would have been made
        return False
    return False


def _of_order(cause: str, order: Order, push: Push) -> Finding:
    proof: dict[str, Any] = {"order_id": order.id, "attempts": push.attempts}
    changes: dict[str, Any] = {}
    if push.status is not None:
        proof["status"] = push.status
    if cause == "result.never_read":
        proof |= {"notified": max(push.notified, 1), "notified_at": push.attempted_at and stamp(push.attempted_at)}
    elif push.error:
        proof["error"] = push.error[:200]
    if cause == "result.ats_error" and push.state == "dead":
        changes = {"severity": "error", "next_step": f"{RETRY} Ask the ATS's support if it lasts."}
    if push.next_attempt_at:
        proof["next_attempt_at"] = stamp(push.next_attempt_at)
    return find(
        cause,
        Subject("order", order.id, order.package_name),
        ats=get_ats_name(order.provider),
        proof=proof,
        since=order.result_at,
        last_seen_at=push.attempted_at,
        count=push.attempts,
        account_id=order.account_id,
        order_id=order.id,
        **changes,
    )


def _of_integration(
    integration: Integration,
    grouped: dict[tuple[str, str], list[tuple[Order, Push | None]]],
    allow_http: bool,
) -> list[Finding]:
    found = []
    fields = discover()[integration.provider].configuration_fields
    missing = [one.name for one in fields if one.lacks(integration.settings)]
    for cause in _OF_INTEGRATION:
        orders = grouped.get((integration.provider, cause), [])
        is_missing = cause == "result.no_partner_credentials" and bool(missing)
        if not orders and not is_missing:
            continue
        proof: dict[str, Any] = {}
        if is_missing:
            proof["missing"] = missing
        if cause == "result.host_not_allowed":
            hosts = {urlsplit(order.request.callback_url or "").hostname or "" for order, _ in orders}
            proof["host"], proof["allowed"] = ", ".join(sorted(hosts)[:5]), list(integration.settings["callback_hosts"])
            is_mended = not any(_is_forbidden(order, integration, allow_http) for order, _ in orders)
        else:
            is_mended = cause == "result.no_partner_credentials" and not missing
        found.append(_configured(cause, integration, orders, proof, next_step=RETRY if is_mended else None))
    return found


def _configured(
    cause: str,
    integration: Integration,
    orders: list[tuple[Order, Push | None]],
    proof: dict[str, Any],
    *,
    next_step: str | None,
) -> Finding:
    pushes = [push for _, push in orders if push and push.attempted_at]
    if pushes:
        proof["error"] = (pushes[0].error or "")[:200]
        if pushes[0].status is not None:
            proof["status"] = pushes[0].status
    ids = tuple(order.id for order, _ in orders)
    if ids:
        proof["orders"] = list(ids[:MOST])
    accounts = {order.account_id for order, _ in orders}
    return find(
        cause,
        about_integration(integration.provider),
        ats=get_ats_name(integration.provider),
        next_step=next_step,
        proof=proof,
        since=min((order.created_at for order, _ in orders), default=integration.updated_at),
        last_seen_at=max((push.attempted_at for push in pushes if push.attempted_at), default=None),
        count=len(orders) or 1,
        account_id=accounts.pop() if len(accounts) == 1 else None,
        order_ids=ids,
    )
