"""The set-up checklist with the findings that stand against each check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.doctor.diagnosis import diagnose
from greenroom.model.checks import Action, CheckResult
from greenroom.model.findings import Finding
from greenroom.services import checks
from greenroom.services.checks import Ats, Checklist

#: the check that a finding of an area stands against …
_OF_AREA = {
    "ats": "token_used",
    "packages": "packages_source",
    "webhook": "webhook_receives",
    "hiring_team": "authentication_type",
    "result": "result_delivered",
    "order": "result_delivered",
    "gateway": "webhook_receives",
}
#: … except for these codes
_OF_CODE = {
    "ats.tenant_mismatch": "partner_application",
    "ats.tenant_missing": "partner_application",
    "ats.integration_disabled": "authentication_type",
    "ats.account_disconnected": "account_linked",
    "packages.not_json": "packages_format",
    "packages.wrong_shape": "packages_format",
    "packages.invalid_package": "packages_format",
    "packages.empty": "packages_format",
    "packages.duplicate_names": "packages_format",
    "packages.duplicate_ids": "packages_format",
    "packages.too_many": "packages_format",
    "packages.echoes_credential": "packages_format",
    "packages.stale": "packages_listed",
    "webhook.none": "webhook_events",
    "webhook.disabled": "webhook_events",
    "webhook.gone": "webhook_events",
    "webhook.wrong_event": "webhook_events",
    "webhook.other_accounts": "webhook_events",
    "result.no_partner_credentials": "partner_credentials",
    "result.partner_credentials_refused": "partner_credentials",
    "gateway.public_url_not_https": "partner_application",
    "gateway.public_url_private": "partner_application",
    "gateway.public_url_mismatch": "partner_application",
}


def get_check(code: str) -> str:
    """Returns the id of the check that a finding stands against."""
    return _OF_CODE.get(code) or _OF_AREA[code.partition(".")[0]]


async def examine(ctx: Context, project_id: str, provider: str | None = None) -> Checklist:
    """
    Returns the set-up checklist of one integration with the findings against each check; calls nobody.

    An error stands in the way of its check, which then needs an action. Without a provider, this is the project's first
    enabled integration, then its first one.
    """
    known = [Ats(key, one.manifest.name, one.manifest.calls) for key, one in discover().items()]
    return with_findings(await checks.run(ctx, project_id, known, provider), await diagnose(ctx, project_id))


def with_findings(checklist: Checklist, findings: Sequence[Finding]) -> Checklist:
    """Returns a checklist with the findings against each check; those of other integrations are left out."""
    mine = [one for one in findings if _concerns(one, checklist.ats.provider)]
    return replace(checklist, results=[add_findings(one, mine) for one in checklist.results])


def add_findings(check: CheckResult, findings: Sequence[Finding]) -> CheckResult:
    """Returns a check with the findings that stand against it, the most severe first."""
    against = [one for one in findings if get_check(one.code) == check.code]
    check = replace(check, codes=tuple(dict.fromkeys(one.code for one in against)))
    worst = next((one for one in against if one.severity == "error"), None)
    if worst is None or check.state == "action_needed":
        return check
    at = worst.last_seen_at or worst.since
    return replace(check, state="action_needed", evidence=f"{worst.title}.", at=at, action=_action(worst))


def _concerns(finding: Finding, provider: str) -> bool:
    return finding.subject.type != "integration" or finding.subject.id == provider


def _action(finding: Finding) -> Action:
    """Returns the page of the finding's subject."""
    subject = finding.subject
    pages = {
        "integration": Action("Open configuration", f"integrations/{subject.id}/configuration"),
        "account": Action("Open account", f"accounts/{subject.id}"),
        "webhook": Action("Open webhook", f"/webhooks/{subject.id}"),
        "order": Action("Open order", f"/orders/{subject.id}"),
    }
    return pages.get(subject.type, Action("Open setup", "setup"))
