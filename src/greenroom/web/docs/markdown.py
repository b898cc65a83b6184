"""Markdown to HTML: anchors for headings, rewritten links, coloured code, and the sections that a search looks at."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

#: the address that a page shows for a link or an image, or None for a target that the site does not have
Resolve = Callable[[str], str | None]


@dataclass(frozen=True)
class Heading:
    """A heading with its anchor, as GitHub makes it of the text."""

    level: int
    anchor: str
    title: str


@dataclass
class Section:
    """A heading and the text up to the next one."""

    heading: Heading
    text: str = ""


@dataclass
class Document:
    """A rendered page; `links` are the targets of links and images as the source has them."""

    html: str = ""
    sections: list[Section] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    fences: list[tuple[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Returns the text of the first heading."""
        return self.sections[0].heading.title if self.sections else ""

    @property
    def contents(self) -> list[Heading]:
        """Returns the headings of the second level."""
        return [section.heading for section in self.sections if section.heading.level == 2]


def parse(source: str, resolve: Resolve) -> Document:
    """Returns a Markdown page as a document."""
    parser = MarkdownIt("commonmark", {"html": True, "highlight": _colour}).enable("table")
    tokens = parser.parse(source)
    document = Document()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            _add_heading(document, token, tokens[index + 1])
        elif token.type == "inline":
            _add_inline(document, token, resolve)
        elif token.type == "fence":
            document.fences.append((token.info.split()[0] if token.info else "", token.content))
            _add_text(document, token.content)
        elif token.type == "html_block":
            document.anchors.update(re.findall(r'\sid="([^"]+)"', token.content))
        elif token.type == "table_open":
            token.attrSet("class", "table")
    content = str(parser.renderer.render(tokens, parser.options, {}))
    boxed = content.replace("<table ", '<div class="table-box" tabindex="0"><table ')
    document.html = boxed.replace("</table>", "</table></div>")
    return document


def make_anchor(title: str) -> str:
    """Returns the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _add_heading(document: Document, token: Token, inline: Token) -> None:
    title = _read_text(inline)
    first = anchor = make_anchor(title)
    number = 0
    while anchor in document.anchors:
        number += 1
        anchor = f"{first}-{number}"
    token.attrSet("id", anchor)
    document.anchors.add(anchor)
    document.sections.append(Section(Heading(int(token.tag[1]), anchor, title)))


def _add_inline(document: Document, token: Token, resolve: Resolve) -> None:
    removed = False
    for child in token.children or ():
        if child.type == "html_inline":
            document.anchors.update(re.findall(r'\sid="([^"]+)"', child.content))
        elif child.type == "link_open":
            target = str(child.attrGet("href"))
            document.links.append(target)
            address = resolve(target)
            removed = address is None
            if address is None:  # a file of the repository alone: its name stays, without a link
                child.tag, child.attrs = "span", {}
            else:
                child.attrSet("href", address)
        elif child.type == "link_close" and removed:
            child.tag, removed = "span", False
        elif child.type == "image":
            source = str(child.attrGet("src"))
            document.links.append(source)
            child.attrSet("src", resolve(source) or "")
    _add_text(document, _read_text(token))


def _add_text(document: Document, text: str) -> None:
    if document.sections:
        document.sections[-1].text += text + "\n"


def _read_text(inline: Token) -> str:
    shown = {"softbreak": " ", "hardbreak": " "}
    return "".join(
        shown.get(one.type, one.content) for one in inline.children or () if one.type in ("text", "code_inline", *shown)
    )


def _colour(code: str, language: str, _: str) -> str:
    try:
        shown = highlight(code, get_lexer_by_name(language or "text"), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        shown = html.escape(code)
    return f'<pre class="code-block" tabindex="0"><code>{shown}</code></pre>'
