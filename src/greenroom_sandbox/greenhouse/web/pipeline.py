"""The page of a job's pipeline."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.greenhouse.services import views
from greenroom_sandbox.greenhouse.web.jobs import get_job, render_setup
from greenroom_sandbox.greenhouse.web.pages import get_world, page
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import MOST_ROWS

routes = web.RouteTableDef()


@routes.get("/jobs/{id}/candidates")
@page
async def pipeline(request: web.Request) -> web.StreamResponse:
    """Lists the candidates of each stage with the status of their tests."""
    job, given = get_job(request), forms.query(request)
    values: dict[str, Any] = {name: given.number(name) for name in ("sent", "failed")}
    values["chosen"] = given.number("stage_id")
    values["stages"] = views.pipeline(get_world(request), job.id)
    return render_setup(request, "pipeline.html", job, most=MOST_ROWS, **values)
