"""The dashboard's static files."""

from __future__ import annotations

from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from greenroom.static_files import StaticFiles, read_files

#: the parts of the stylesheet; each is a cascade layer, and a later one wins
STYLES = ("tokens", "base", "components", "pages")


@cache
def load() -> StaticFiles:
    """Returns all static files."""
    found = dict(read_files(resources.files("greenroom.web").joinpath("static")))
    styles = b"\n".join(found.pop(f"css/{name}.css") for name in STYLES)
    return StaticFiles("/static", {**found, "greenroom.css": styles})


def url(path: str) -> str:
    """Returns the address of a static file, which changes with any file's content."""
    return load().url(path)


async def serve(request: Request) -> Response:
    """Answers with a static file."""
    return await load().serve(request)
