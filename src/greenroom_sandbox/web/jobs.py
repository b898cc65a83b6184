"""*All Jobs*, and a job's setup: the overview and the hiring team."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.hiring import Job, Role
from greenroom_sandbox.services import company, views
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import number, page, see, shown, visitor, world_of

routes = web.RouteTableDef()


@routes.get("/jobs")
@page
async def all_jobs(request: web.Request) -> web.StreamResponse:
    """The customer's jobs, by a part of their name."""
    who, search = visitor(request), forms.query(request).text("search")
    rows = views.jobs(world_of(request), who.organization.id, search)
    return shown(request, "jobs.html", who=who, rows=rows, search=search)


@routes.get("/jobs/new")
@page
async def new_job(request: web.Request) -> web.StreamResponse:
    """*Create a Job*."""
    return shown(request, "job_new.html", given=forms.query(request), error=None)


@routes.post("/jobs/new")
@page
async def create_job(request: web.Request) -> web.StreamResponse:
    """Opens it, with the usual four stages."""
    given, who = await forms.read(request), visitor(request)
    try:
        optional = {name: given.optional(name) for name in ("requisition_id", "department", "office")}
        values = {"organization_id": who.organization.id, "name": given.required("name"), **optional}
    except Refused as error:
        return shown(request, "job_new.html", error.status, who=who, given=given, error=error)
    job = company.add_job(world_of(request), values)
    return see(f"/jobs/{job.id}", "job-created")


@routes.get("/jobs/{id}")
@page
async def overview(request: web.Request) -> web.StreamResponse:
    """What the job is, and how many are in each of its stages."""
    job = job_of(request)
    stages = views.pipeline(world_of(request), job.id)
    return setup(request, "job.html", job, stages=stages)


@routes.get("/jobs/{id}/team")
@page
async def hiring_team(request: web.Request) -> web.StreamResponse:
    """Who works at the customer, by role."""
    return _team(request, forms.query(request), None)


@routes.post("/jobs/{id}/team")
@page
async def add_colleague(request: web.Request) -> web.StreamResponse:
    """Adds somebody."""
    job, given = job_of(request), await forms.read(request)
    try:
        names = given.required("first_name"), given.text("last_name"), given.required("email")
        role = given.one_of("role", get_args(Role))
        company.add_user(world_of(request), job.organization_id, *names, role)
    except Refused as error:
        return _team(request, given, error)
    return see(f"/jobs/{job.id}/team", "colleague-added")


def _team(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    job = job_of(request)
    people = [one for one in world_of(request).users.all() if one.organization_id == job.organization_id]
    roles, status = (
        [(role, role.replace("_", " ").capitalize()) for role in get_args(Role)],
        error.status if error else 200,
    )
    return setup(request, "team.html", job, status, people=people, roles=roles, given=given, error=error)


def job_of(request: web.Request) -> Job:
    """The job in the path."""
    return world_of(request).jobs.get(number(request))


def setup(request: web.Request, template: str, job: Job, status: int = 200, **values: Any) -> web.Response:
    """A page of a job's setup, seen by somebody of the job's customer."""
    return shown(request, template, status, who=visitor(request, job.organization_id), job=job, **values)
