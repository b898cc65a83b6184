"""The one JSON shape of a finding, for the API, the command line and events."""

from __future__ import annotations

from typing import Any

from greenroom.model.events import stamp
from greenroom.model.findings import Finding


def show(finding: Finding, public_url: str) -> dict[str, Any]:
    """Returns a finding as JSON values; `docs` is the address of the page about its cause."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "subject": {"type": finding.subject.type, "id": finding.subject.id, "name": finding.subject.name},
        "title": finding.title,
        "cause": finding.cause,
        "proof": dict(finding.proof),
        "next_step": finding.next_step,
        "who": finding.who,
        "since": finding.since and stamp(finding.since),
        "last_seen_at": finding.last_seen_at and stamp(finding.last_seen_at),
        "count": finding.count,
        "count_is": finding.count_is,
        "docs": f"{public_url}/docs/causes#{finding.code}",
    }
