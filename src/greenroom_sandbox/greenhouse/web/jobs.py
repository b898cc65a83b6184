"""The pages *All Jobs* and a job's setup: the overview and the hiring team."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.model.hiring import Job, Role
from greenroom_sandbox.greenhouse.services import company, views
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number, redirect

routes = web.RouteTableDef()


@routes.get("/jobs")
@page
async def all_jobs(request: web.Request) -> web.StreamResponse:
    """Lists the customer's jobs, by a part of the name."""
    who, search = get_visitor(request), forms.query(request).text("search")
    rows = views.jobs(get_world(request), who.organization.id, search)
    return render(request, "jobs.html", who=who, rows=rows, search=search)


@routes.get("/jobs/new")
@page
async def new_job(request: web.Request) -> web.StreamResponse:
    """Shows the form *Create a Job*."""
    return render(request, "job_new.html", given=forms.query(request), error=None)


@routes.post("/jobs/new")
@page
async def create_job(request: web.Request) -> web.StreamResponse:
    """Opens a job with the usual four stages."""
    given, who = await forms.read(request), get_visitor(request)
    try:
        optional = {name: given.optional(name) for name in ("requisition_id", "department", "office")}
        values = {"organization_id": who.organization.id, "name": given.required("name"), **optional}
    except Refused as error:
        return render(request, "job_new.html", error.status, who=who, given=given, error=error)
    job = company.add_job(get_world(request), values)
    return redirect(f"/jobs/{job.id}", "job-created")


@routes.get("/jobs/{id}")
@page
async def overview(request: web.Request) -> web.StreamResponse:
    """Shows a job and the number of candidates in each stage."""
    job = get_job(request)
    stages = views.pipeline(get_world(request), job.id)
    return render_setup(request, "job.html", job, stages=stages)


@routes.get("/jobs/{id}/team")
@page
async def hiring_team(request: web.Request) -> web.StreamResponse:
    """Lists the customer's users by role."""
    return _team(request, forms.query(request), None)


@routes.post("/jobs/{id}/team")
@page
async def add_colleague(request: web.Request) -> web.StreamResponse:
    """Adds a user to the customer."""
    job, given = get_job(request), await forms.read(request)
    try:
        names = given.required("first_name"), given.text("last_name"), given.required("email")
        role = given.one_of("role", get_args(Role))
        company.add_user(get_world(request), job.organization_id, *names, role)
    except Refused as error:
        return _team(request, given, error)
    return redirect(f"/jobs/{job.id}/team", "colleague-added")


def _team(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    job = get_job(request)
    people = [one for one in get_world(request).users.all() if one.organization_id == job.organization_id]
    roles, status = (
        [(role, role.replace("_", " ").capitalize()) for role in get_args(Role)],
        error.status if error else 200,
    )
    return render_setup(request, "team.html", job, status, people=people, roles=roles, given=given, error=error)


def get_job(request: web.Request) -> Job:
    """Returns the job of the request's path."""
    return get_world(request).jobs.get(get_number(request))


def render_setup(request: web.Request, template: str, job: Job, status: int = 200, **values: Any) -> web.Response:
    """Renders a page of a job's setup as a user of the job's customer sees it."""
    return render(request, template, status, who=get_visitor(request, job.organization_id), job=job, **values)
