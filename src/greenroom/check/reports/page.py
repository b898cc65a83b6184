"""The report as one self-contained page of HTML, in the product's colours."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import greenroom.web
from greenroom.check.model import STATUSES, Report

#: the dashboard's colours and sizes
TOKENS = Path(greenroom.web.__file__).parent / "static" / "css" / "tokens.css"
NAMES = {"failed": "Failed", "warning": "Warnings", "skipped": "Skipped", "passed": "Passed"}


def as_html(report: Report) -> str:
    """Returns the report as a page that refers to no other file."""
    groups = [
        (status, NAMES[status], [one for one in report.outcomes if one.status == status])
        for status in STATUSES
        if report.counts[status]
    ]
    page = _pages().get_template("report.html").render(report=report, groups=groups, tokens=_tokens())
    return page.encode("utf-8", "replace").decode()


@cache
def _pages() -> Environment:
    return Environment(loader=PackageLoader("greenroom.check"), autoescape=True, undefined=StrictUndefined)


@cache
def _tokens() -> str:
    """Returns the tokens without fonts, which are files of their own."""
    return re.sub(r"@font-face \{.*\}\n?", "", TOKENS.read_text(encoding="utf-8"))
