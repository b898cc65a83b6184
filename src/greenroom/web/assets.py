"""The dashboard's static files: read once, addressed by a hash of their content, compressed."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
#: the parts of the stylesheet; each is a cascade layer, and a later one wins
STYLES = ("tokens", "base", "components", "pages")
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A static file; `compressed` is None where compression does not make it smaller."""

    media_type: str
    content: bytes
    compressed: bytes | None


@cache
def load() -> tuple[str, dict[str, Asset]]:
    """Returns the version of all static files together, and the files by their path."""
    root = resources.files("greenroom.web").joinpath("static")
    found = dict(_walk(root, ""))
    styles = b"\n".join(found.pop(f"css/{name}.css") for name in STYLES)
    contents = {**found, "greenroom.css": styles}
    digest = hashlib.sha256()
    for path in sorted(contents):
        digest.update(path.encode() + b"\0" + contents[path])
    return digest.hexdigest()[:12], {path: _asset(path, content) for path, content in contents.items()}


def url(path: str) -> str:
    """Returns the address of a static file, which changes with any file's content."""
    version, files = load()
    if path not in files:
        raise KeyError(path)
    return f"/static/{version}/{path}"


async def serve(request: Request) -> Response:
    """Answers with a static file, which a browser keeps for a year if it asked for the current version."""
    version, files = load()
    asset = files.get(request.path_params["path"])
    if asset is None:
        raise HTTPException(404)
    is_current = request.path_params["version"] == version
    headers = {
        "cache-control": IMMUTABLE if is_current else "no-cache",
        "etag": f'"{version}"',
        "vary": "accept-encoding",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    if asset.compressed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.compressed, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _asset(path: str, content: bytes) -> Asset:
    compressed = gzip.compress(content, 9, mtime=0)
    kind = path.rpartition(".")[2]
    return Asset(MEDIA_TYPES[kind], content, compressed if len(compressed) < len(content) * 0.9 else None)
