"""docs/check.md and the checks in the code are the same."""

from __future__ import annotations

import re
from pathlib import Path

from greenroom.check.packages import PACKAGES
from greenroom.check.reports.text import markdown
from greenroom.check.results import RESULTS
from greenroom.check.webhook import WEBHOOK

PAGE = Path(__file__).parents[2] / "docs" / "check.md"
SUITES = (PACKAGES, WEBHOOK, RESULTS)


def test_the_page_has_exactly_the_checks_of_the_code() -> None:
    """`greenroom check list --markdown` prints the tables that are in the page."""
    page = PAGE.read_text()

    for suite in SUITES:
        assert f"### {suite.area}\n\n{markdown(suite)}\n" in page
    listed = re.findall(r"^\| `((?:packages|webhook|results)\.[\w-]+)` \|", page, re.MULTILINE)
    assert len(listed) == sum(len(suite.checks) for suite in SUITES)


def test_ids_are_unique_and_every_check_says_what_why_and_what_to_do() -> None:
    """There are at least sixty checks, and none is without a reason or a remedy."""
    checks = [one for suite in SUITES for one in suite.checks]

    assert len({one.id for one in checks}) == len(checks) >= 60
    assert all(one.title and one.why.endswith(".") and one.fix.endswith(".") for one in checks)
