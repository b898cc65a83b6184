"""The page of the causes that Greenroom tells apart, one anchor for each code; open to everybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.doctor.catalogue import AREAS, WHO, causes
from greenroom.web import kit


def routes() -> list[BaseRoute]:
    """Returns the route of this page."""
    return [Route("/docs/causes", kit.public(show_causes), methods=["GET"])]


async def show_causes(request: Request, _: Context) -> Response:
    """Shows every cause of the catalogue; it has no data of any project."""
    found = [one.named() for one in causes().values()]
    areas = [(area, title, [one for one in found if one.area == area]) for area, title in AREAS.items()]
    return kit.render(request, "docs/causes.html", areas=areas, who=WHO)
