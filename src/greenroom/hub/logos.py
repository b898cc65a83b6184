"""A neutral mark for each provider, so that no page asks another host for its logo."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover
from greenroom.context import Context

PATH = "/hub/logos/{provider}.svg"


def routes() -> list[BaseRoute]:
    """Returns the route of the marks."""
    return [Route(PATH, show, methods=["GET"])]


def get_url(ctx: Context, provider: str) -> str:
    """Returns the absolute URL of a provider's mark."""
    return ctx.settings.public_url + PATH.format(provider=provider)


async def show(request: Request) -> Response:
    """Answers with the first letter of the provider's name in a square."""
    connector = discover().get(request.path_params["provider"])
    if connector is None:
        return Response(status_code=404)
    letter = escape(connector.manifest.name[:1].upper())
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" '
        'fill="#47524d"/><text x="20" y="27" font-family="sans-serif" font-size="20" font-weight="600" '
        f'text-anchor="middle" fill="#ffffff">{letter}</text></svg>'
    )
    headers = {"cache-control": "public, max-age=86400", "cross-origin-resource-policy": "cross-origin"}
    return Response(drawn, media_type="image/svg+xml", headers=headers)
