"""*All Jobs*, a job's setup, its interview plan and its pipeline."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.services import company, views
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import page, see, shown, visitor, world_of

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
