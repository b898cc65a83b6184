"""A job's pipeline."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.services import views
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.jobs import job_of, setup
from greenroom_sandbox.web.pages import MOST_ROWS, page, world_of

routes = web.RouteTableDef()


@routes.get("/jobs/{id}/candidates")
@page
async def pipeline(request: web.Request) -> web.StreamResponse:
    """Who is in which stage, and what is next for each one's test."""
    job, given = job_of(request), forms.query(request)
    values: dict[str, Any] = {name: given.number(name) for name in ("sent", "failed")}
    values["chosen"] = given.number("stage_id")
    values["stages"] = views.pipeline(world_of(request), job.id)
    return setup(request, "pipeline.html", job, most=MOST_ROWS, **values)
