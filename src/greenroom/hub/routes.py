"""Every route of the hub."""

from __future__ import annotations

from starlette.routing import BaseRoute

from greenroom.hub import accounts, assets, attempts, connectors, logos, pages, sessions


def build_routes() -> list[BaseRoute]:
    """Returns the routes of the hub's API and pages."""
    nouns = (sessions, connectors, accounts, attempts, logos, assets, pages)
    return [route for noun in nouns for route in noun.routes()]
