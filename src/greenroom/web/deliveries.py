"""Deliveries: one delivery with its attempts."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.services import lookup
from greenroom.web import kit
from greenroom.web.access import Visit


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.route("/deliveries/{id}", find_delivery)]


async def find_delivery(visit: Visit) -> Response:
    """Redirects to the delivery's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "deliveries", visit.param("id"))
    return kit.into_project(visit, project_id, f"/deliveries/{visit.param('id')}")
