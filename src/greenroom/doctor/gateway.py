"""Causes that concern the installation. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from greenroom.doctor.catalogue import find
from greenroom.model.events import stamp
from greenroom.model.findings import Finding, Severity, Subject
from greenroom.outbound.addresses import is_public, literal
from greenroom.outbound.urls import public_problem
from greenroom.services.gateway_facts import GatewayArea

SUBJECT = Subject("installation")
#: seconds that a delivery may be due before it shows that nobody delivers
OVERDUE_S = 30
#: seconds by which clocks may differ, and from which on nothing is sent (see `engine.clock`)
CLOCK_S, CLOCK_STOPS_S = 5.0, 60.0
#: least free bytes, or this part of a small disk; a tenth of either is an error
LEAST_FREE, LEAST_PART = 2**30, 0.1


def judge(facts: GatewayArea) -> list[Finding]:
    """Returns the findings about the installation."""
    return [*_public_url(facts), *_no_worker(facts), *_clock_skew(facts), *_disk_low(facts), *_mail_failing(facts)]


def migration_pending(revision: str | None, pending: Sequence[str]) -> Finding:
    """Returns the finding that the database lacks revisions, which is the only one then."""
    proof = {"revision": revision, "expected": pending[-1], "pending": list(pending)}
    return find("gateway.migration_pending", SUBJECT, proof=proof)


def _public_url(facts: GatewayArea) -> list[Finding]:
    url, found = facts.public_url, []
    if not facts.allow_http and urlsplit(url).scheme != "https":
        found.append(find("gateway.public_url_not_https", SUBJECT, proof={"public_url": url}))
    elsewhere = [(host, at) for host, at in facts.hosts if host != _host(url) and _is_evidence(host)]
    proof: dict[str, Any] = {"public_url": url}
    if elsewhere:
        proof |= {"host": elsewhere[0][0], "hosts": sorted({host for host, _at in elsewhere})[:20]}
    if not facts.allow_http and _is_private(url):
        return [*found, find("gateway.public_url_private", SUBJECT, proof=proof)]
    if elsewhere:
        times = [at for _host, at in elsewhere]
        found.append(
            find("gateway.public_url_mismatch", SUBJECT, proof=proof, since=min(times), last_seen_at=max(times))
        )
    return found


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _is_private(url: str) -> bool:
    """Returns whether a URL's host is private; names for documentation (`.example`) are taken for public ones."""
    host = _host(url)
    shown = f"[{host}]" if ":" in host else host
    return not host.endswith(".example") and public_problem(f"https://{shown}") is not None


def _is_evidence(host: str) -> bool:
    """Returns whether a call's host may be one that the ATS knows: a proxy may send its own name of this process."""
    address = literal(host)
    return "." in host if address is None else is_public(address)


def _no_worker(facts: GatewayArea) -> list[Finding]:
    if facts.workers or facts.overdue_s <= OVERDUE_S:
        return []
    proof: dict[str, Any] = {"overdue_s": round(facts.overdue_s), "workers": 0}
    if facts.last_worker_at:
        proof["last_worker_at"] = stamp(facts.last_worker_at)
    return [find("gateway.no_worker", SUBJECT, proof=proof, since=facts.last_worker_at)]


def _clock_skew(facts: GatewayArea) -> list[Finding]:
    worst = max(facts.clocks, key=lambda one: abs(one.ahead_s), default=None)
    if worst is None or abs(worst.ahead_s) < CLOCK_S:
        return []
    severity: Severity = "error" if abs(worst.ahead_s) > CLOCK_STOPS_S else "warning"
    proof = {"seconds": round(worst.ahead_s, 1), "process": worst.process}
    return [find("gateway.clock_skew", SUBJECT, severity=severity, proof=proof)]


def _disk_low(facts: GatewayArea) -> list[Finding]:
    if facts.disk is None:
        return []
    least = min(LEAST_FREE, int(facts.disk.total * LEAST_PART))
    if facts.disk.free >= least:
        return []
    severity: Severity = "error" if facts.disk.free < least // 10 else "warning"
    proof = {"free_bytes": facts.disk.free, "least_bytes": least}
    return [find("gateway.disk_low", SUBJECT, severity=severity, proof=proof)]


def _mail_failing(facts: GatewayArea) -> list[Finding]:
    mails = facts.mails
    if mails is None:
        return []
    proof = {"reason": mails.reason, "recipients": mails.recipients}
    since, last = mails.since, mails.last_failed_at
    return [find("gateway.mail_failing", SUBJECT, proof=proof, since=since, last_seen_at=last)]
