"""Project settings: pages of a project."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.web import kit
from greenroom.web.access import Visit


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.in_project("/settings", show_list)]


async def show_list(visit: Visit) -> Response:
    """Shows the page."""
    return kit.render(visit, "settings/list.html")
