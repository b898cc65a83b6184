"""Markdown to HTML: anchors for headings, rewritten links, coloured code, and the sections that a search looks at."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

#: the address that a page shows for a link or an image, or None for a target that the site does not have
Resolve = Callable[[str], str | None]
#: a button that copies a piece of code, by the id of the element with the code
CopyButton = Callable[[str], str]
_TAB = re.compile(r"\btab=(\S+)")


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


def parse(source: str, resolve: Resolve, copy_button: CopyButton = lambda _: "") -> Document:
    """Returns a Markdown page as a document."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.renderer.rules["fence"] = lambda tokens, index, *_: _render_code(tokens, index, copy_button)  # type: ignore[attr-defined]
    tokens = parser.parse(source)
    document = Document()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            _add_heading(document, token, tokens[index + 1])
        elif token.type == "inline":
            _add_inline(document, token, resolve)
            if index == 0 or tokens[index - 1].type != "heading_open":
                _add_text(document, _read_text(token))
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
        elif child.type == "code_inline" and child.content.startswith("/docs/"):
            document.links.append(child.content)
            child.type, child.content = "html_inline", f'<a href="{child.content}"><code>{child.content}</code></a>'
        elif child.type == "image":
            source = str(child.attrGet("src"))
            document.links.append(source)
            child.attrSet("src", resolve(source) or "")


def _add_text(document: Document, text: str) -> None:
    if document.sections:
        document.sections[-1].text += text + "\n"


def _read_text(inline: Token) -> str:
    shown = {"softbreak": " ", "hardbreak": " "}
    return "".join(
        shown.get(one.type, one.content) for one in inline.children or () if one.type in ("text", "code_inline", *shown)
    )


def _render_code(tokens: Sequence[Token], index: int, copy_button: CopyButton) -> str:
    """
    Returns a block of code; neighbouring blocks with `tab=Name` behind their language are tabs of one group.

    The tabs are radio buttons, so that they need no script.
    """
    if not _TAB.search(tokens[index].info):
        return _render_block(tokens[index], f"code-{index}", copy_button)
    if index and tokens[index - 1].type == "fence" and _TAB.search(tokens[index - 1].info):
        return ""  # the group's first block has rendered it
    labels: list[str] = []
    blocks: list[str] = []
    for number, token in enumerate(tokens[index:], index):
        found = _TAB.search(token.info) if token.type == "fence" else None
        if found is None:
            break
        checked = "" if blocks else " checked"
        labels.append(
            f'<input type="radio" class="sr-only" name="tabs-{index}" id="tab-{number}"{checked}>'
            f'<label for="tab-{number}">{html.escape(found[1])}</label>'
        )
        blocks.append(_render_block(token, f"code-{number}", copy_button))
    return f'<div class="code-tabs" role="group" aria-label="Languages">{"".join(labels)}{"".join(blocks)}</div>'


def _render_block(token: Token, code_id: str, copy_button: CopyButton) -> str:
    language = token.info.split()[0] if token.info else "text"
    try:
        shown = highlight(token.content, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        shown = html.escape(token.content)
    name = html.escape(language)
    return (
        f'<div class="code"><div class="code-head"><span>{name}</span>{copy_button(code_id)}</div>'
        f'<pre class="code-block" id="{code_id}" tabindex="0" role="group" aria-label="{name}">{shown}</pre></div>'
    )
