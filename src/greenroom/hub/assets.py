"""The hub's static files, and `connect.js`, the script that vendors put into their pages."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover
from greenroom.static_files import IMMUTABLE, StaticFiles, read_files

#: how long a browser uses the v1 script without asking again
SCRIPT_CACHE = "public, max-age=300"
#: files of the dashboard that the hub's pages use, too
SHARED = ("fonts/", "icons.svg", "favicon.svg", "chevron.svg")


@dataclass(frozen=True)
class Script:
    """The script for vendors' pages: its content, the path of this very version, and the hash for `integrity`."""

    content: bytes
    path: str
    integrity: str


@cache
def load_script() -> Script:
    """Returns `connect.js` without comments and indentation."""
    source = resources.files("greenroom.hub").joinpath("static", "connect.js").read_text(encoding="ascii")
    lines = (line.strip() for line in source.splitlines())
    content = "\n".join(line for line in lines if line and not line.startswith("//")).encode()
    digest = hashlib.sha384(content).digest()
    return Script(content, f"/hub/v1/connect.{digest.hex()[:12]}.js", f"sha384-{base64.b64encode(digest).decode()}")


@cache
def load() -> StaticFiles:
    """Returns the static files of the hub's pages; the colours are the dashboard's."""
    shared = dict(read_files(resources.files("greenroom.web").joinpath("static")))
    found = dict(read_files(resources.files("greenroom.hub").joinpath("static")))
    del found["connect.js"]
    contents = {path: content for path, content in shared.items() if path.startswith(SHARED)}
    guides = {
        f"guides/{provider}.{language}.json": json.dumps([asdict(step) for step in steps]).encode()
        for provider, connector in discover().items()
        for language, steps in connector.manifest.guide.items()
    }
    texts = {f"texts/{language}.json": json.dumps(text).encode() for language, text in load_texts().items()}
    style = shared["css/tokens.css"] + b"\n" + found["hub.css"]
    return StaticFiles("/hub/static", {**contents, **found, **guides, **texts, "hub.css": style})


@cache
def load_texts() -> Mapping[str, Mapping[str, str]]:
    """Returns the texts of the hub's pages by language and key; each file in `texts/` is a language."""
    folder = resources.files("greenroom.hub").joinpath("texts")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    return {one.name.removesuffix(".json"): json.loads(one.read_text(encoding="utf-8")) for one in files}


def routes() -> list[BaseRoute]:
    """Returns the routes of the script and of the static files."""
    return [
        Route("/hub/v1/connect.js", serve_script, methods=["GET"]),
        Route("/hub/v1/connect.{version}.js", serve_script, methods=["GET"]),
        Route("/hub/static/{version}/{path:path}", serve_file, methods=["GET"]),
    ]


async def serve_script(request: Request) -> Response:
    """
    Answers with the script, whatever the version in the path.

    A script that fails to load calls nobody back, so an old version gets the current script with a short cache.
    """
    script = load_script()
    headers = {
        "cache-control": IMMUTABLE if request.url.path == script.path else SCRIPT_CACHE,
        "access-control-allow-origin": "*",  # `integrity` needs it on another origin
        "cross-origin-resource-policy": "cross-origin",
    }
    return Response(script.content, media_type="application/javascript; charset=utf-8", headers=headers)


async def serve_file(request: Request) -> Response:
    """Answers with a static file."""
    return await load().serve(request)
