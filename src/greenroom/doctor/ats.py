"""Causes of calls that an ATS does not make, or that are refused. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from greenroom.connectors import discover
from greenroom.doctor.catalogue import about_integration, find, get_ats_name
from greenroom.model.ats_calls import Caller, Ended, Refused, TokenUse, how_ended
from greenroom.model.events import stamp
from greenroom.model.findings import Finding, Severity, Subject
from greenroom.model.integrations import Integration
from greenroom.services.ats_facts import AtsArea
from greenroom.store.db import from_ms
from greenroom.store.refused_calls import MOST_COUNTED

#: how long an account may wait for the first call before somebody should ask
PATIENCE = timedelta(days=3)
#: refused calls that are older are no finding any more
FORGOTTEN = timedelta(days=30)
#: accounts that wait for the first call and are listed, longest first
MOST_WAITING = 20
#: kinds that concern the integration, since no account is known
_OF_INTEGRATION = ("token_unknown", "no_credentials")


def judge(facts: AtsArea) -> list[Finding]:
    """Returns the findings about the calls of a project's ATSs."""
    return [finding for one in facts.integrations for finding in _examine(one, facts)]


def _examine(integration: Integration, facts: AtsArea) -> list[Finding]:
    callers = [one for one in facts.callers if one.provider == integration.provider]
    refused = [one for one in facts.refused if one.provider == integration.provider and _lasts(one, facts)]
    if not integration.enabled:
        since = [one for one in refused if one.kind == "integration_disabled" and one.last_at >= integration.updated_at]
        return _of_integration("integration_disabled", integration, since)
    found = []
    for kind in _OF_INTEGRATION:
        waiting = [one.name for one in callers if _waits(one)][:MOST_WAITING]
        rows = [one for one in refused if one.kind == kind]
        found += _of_integration(kind, integration, rows, **({"waiting_accounts": waiting} if waiting else {}))
    anonymous = bool(found)
    by_id = {one.id: one for one in callers}
    concerned = [(one, by_id[one.subject]) for one in refused if one.subject in by_id]
    found += [finding for one, caller in concerned for finding in _of_account(one, caller, integration, facts)]
    subjects = {finding.subject.id for finding in found}
    found += [finding for one in callers if one.id not in subjects for finding in _outdated(one)]
    return found if anonymous else found + _never_called(integration, callers, facts.now, subjects)


def _lasts(refused: Refused, facts: AtsArea) -> bool:
    """Returns whether no good call has ended refused calls; if that is open, whether they came back after one."""
    if facts.now - refused.last_at > FORGOTTEN:
        return False
    ended = how_ended(refused, facts.callers)
    return ended is Ended.NO or (ended is Ended.PERHAPS and bool(refused.detail.get("returned")))


def _of_integration(kind: str, integration: Integration, rows: Sequence[Refused], **proof: Any) -> list[Finding]:
    """Returns one finding for all refused calls of a kind, with the data of the latest."""
    if not rows:
        return []
    latest = max(rows, key=lambda one: one.last_at)
    subject = about_integration(integration.provider)
    count = min(MOST_COUNTED, sum(one.count for one in rows))
    since = min(one.first_at for one in rows)
    return [_finding(kind, subject, latest, proof, count=count, since=since)]


def _of_account(one: Refused, caller: Caller, integration: Integration, facts: AtsArea) -> list[Finding]:
    """Returns the finding about refused calls with a key of an account, or with a copy of it."""
    proof: dict[str, Any] = {}
    severity: Severity | None = None
    if one.kind == "token_rotated":
        severity = "error"
        proof["valid_until"] = stamp(from_ms(one.detail["valid_until"]))
    if one.kind == "tenant_mismatch":
        if one.detail["tenant_id"] == integration.tenant_id:
            return []  # corrected in the configuration
        proof["expected_tenant_id"] = integration.tenant_id
    if one.kind in ("tenant_mismatch", "tenant_missing"):
        urls = discover()[one.provider].endpoints(facts.public_url, integration.tenant_id)
        proof["expected_url"] = urls.get(str(one.detail["call"])) or next(iter(urls.values()))
    subject = Subject("account", caller.id, caller.name)
    return [_finding(one.kind, subject, one, proof, severity=severity, account_id=caller.id)]


def _finding(
    kind: str,
    subject: Subject,
    latest: Refused,
    proof: dict[str, Any],
    *,
    count: int | None = None,
    since: datetime | None = None,
    severity: Severity | None = None,
    account_id: str | None = None,
) -> Finding:
    count = latest.count if count is None else count
    detail = {name: value for name, value in latest.detail.items() if value is not None and name != "returned"}
    return find(
        f"ats.{kind}",
        subject,
        ats=get_ats_name(latest.provider),
        severity=severity,
        proof={**detail, **proof, "count": count, "last_at": stamp(latest.last_at)},
        since=since or latest.first_at,
        last_seen_at=latest.last_at,
        count=count,
        count_is="at_least" if count >= MOST_COUNTED else "exact",
        account_id=account_id,
    )


def _outdated(caller: Caller) -> list[Finding]:
    """Finds an account whose ATS still calls with the token that was replaced, while that one is valid."""
    if caller.is_deleted or len(caller.tokens) < 2:
        return []
    newest, old = caller.tokens[-1], max(caller.tokens[:-1], key=_last_use)
    if old.last_used_at is None or old.expires_at is None:
        return []
    if old.last_used_at < newest.created_at or _last_use(newest) >= old.last_used_at:
        return []
    return [
        find(
            "ats.token_rotated",
            Subject("account", caller.id, caller.name),
            ats=get_ats_name(caller.provider),
            proof={
                "rotated_at": stamp(newest.created_at),
                "valid_until": stamp(old.expires_at),
                "last_at": stamp(old.last_used_at),
            },
            since=newest.created_at,
            last_seen_at=old.last_used_at,
            account_id=caller.id,
        )
    ]


def _last_use(token: TokenUse) -> datetime:
    return token.last_used_at or datetime.min.replace(tzinfo=token.created_at.tzinfo)


def _never_called(
    integration: Integration, callers: Sequence[Caller], now: datetime, found: set[str | None]
) -> list[Finding]:
    """Finds the linked accounts whose ATS has not called yet, those that wait longest first."""
    waiting = sorted((one for one in callers if _waits(one)), key=lambda one: one.created_at)
    findings = []
    for one in waiting[:MOST_WAITING]:
        if one.id in found:
            continue
        since = max(one.created_at, integration.created_at)
        findings.append(
            find(
                "ats.never_called",
                Subject("account", one.id, one.name),
                ats=get_ats_name(one.provider),
                severity="warning" if now - since > PATIENCE else "notice",
                proof={"account": one.name, "since": stamp(since), "tenant_id": integration.tenant_id},
                since=since,
                account_id=one.id,
            )
        )
    return findings


def _waits(caller: Caller) -> bool:
    return caller.is_linked and not (caller.is_deleted or caller.is_paused) and caller.called_at is None
