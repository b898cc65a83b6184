"""Static files: read once, addressed by a hash of their content, compressed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A static file; `compressed` is None where compression does not make it smaller."""

    media_type: str
    content: bytes
    compressed: bytes | None


class StaticFiles:
    """
    Static files under one address, `{prefix}/{version}/{path}`.

    The version is a hash of all files together, so that style sheets can name fonts relatively.
    """

    def __init__(self, prefix: str, contents: Mapping[str, bytes]) -> None:
        self._prefix = prefix
        self._files = {path: _asset(path, content) for path, content in contents.items()}
        digest = hashlib.sha256()
        for path in sorted(contents):
            digest.update(path.encode() + b"\0" + contents[path])
        self._version = digest.hexdigest()[:12]

    def url(self, path: str) -> str:
        """Returns the address of a file, which changes with any file's content."""
        if path not in self._files:
            raise KeyError(path)
        return f"{self._prefix}/{self._version}/{path}"

    def get(self, path: str) -> Asset:
        """Returns a file by its path."""
        return self._files[path]

    async def serve(self, request: Request) -> Response:
        """Answers with a file, which a browser keeps for a year if it asked for the current version."""
        asset = self._files.get(request.path_params["path"])
        if asset is None:
            raise HTTPException(404)
        is_current = request.path_params["version"] == self._version
        headers = {
            "cache-control": IMMUTABLE if is_current else "no-cache",
            "etag": f'"{self._version}"',
            "vary": "accept-encoding",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if asset.compressed and "gzip" in request.headers.get("accept-encoding", ""):
            sent = {**headers, "content-encoding": "gzip"}
            return Response(asset.compressed, media_type=asset.media_type, headers=sent)
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def read_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yields the path and content of each static file in a folder and the folders in it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from read_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            yield prefix + entry.name, entry.read_bytes()


def _asset(path: str, content: bytes) -> Asset:
    compressed = gzip.compress(content, 9, mtime=0)
    kind = path.rpartition(".")[2]
    return Asset(MEDIA_TYPES[kind], content, compressed if len(compressed) < len(content) * 0.9 else None)
