"""The pages of a job's interview plan."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.model.hiring import Job, Stage
from greenroom_sandbox.greenhouse.services import company, sending
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.jobs import get_job, render_setup
from greenroom_sandbox.greenhouse.web.pages import get_world, page
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number, redirect

routes = web.RouteTableDef()


@routes.get("/jobs/{id}/plan")
@page
async def interview_plan(request: web.Request) -> web.StreamResponse:
    """Lists the stages in order."""
    world, job = get_world(request), get_job(request)
    stages = [
        (stage, world.partners.find(stage.partner_id or 0), _names(world, stage)) for stage in world.get_plan(job.id)
    ]
    return render_setup(request, "plan.html", job, stages=stages)


@routes.get("/jobs/{id}/plan/add")
@page
async def add_stage_dialog(request: web.Request) -> web.StreamResponse:
    """Shows *Add Stage* with its choices."""
    return _add_stage(request, None)


@routes.post("/jobs/{id}/plan/add")
@page
async def add_stage(request: web.Request) -> web.StreamResponse:
    """Adds the chosen stage, or a copy of another job's."""
    world, job, given = get_world(request), get_job(request), await forms.read(request)
    try:
        stage = _added(world, job, given)
    except Refused as error:
        return _add_stage(request, error)
    return redirect(f"/jobs/{job.id}/plan", "stage-added", anchor=f"stage-{stage.id}")


def _added(world: World, job: Job, given: forms.Form) -> Stage:
    copied = given.number("copy_of")
    if copied is not None:
        return company.copy_stage(world, job.id, copied)
    options = company.stage_options(world, job.id)
    chosen = next((option for option in options if _choice(option) == given.text("stage")), None)
    if chosen is None:
        raise Refused("must be one of the list", "stage")
    return company.add_stage(world, job.id, chosen["kind"], chosen["partner_id"], given.optional("name"), None)


def _add_stage(request: web.Request, error: Refused | None) -> web.Response:
    world, job = get_world(request), get_job(request)
    options = [(_choice(option), option) for option in company.stage_options(world, job.id)]
    others = [
        (stage.id, f"{other.name}: {stage.name}")
        for other in world.jobs.all()
        for stage in world.get_plan(other.id)
        if other.organization_id == job.organization_id and other.id != job.id
    ]
    status = error.status if error else 200
    return render_setup(request, "stage_add.html", job, status, options=options, others=others, error=error)


def _choice(option: dict[str, Any]) -> str:
    return f"{option['kind']}:{option['partner_id'] or ''}"


@routes.get("/stages/{id}/edit")
@page
async def edit_stage(request: web.Request) -> web.StreamResponse:
    """Shows the form of a stage.

    A partner's stage has *Edit Take Home Test*, which calls ``list_tests``; other stages have only a name.
    """
    return await _edit_stage(request, None)


@routes.post("/stages/{id}/edit")
@page
async def save_stage(request: web.Request) -> web.StreamResponse:
    """Saves a stage."""
    world, given = get_world(request), await forms.read(request)
    stage = world.stages.get(get_number(request))
    try:
        changes: dict[str, Any] = {"name": given.required("name")}
        if stage.partner_id is not None:
            grader_ids = given.numbers("grader_ids")
            if not grader_ids:
                raise Refused("must have at least one person", "grader_ids")
            changes |= {"default_test_id": given.optional("default_test_id"), "grader_ids": grader_ids}
            changes["send_on_entry"] = given.on("send_on_entry")
        company.change_stage(world, stage.id, changes)
    except Refused as error:
        return await _edit_stage(request, error)
    return redirect(f"/jobs/{stage.job_id}/plan", "saved", anchor=f"stage-{stage.id}")


async def _edit_stage(request: web.Request, error: Refused | None) -> web.Response:
    world = get_world(request)
    stage = world.stages.get(get_number(request))
    job = world.jobs.get(stage.job_id)
    usable = stage.partner_id is not None and company.is_enabled(world, job.organization_id, stage.partner_id)
    dialog = await sending.stage_tests(request.app[SIMULATOR], stage.id) if usable else None
    people = [one for one in world.users.all() if one.organization_id == job.organization_id]
    status = error.status if error else 200
    return render_setup(request, "stage_edit.html", job, status, stage=stage, dialog=dialog, people=people, error=error)


@routes.post("/stages/{id}/move")
@page
async def move_stage(request: web.Request) -> web.StreamResponse:
    """Moves a stage up or down by one position."""
    world, given = get_world(request), await forms.read(request)
    stage = world.stages.get(get_number(request))
    step = -1 if given.one_of("direction", ("up", "down")) == "up" else 1
    company.change_stage(world, stage.id, {"position": max(0, stage.position + step)})
    return redirect(f"/jobs/{stage.job_id}/plan", "stage-moved", anchor=f"stage-{stage.id}")


@routes.post("/stages/{id}/delete")
@page
async def remove_stage(request: web.Request) -> web.StreamResponse:
    """Removes a stage from the plan."""
    world = get_world(request)
    stage = world.stages.get(get_number(request))
    company.remove_stage(world, stage.id)
    return redirect(f"/jobs/{stage.job_id}/plan", "stage-removed")


def _names(world: World, stage: Stage) -> list[str]:
    return [user.name for user_id in stage.grader_ids if (user := world.users.find(user_id))]
