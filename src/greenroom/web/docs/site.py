"""The documentation as a whole: its pages, the navigation that the start page lists, and the search."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from greenroom.web.docs import reference
from greenroom.web.docs.markdown import CopyButton, Document, Section, parse

START = "README.md"
#: heading of the pages that are made of the OpenAPI document
REFERENCE = "API reference"
#: media types of the files that pages show or link to; any other file is not served
MEDIA_TYPES = {
    **dict.fromkeys(("go", "java", "js", "php", "py", "rb", "toml", "yml", "yaml", "json", "sh"), "text/plain"),
    "svg": "image/svg+xml",
    "png": "image/png",
    "webp": "image/webp",
}
MOST_TERMS = 8
MOST_FOUND = 20
EXCERPT = 160


@dataclass(frozen=True)
class Entry:
    """A link of the navigation."""

    path: str
    title: str
    about: str


@dataclass(frozen=True)
class Page:
    """A page: its file under `docs`, its Markdown source and what became of it."""

    file: str
    source: str
    document: Document

    @property
    def address(self) -> str:
        """Returns the page's path in the gateway."""
        return get_address(self.file)

    @property
    def is_secondary(self) -> bool:
        """Returns whether the page is made of the OpenAPI document, or is a decision."""
        return self.file.startswith(("reference/", "decisions/"))

    @property
    def twin(self) -> str:
        """Returns the path in the gateway of the page's Markdown."""
        return get_twin(self.file)


@dataclass(frozen=True)
class Found:
    """A section that a search found."""

    address: str
    page: str
    title: str
    excerpt: str


@dataclass
class Site:
    """Every page by its file, every other file, and the navigation."""

    pages: dict[str, Page] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    groups: list[tuple[str, list[Entry]]] = field(default_factory=list)

    def media_type(self, file: str) -> str:
        """Returns the media type of a file that is no page."""
        return MEDIA_TYPES[file.rpartition(".")[2]]

    def search(self, query: str) -> list[Found]:
        """
        Returns the sections that have every word of the query, those with the words in their headings first.

        A section of the reference or of a decision counts half: it repeats the names that the guides explain.
        """
        terms = query.lower().split()[:MOST_TERMS]
        scored = []
        for page in self.pages.values():
            for section in page.document.sections:
                score = _score(terms, page.document.title.lower(), section) / (2 if page.is_secondary else 1)
                if score:
                    scored.append((score, page, section))
        scored.sort(key=lambda one: -one[0])
        return [
            Found(
                f"{page.address}#{section.heading.anchor}",
                page.document.title,
                section.heading.title,
                _excerpt(section.text, terms),
            )
            for _, page, section in scored[:MOST_FOUND]
        ]

    def list_for_models(self, public_url: str) -> str:
        """Returns the start page with links to the Markdown of each page, in the format llms.txt."""
        page = self.pages[START]
        listed = re.sub(
            r"\]\((?!\w+:)([\w./-]+)\.md(#[\w-]*)?\)",
            lambda found: f"]({public_url}{get_twin(found[1] + '.md')}{found[2] or ''})",
            page.source,
        )
        _, made = self.groups[-1]
        lines = [f"- [{one.title}]({public_url}/docs/{one.path}.md): {one.about}\n" for one in made]
        return f"{listed}\n## {REFERENCE}\n\n{''.join(lines)}"


def get_address(file: str) -> str:
    """Returns the path in the gateway of a file under `docs`."""
    name = file.removesuffix(".md").removesuffix("README").rstrip("/")
    return f"/docs/{name}" if name else "/docs"


def get_twin(file: str) -> str:
    """Returns the path in the gateway of the Markdown of a file under `docs`."""
    return "/docs/index.md" if file == START else f"{get_address(file)}.md"


def resolve(file: str, target: str) -> str | None:
    """
    Returns the address of a link's target in a file of the docs.

    None stands for a file outside of `docs`, which a gateway does not have.
    """
    path, _, fragment = target.partition("#")
    if re.match(r"[\w+.-]+:|/", target) or not path:
        return target
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
    if wanted.startswith(".."):
        return None
    address = get_address(wanted) if wanted.endswith(".md") else f"/docs/{wanted}"
    return f"{address}#{fragment}" if fragment else address


def load(openapi: Mapping[str, Any], copy_button: CopyButton = lambda _: "") -> Site:
    """Returns the site of the packaged pages and of the reference of an OpenAPI document."""
    site = Site()
    made = reference.build(openapi)
    sources = {one.file: one.source for one in made}
    for file, content in _read(resources.files("greenroom.web.docs").joinpath("content")):
        if file.endswith(".md"):
            sources[file] = content.decode()
        elif file.rpartition(".")[2] in MEDIA_TYPES:
            site.files[file] = content
    for file, source in sources.items():
        document = parse(source, partial(resolve, file), copy_button)
        site.pages[file] = Page(file, source, document)
    site.groups = _read_groups(site.pages[START].source)
    site.groups.append((REFERENCE, [Entry(one.path, one.title, one.about) for one in made]))
    return site


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _read_groups(source: str) -> list[tuple[str, list[Entry]]]:
    """Returns the lists of links of the start page, each with the heading above it."""
    groups: list[tuple[str, list[Entry]]] = []
    for line in source.splitlines():
        if line.startswith("## "):
            groups.append((line[3:], []))
        elif groups and (found := re.match(r"- \[(.+?)\]\(([\w./-]+\.md)\)(?:: (.*))?", line)):
            path = get_address(posixpath.normpath(found[2])).removeprefix("/docs").removeprefix("/")
            groups[-1][1].append(Entry(path, found[1], found[3] or ""))
    return [(title, entries) for title, entries in groups if entries]


def _score(terms: list[str], page: str, section: Section) -> int:
    heading, text = section.heading.title.lower(), section.text.lower()
    if not terms or not all(term in text or term in heading or term in page for term in terms):
        return 0
    return sum(8 * (term in heading) + 4 * (term in page) + min(text.count(term), 5) for term in terms)


def _excerpt(text: str, terms: list[str]) -> str:
    flat = " ".join(text.split())
    at = min((found for term in terms if (found := flat.lower().find(term)) >= 0), default=0)
    start = max(0, at - EXCERPT // 3)
    return ("… " if start else "") + flat[start : start + EXCERPT] + (" …" if len(flat) > start + EXCERPT else "")
