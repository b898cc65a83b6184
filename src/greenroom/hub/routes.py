"""Every route of the hub."""

from __future__ import annotations

from starlette.routing import BaseRoute

from greenroom.hub import accounts, attempts, connectors, logos, sessions


def build_routes() -> list[BaseRoute]:
    """Returns the routes of the hub's API."""
    return [*sessions.routes(), *connectors.routes(), *accounts.routes(), *attempts.routes(), *logos.routes()]
