"""Webhooks: pages of a project."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.services import lookup
from greenroom.web import kit
from greenroom.web.access import Visit


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.in_project("/webhooks", show_list), kit.route("/webhooks/{id}", find_webhook)]


async def show_list(visit: Visit) -> Response:
    """Shows the page."""
    return kit.render(visit, "webhooks/list.html")


async def find_webhook(visit: Visit) -> Response:
    """Redirects to the webhook's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "webhooks", visit.param("id"))
    return kit.into_project(visit, project_id, f"/webhooks/{visit.param('id')}")
