"""A job's interview plan: its stages, added, edited, moved and removed."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.hiring import Job, Stage
from greenroom_sandbox.services import company, sending
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.jobs import job_of, setup
from greenroom_sandbox.web.pages import number, page, see, world_of
from greenroom_sandbox.world import World

routes = web.RouteTableDef()


@routes.get("/jobs/{id}/plan")
@page
async def interview_plan(request: web.Request) -> web.StreamResponse:
    """The stages in order."""
    world, job = world_of(request), job_of(request)
    stages = [(stage, world.partners.find(stage.partner_id or 0), _names(world, stage)) for stage in world.plan(job.id)]
    return setup(request, "plan.html", job, stages=stages)


@routes.get("/jobs/{id}/plan/add")
@page
async def add_stage_dialog(request: web.Request) -> web.StreamResponse:
    """*Add Stage*: what there is to choose from."""
    return _add_stage(request, None)


@routes.post("/jobs/{id}/plan/add")
@page
async def add_stage(request: web.Request) -> web.StreamResponse:
    """Adds the stage that was chosen, or a copy of another job's."""
    world, job, given = world_of(request), job_of(request), await forms.read(request)
    try:
        stage = _added(world, job, given)
    except Refused as error:
        return _add_stage(request, error)
    return see(f"/jobs/{job.id}/plan", "stage-added", anchor=f"stage-{stage.id}")


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
    world, job = world_of(request), job_of(request)
    options = [(_choice(option), option) for option in company.stage_options(world, job.id)]
    others = [
        (stage.id, f"{other.name}: {stage.name}")
        for other in world.jobs.all()
        for stage in world.plan(other.id)
        if other.organization_id == job.organization_id and other.id != job.id
    ]
    status = error.status if error else 200
    return setup(request, "stage_add.html", job, status, options=options, others=others, error=error)


def _choice(option: dict[str, Any]) -> str:
    return f"{option['kind']}:{option['partner_id'] or ''}"


@routes.get("/stages/{id}/edit")
@page
async def edit_stage(request: web.Request) -> web.StreamResponse:
    """*Edit Take Home Test* for a partner's stage, whose tests are asked for now; the name alone for another."""
    return await _edit_stage(request, None)


@routes.post("/stages/{id}/edit")
@page
async def save_stage(request: web.Request) -> web.StreamResponse:
    """Saves it."""
    world, given = world_of(request), await forms.read(request)
    stage = world.stages.get(number(request))
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
    return see(f"/jobs/{stage.job_id}/plan", "saved", anchor=f"stage-{stage.id}")


async def _edit_stage(request: web.Request, error: Refused | None) -> web.Response:
    world = world_of(request)
    stage = world.stages.get(number(request))
    job = world.jobs.get(stage.job_id)
    usable = stage.partner_id is not None and company.enabled(world, job.organization_id, stage.partner_id)
    dialog = await sending.stage_tests(request.app[SIMULATOR], stage.id) if usable else None
    people = [one for one in world.users.all() if one.organization_id == job.organization_id]
    status = error.status if error else 200
    return setup(request, "stage_edit.html", job, status, stage=stage, dialog=dialog, people=people, error=error)


@routes.post("/stages/{id}/move")
@page
async def move_stage(request: web.Request) -> web.StreamResponse:
    """One place up or down."""
    world, given = world_of(request), await forms.read(request)
    stage = world.stages.get(number(request))
    step = -1 if given.one_of("direction", ("up", "down")) == "up" else 1
    company.change_stage(world, stage.id, {"position": max(0, stage.position + step)})
    return see(f"/jobs/{stage.job_id}/plan", "stage-moved", anchor=f"stage-{stage.id}")


@routes.post("/stages/{id}/delete")
@page
async def remove_stage(request: web.Request) -> web.StreamResponse:
    """Takes it out of the plan."""
    world = world_of(request)
    stage = world.stages.get(number(request))
    company.remove_stage(world, stage.id)
    return see(f"/jobs/{stage.job_id}/plan", "stage-removed")


def _names(world: World, stage: Stage) -> list[str]:
    return [user.name for user_id in stage.grader_ids if (user := world.users.find(user_id))]
