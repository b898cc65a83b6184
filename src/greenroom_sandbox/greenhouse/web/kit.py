"""The pages of the interview kit."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import NotFound
from greenroom_sandbox.greenhouse.model.hiring import Application
from greenroom_sandbox.greenhouse.services import views
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.greenhouse.web.sending import get_profile_path
from greenroom_sandbox.http.frame import get_number

routes = web.RouteTableDef()
#: the last part of a tab's address → its title
TABS = {"": "Grading Instructions", "job": "Job Details", "scorecard": "Scorecard"}


@routes.get("/applications/{id}/stages/{stage_id}/kit")
@routes.get("/applications/{id}/stages/{stage_id}/kit/{tab}")
@page
async def kit_of_stage(request: web.Request) -> web.StreamResponse:
    """Shows the kit of a candidate's stage.

    It has the result that is shown, else the latest test, else *No report yet*.
    """
    world, stage_id = get_world(request), get_number(request, "stage_id")
    application = world.applications.get(get_number(request))
    kit = views.stage_kit(world, application.id, stage_id)
    return _kit(request, application, kit, f"/applications/{application.id}/stages/{stage_id}/kit")


@routes.get("/take-homes/{id}/kit")
@routes.get("/take-homes/{id}/kit/{tab}")
@page
async def kit_of_test(request: web.Request) -> web.StreamResponse:
    """Shows the kit of one test."""
    world = get_world(request)
    test = world.take_homes.get(get_number(request))
    application = world.applications.get(test.application_id)
    return _kit(request, application, views.kit(world, test), f"/take-homes/{test.id}/kit")


def _kit(request: web.Request, application: Application, kit: dict[str, Any], base: str) -> web.Response:
    world, tab = get_world(request), request.match_info.get("tab", "")
    if tab not in TABS:
        raise NotFound("there is nothing at this path")
    candidate, job = world.candidates.get(application.candidate_id), world.jobs.get(application.job_id)
    tabs = [(words, f"{base}/{name}".rstrip("/"), name == tab) for name, words in TABS.items()]
    values: dict[str, Any] = {"kit": kit, "tab": tab, "tabs": tabs, "candidate": candidate, "job": job}
    values["interviews"] = [stage.name for stage in world.get_plan(job.id)]
    who = get_visitor(request, candidate.organization_id)
    return render(request, "kit.html", who=who, application=application, back=get_profile_path(application), **values)
