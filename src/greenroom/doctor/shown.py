"""The one JSON shape of a finding and of a check, for the API, the command line and events."""

from __future__ import annotations

from typing import Any

from greenroom.model.checks import CheckResult
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


def show_check(check: CheckResult, project_id: str, public_url: str) -> dict[str, Any]:
    """Returns a check of the set-up checklist as JSON values; the action's address is that of its page."""
    action = check.action
    return {
        "id": check.code,
        "section": check.section,
        "title": check.title,
        "state": check.state,
        "evidence": check.evidence,
        "checked_at": check.at and stamp(check.at),
        "codes": list(check.codes),
        "action": action and {"label": action.label, "url": public_url + action.path(project_id)},
        "help": list(check.help),
        "by_hand": check.by_hand,
    }
