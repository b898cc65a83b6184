"""The documentation as static files, for any web server: relative links, and a search in the browser."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from greenroom.web import assets, kit
from greenroom.web.docs.site import Site

_LINK = re.compile(r'\b(href|src|action)="(/[^"#?]*)(#[^"]*)?"')
_ICON = re.compile(r'href="/static/\w+/icons\.svg#([\w-]+)"')
_STYLED = re.compile(r"url\((?:\"|')?([\w./-]+)")
INDEX = "search-index.js"


def export(site: Site, openapi: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yields the path and content of each file of a site; the paths are relative, with `/` between folders."""
    static: set[str] = set()
    for page in site.pages.values():
        path = _get_file(page.address)
        yield path, _make_relative(_render("docs/page.html", site, page.address, page=page), path, static)
        yield _get_file(page.twin), page.source.encode()
    search = _render("docs/search.html", site, "/docs/search", query="", found=[])
    yield "search.html", _make_relative(search, "search.html", static)
    yield INDEX, f"globalThis.docsIndex = {json.dumps(_index(site), ensure_ascii=False)};\n".encode()
    yield "llms.txt", site.list_for_models("").replace("](/docs/", "](").encode()
    yield "openapi.json", json.dumps(openapi, ensure_ascii=False).encode()
    yield from site.files.items()
    yield from _read_static(static)


def _render(template: str, site: Site, path: str, **values: Any) -> str:
    common = {"visit": None, "theme": "system", "live": False, "path": path, "site": site, "is_static": True}
    return kit.templates.get_template(template).render(**common, **values)


def _get_file(address: str) -> str:
    """Returns the file for an address of the gateway."""
    if address.startswith("/static/"):
        return "static/" + address.split("/", 3)[3]
    path = address.removeprefix("/docs").lstrip("/") or "index"
    return path if "." in posixpath.basename(path) else f"{path}.html"


def _make_relative(page: str, path: str, static: set[str]) -> bytes:
    """Returns a page with relative links, and with its icons in it; adds the static files that it needs to the set."""

    def point(found: re.Match[str]) -> str:
        target = _get_file(found[2])
        if target.startswith("static/"):
            static.add(target.removeprefix("static/"))
        return f'{found[1]}="{posixpath.relpath(target, posixpath.dirname(path) or ".")}{found[3] or ""}"'

    icons = set(_ICON.findall(page))
    sprite = assets.load().get("icons.svg").content.decode()
    symbols = "".join(one for one in re.findall(r"<symbol.*?</symbol>", sprite, re.DOTALL) if _name(one) in icons)
    page = _ICON.sub(r'href="#\1"', page)  # a browser does not read them from another file without a server
    page = page.replace("<body>", f"<body>\n<svg hidden>{symbols}</svg>", 1)
    return _LINK.sub(point, page).encode()


def _name(symbol: str) -> str:
    found = re.search(r'\bid="([^"]+)"', symbol)
    return found[1] if found else ""


def _index(site: Site) -> list[dict[str, str]]:
    return [
        {
            "title": section.heading.title,
            "page": page.document.title,
            "address": f"{_get_file(page.address)}#{section.heading.anchor}",
            "text": " ".join(section.text.split()),
        }
        for page in site.pages.values()
        for section in page.document.sections
    ]


def _read_static(paths: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yields static files, and those that their styles name."""
    found = assets.load()
    styled = {
        posixpath.normpath(posixpath.join(posixpath.dirname(path), one))
        for path in paths
        if path.endswith(".css")
        for one in _STYLED.findall(found.get(path).content.decode())
    }
    for path in sorted(paths | styled):
        yield f"static/{path}", found.get(path).content
