"""
Causes of package lists that recruiters do not see, or see wrongly. No I/O.

An integer id is no fault: it is read as text, and recruiters see it. A connection that is closed, reset or not answered
in HTTP counts as refused, which is the only cause of the catalogue for an endpoint that cannot be talked to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, TypeVar
from urllib.parse import urlsplit

from greenroom.doctor.catalogue import about_integration, causes, find
from greenroom.doctor.transport import get_tls_reason
from greenroom.model.events import stamp
from greenroom.model.findings import Finding
from greenroom.model.integrations import Integration
from greenroom.model.list_calls import ListCall
from greenroom.services.package_facts import GoodList, ListFailure, PackageSource

#: 95 % of the answers must be faster, in ms; the limit of a call is 5 s
SLOW_MS = 2500
#: accounts that a proof names
NAMED = 20
CLOSED = "Recruiters cannot open the test dialog"
PAGE_TOO_LONG = f"{CLOSED}: a page of your package list is too long"

Timed = TypeVar("Timed", bound=GoodList | ListFailure)


def judge(sources: Sequence[PackageSource]) -> list[Finding]:
    """Returns the findings about the package lists of a project."""
    return [finding for one in sources for finding in _judge(one)]


def _judge(source: PackageSource) -> list[Finding]:
    integration = source.integration
    if not integration.packages_url:
        if integration.package_id or source.has_published:
            return []
        proof = {"packages_url": None, "package_id": None, "published": 0}
        return [
            find(
                "packages.no_source", about_integration(integration.provider), proof=proof, since=integration.updated_at
            )
        ]
    failures = [one for one in source.failures if not _is_answered(one, integration)]
    current = _current(source, failures)
    return [
        *_failing(integration, failures, {one.account_id for one in source.lists}),
        *_stale(integration, failures, source.lists),
        *_wrong(integration, current),
        *_echoes(integration, [*failures, *current]),
        *_slow(source),
    ]


def _is_answered(failure: ListFailure, integration: Integration) -> bool:
    """Returns whether the configuration, and with it the API key, changed after a failure for the key."""
    return failure.cause == "unauthorized" and integration.updated_at > failure.at


def _current(source: PackageSource, failures: Sequence[ListFailure]) -> list[GoodList]:
    """
    Returns the latest good answer for each account whose list does not fail.

    A good test shows that earlier faults are repaired, for all accounts.
    """
    test, failing = source.test, {one.account_id for one in failures}
    found = {one.account_id: one for one in source.lists if test is None or one.at >= test.at}
    if test is not None and test.account_id not in found and (test.account_id or not found):
        found[test.account_id] = test
    return [one for one in found.values() if one.account_id not in failing]


def _failing(integration: Integration, failures: Sequence[ListFailure], kept: set[str]) -> list[Finding]:
    """Finds why the list endpoint has no usable answer, once for each cause; `kept` are the accounts with a list."""
    found = []
    for cause in dict.fromkeys(one.cause for one in failures):
        same = [one for one in failures if one.cause == cause]
        latest = _newest(same)
        accounts = {one.account_id: one.account for one in same if one.account_id}
        code = f"packages.{cause}"
        found.append(
            find(
                code,
                about_integration(integration.provider),
                title=_title(code, is_kept=kept.issuperset(one.account_id for one in same)),
                severity="error" if cause == "too_many" else None,
                cause=latest.call.reason if latest.call.problem in ("bad_url", "reset", "protocol") else None,
                proof=_proof(cause, latest.call) | _named(accounts),
                since=min(one.since for one in same),
                last_seen_at=latest.at,
                count=sum(one.count for one in same),
                account_ids=tuple(accounts),
            )
        )
    return found


def _title(code: str, *, is_kept: bool) -> str:
    """Returns the title of a failure; recruiters whose last good list is kept can open the dialog."""
    title = PAGE_TOO_LONG if code == "packages.too_many" else causes()[code].title
    return title.replace(CLOSED, "Recruiters see an old package list", 1) if is_kept else title


def _proof(cause: str, call: ListCall) -> dict[str, Any]:
    proof: dict[str, Any] = {"url": call.url, "status": call.status, "ms": call.ms}
    if call.problem in ("http_status", "not_json"):
        proof |= {"target": call.target, "answer": call.first_line}
    if call.path is not None:
        proof |= {"path": call.path, "expected": call.expected, "found": call.found}
    elif call.problem != "http_status":
        proof |= {"host": urlsplit(call.url).hostname, "error": call.reason}
    if cause == "tls":
        proof["reason"] = get_tls_reason(call.reason)
    return {name: value for name, value in proof.items() if value is not None}


def _stale(integration: Integration, failures: Sequence[ListFailure], lists: Sequence[GoodList]) -> list[Finding]:
    """Finds the accounts whose recruiters see the last good list because the endpoint fails."""
    kept = {one.account_id: one for one in lists}
    stale = [(one, kept[one.account_id]) for one in failures if one.account_id in kept]
    if not stale:
        return []
    oldest = min((good for _, good in stale), key=lambda one: one.at)
    accounts = {good.account_id: good.account for _, good in stale}
    proof = {
        "list_from": stamp(oldest.at),
        "packages": oldest.call.count,
        "because": sorted({f"packages.{one.cause}" for one, _ in stale}),
    }
    return [
        find(
            "packages.stale",
            about_integration(integration.provider),
            proof=proof | _named(accounts),
            since=min(one.since for one, _ in stale),
            last_seen_at=max(one.at for one, _ in stale),
            count=len(stale),
            account_ids=tuple(accounts),
        )
    ]


def _wrong(integration: Integration, lists: Sequence[GoodList]) -> list[Finding]:
    """Finds faults in lists that can be read, which recruiters see."""
    remarks = [(one, _remarks(one.call)) for one in lists]
    found = []
    for code in dict.fromkeys(code for _, said in remarks for code in said):
        those = {id(one): said[code] for one, said in remarks if code in said}
        wrong = [one for one in lists if id(one) in those]
        found.append(_about(code, integration, wrong, those[id(_newest(wrong))]))
    return found


def _remarks(call: ListCall) -> dict[str, dict[str, Any]]:
    """Returns the causes in a good list, each with its facts."""
    found: dict[str, dict[str, Any]] = {}
    if not call.count:
        found["packages.empty"] = {"packages": 0}
    if call.duplicate_names:
        found["packages.duplicate_names"] = {"names": list(call.duplicate_names), "shown": list(call.shown)}
    if call.duplicate_ids:
        found["packages.duplicate_ids"] = {"ids": list(call.duplicate_ids), "packages": call.count}
    if call.cut:
        found["packages.too_many"] = {"limit": call.cut, "packages": call.count}
    return found


def _echoes(integration: Integration, calls: Sequence[GoodList | ListFailure]) -> list[Finding]:
    """Finds answers, usable or not, that repeat the API key of the endpoint."""
    those = [one for one in calls if one.call.repeats_credential]
    facts = {"credential": "packages_api_key"}
    return [_about("packages.echoes_credential", integration, those, facts)] if those else []


def _slow(source: PackageSource) -> list[Finding]:
    """
    Finds an endpoint whose answers come close to the time limit, from the answers since the latest good test.

    A single slow answer counts as long as it is the latest one.
    """
    test = source.test
    lists = [*source.lists, *([test] if test else [])]
    answers = sorted({one for each in lists for one in each.durations if test is None or one[0] >= test.at})
    slow = [one for one in answers if one[1] > SLOW_MS]
    if not slow or (len(slow) == 1 and answers[-1] != slow[0]):
        return []
    ordered = sorted(ms for _, ms in answers)
    p95 = ordered[ceil(0.95 * len(ordered)) - 1]
    if p95 <= SLOW_MS:
        return []
    proof = {"url": lists[0].call.url, "p95_ms": p95, "answers": len(answers), "slow": len(slow), "limit_ms": 5000}
    return [
        find(
            "packages.slow",
            about_integration(source.integration.provider),
            proof=proof,
            since=slow[0][0],
            last_seen_at=slow[-1][0],
            count=len(slow),
        )
    ]


def _about(
    code: str, integration: Integration, those: Sequence[GoodList | ListFailure], facts: Mapping[str, Any]
) -> Finding:
    newest = _newest(those)
    accounts = {one.account_id: one.account for one in those if one.account_id and one.account}
    return find(
        code,
        about_integration(integration.provider),
        proof={"url": newest.call.url, **facts} | _named(accounts),
        since=min(one.at for one in those),
        last_seen_at=newest.at,
        count=len(those),
        account_ids=tuple(accounts),
    )


def _newest(those: Sequence[Timed]) -> Timed:
    return max(those, key=lambda one: one.at)


def _named(accounts: Mapping[str, str]) -> dict[str, Any]:
    return {"accounts": sorted(accounts.values())[:NAMED]} if accounts else {}
