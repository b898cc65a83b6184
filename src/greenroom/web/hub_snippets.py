"""Code that puts the hub into a vendor's product, with the addresses of this gateway in it."""

from __future__ import annotations

from typing import NamedTuple

from greenroom.web import kit

FOLDER = "hub/snippets"
#: pieces of code by the section of the page: the file and its title
SECTIONS = {
    "server": (("session.sh", "Shell"), ("server.py.txt", "Python"), ("server.mjs", "Node.js")),
    "page": (
        ("script.html", "HTML"),
        ("hook.jsx", "React, @stackone/react-hub"),
        ("component.jsx", "React, @stackone/hub"),
        ("element.js", "Any framework, @stackone/hub"),
    ),
}


class Snippet(NamedTuple):
    """A piece of code: its id on the page, its title, and the code."""

    id: str
    title: str
    code: str


def render(*, url: str, script: str, integrity: str) -> dict[str, list[Snippet]]:
    """
    Returns the pieces of code by the section of the page.

    `url` is the gateway's public URL, `script` the path of the current version of the script, `integrity` its hash.
    """
    values = {"url": url, "script": script, "integrity": integrity}
    return {
        section: [
            Snippet(name.replace(".", "-"), title, kit.templates.get_template(f"{FOLDER}/{name}").render(values))
            for name, title in files
        ]
        for section, files in SECTIONS.items()
    }
