"""Setup: the guide's checklist, which checks itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.catalog import Catalog
from greenroom.connectors import discover
from greenroom.connectors.contract import Connector
from greenroom.doctor.checks import with_findings
from greenroom.model.check_labels import SECTIONS
from greenroom.model.checks import CheckResult
from greenroom.services import checks
from greenroom.web import findings, kit
from greenroom.web.access import Visit

#: how the pages show each state: a name in `formats.LOOKS`, and a segment of the progress bar
LOOKS = {"done": "done", "action_needed": "action", "waiting": "waiting", "cannot_check": "todo"}
SEGMENTS = {"done": "done", "action_needed": "bad", "waiting": "wait", "cannot_check": ""}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.in_project("/setup", show_checklist),
        kit.in_project("/setup/run", run_all, role="developer", methods=("POST",)),
        kit.in_project("/setup/{provider}/{code}/confirm", confirm, role="developer", methods=("POST",)),
        kit.in_project("/setup/{provider}/{code}/withdraw", withdraw, role="developer", methods=("POST",)),
    ]


async def show_checklist(visit: Visit) -> Response:
    """Shows every check with its evidence, and the next step of those that are not done."""
    found = await _run(visit)
    connector = discover()[found.ats.provider]
    return kit.render(
        visit,
        "setup/checklist.html",
        live=any(one.state == "waiting" for one in found.results),
        found=found,
        sections=[(title, [one for one in found.results if one.section == title]) for title in SECTIONS],
        kind_of=_kind,
        segments=[SEGMENTS[one.state] for one in found.results],
        summary=_summarize(found.results, found.ats.name),
        first_problem=next((one.code for one in found.results if one.state == "action_needed"), None),
        endpoints=shown_endpoints(visit, connector, found),
    )


async def run_all(visit: Visit) -> Response:
    """Calls the list endpoint, if there is one, and shows the checklist with its answer."""
    found = await _run(visit)
    if found.integration is None or not found.integration.packages_url:
        return kit.redirect(visit, f"{visit.base}/setup", notice="Checked. There is no list endpoint to call.")
    catalog: Catalog = visit.request.app.state.catalog
    probe = await catalog.test_linked(found.integration)
    said = f"answered {probe.status} in {probe.ms} ms" if probe.status else "did not answer"
    return kit.redirect(visit, f"{visit.base}/setup", notice=f"Checked. Your list endpoint {said}.")


async def confirm(visit: Visit) -> Response:
    """Records that the person confirms a check which Greenroom cannot observe."""
    code = visit.param("code")
    await checks.confirm(visit.ctx, visit.project.id, _provider(visit), code, by=visit.person.name)
    return kit.redirect(visit, f"{visit.base}/setup#{code}", notice="Confirmed.")


async def withdraw(visit: Visit) -> Response:
    """Deletes a confirmation."""
    code = visit.param("code")
    await checks.withdraw(visit.ctx, visit.project.id, _provider(visit), code)
    return kit.redirect(visit, f"{visit.base}/setup#{code}", notice="The confirmation was withdrawn.")


def shown_endpoints(visit: Visit, connector: Connector, found: checks.Checklist) -> list[tuple[str, Any, str]]:
    """Returns the name, the latest call and the URL of each endpoint that the ATS calls."""
    tenant = found.integration.tenant_id if found.integration else None
    urls = connector.endpoints(visit.ctx.settings.public_url, tenant)
    return [(call, found.called[call].at if call in found.called else None, url) for call, url in urls.items()]


async def _run(visit: Visit) -> checks.Checklist:
    known = [checks.Ats(key, one.manifest.name, one.manifest.calls) for key, one in discover().items()]
    asked = visit.request.query_params.get("provider")
    found = await checks.run(visit.ctx, visit.project.id, known, asked if asked in discover() else None)
    return with_findings(found, await findings.read(visit))


def _provider(visit: Visit) -> str:
    provider = visit.param("provider")
    return provider if provider in discover() else sorted(discover())[-1]


def _kind(one: CheckResult) -> str:
    return "manual" if one.state == "cannot_check" and one.by_hand else LOOKS[one.state]


def _summarize(results: Sequence[CheckResult], ats: str) -> str:
    """Returns one sentence about the checks that are not done."""
    count = {state: sum(one.state == state for one in results) for state in LOOKS}
    if count["done"] == len(results):
        return "You are live. Every step of the guide is done."
    parts = []
    if count["action_needed"]:
        parts.append(f"{count['action_needed']} {'needs' if count['action_needed'] == 1 else 'need'} you")
    if count["waiting"]:
        parts.append(f"{count['waiting']} {'waits' if count['waiting'] == 1 else 'wait'} for {ats}")
    if count["cannot_check"]:
        parts.append(f"{count['cannot_check']} not observed yet")
    return ", ".join(parts) + "."
