"""Every link of every Markdown file leads to a file that exists, and to an anchor in it."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from greenroom.web.docs.markdown import Document, parse

ROOT = Path(__file__).parent.parent.parent
FILES = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split("\0")[:-1]  # fmt: skip


@cache
def read(path: Path) -> Document:
    """Returns a Markdown file as the site parses it."""
    return parse(path.read_text(), lambda target: target)


@pytest.mark.parametrize("name", [name for name in FILES if (ROOT / name).exists()])
def test_links_lead_somewhere(name: str) -> None:
    """Relative links name files of the repository, and anchors that a heading or an `id` makes."""
    page = ROOT / name
    for link in read(page).links:
        if re.match(r"[\w+.-]+:|/docs/", link):  # tests/docs/test_export.py follows those of the site
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} names nothing"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor:
            assert anchor in read(target).anchors, f"{link} names no heading of {target.name}"


def test_the_generated_pages_have_no_file() -> None:
    """No file hides a page that is made of the OpenAPI document."""
    assert not (ROOT / "docs" / "reference").exists()
