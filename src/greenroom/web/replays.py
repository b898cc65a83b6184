"""Replays: a webhook's replays and their progress."""

from __future__ import annotations

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return []
