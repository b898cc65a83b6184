"""A simulator with records of every kind, and the paths of all its pages."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.sandbox.conftest import KEY, STATUS, Greenhouse, listening_partner

#: the pages with the records that `populate` creates, in the order of the navigation
PAGES = [
    "/jobs",
    "/jobs?search=no+such+job",
    "/jobs/new",
    "/jobs/4001",
    "/jobs/4001/team",
    "/jobs/4001/plan",
    "/jobs/4001/plan/add",
    "/jobs/4001/candidates",
    "/jobs/4001/candidates?sent=2&failed=1",
    "/stages/5001/edit",
    "/stages/5013/edit",
    "/stages/5014/edit",
    "/stages/5013/send-tests",
    "/people",
    "/people/new",
    "/people/17681501",
    "/people/17681502?application_id=26234702&said=submitted-tests",
    "/people/17681503",
    "/people/17681504",
    "/people/17681502/edit",
    "/people/17681502/anonymize",
    "/people/17681502/merge",
    "/people/17681502/delete",
    "/applications/26234702/move",
    "/applications/26234701/send-test",
    "/applications/26234701/send-test?stage_id=5014",
    "/applications/26234701/stages/5013/kit",
    "/take-homes/900001/kit",
    "/take-homes/900001/kit/scorecard",
    "/take-homes/900001/graders",
    "/integrations",
    "/integrations/1",
    "/support",
    "/support/partners/new",
    "/support/partners/1?reveal=true",
    "/support/partners/1/edit",
    "/support/partners/1/customers/101",
    "/traffic",
    "/traffic?call=test_status&verdict=malformed",
    "/traffic/1",
    "/traffic/2",
    "/traffic/5",
    "/faults",
    "/clock",
    "/settings",
]


async def populate(greenhouse: Greenhouse) -> None:
    """
    Two partners, one of which fails; candidates of job 4001 to be sent a test (26234701), with a result (26234702),
    waiting (26234703), and with a send that failed (26234704).
    """
    listing = {"tagline": "Tests", "overview": "Thirty tests.", "support_contact": "help@codely.example"}
    await greenhouse.connect(**listing)
    await greenhouse.call("POST", f"/partners/{greenhouse.partner_id}/publish")
    urls = dict.fromkeys(
        ("list_tests_url", "send_test_url", "test_status_url", "response_error_url"), greenhouse.partner.url
    )
    broken = await greenhouse.call("POST", "/partners", {"name": "Broken", "category": "background_checks", **urls})
    await greenhouse.call("PUT", f"/organizations/101/partners/{broken['id']}", {"key": KEY})
    stage = await greenhouse.call("POST", "/jobs/4001/stages", {"kind": "partner", "partner_id": broken["id"]})
    moves = {26234701: 5013, 26234702: 5013, 26234703: 5013, 26234704: stage["id"]}
    for application, stage_id in moves.items():
        await greenhouse.call("POST", f"/applications/{application}/move", {"stage_id": stage_id})
    done = await greenhouse.sent()
    for application in (26234703, 26234704):
        await greenhouse.send(application)
    greenhouse.partner.replies["test_status"] = STATUS
    assert await greenhouse.complete(done) == 200
    await greenhouse.inject("status", target="resume", count=2, skip=1, status=503)
    await greenhouse.inject("malformed", target="harvest", count=None, probability=0.5)


@asynccontextmanager
async def run_populated(address: str) -> AsyncIterator[Greenhouse]:
    """Yields a simulator after `populate` for the duration of the block."""
    async with listening_partner() as partner, httpx2.AsyncClient(base_url=address, timeout=40, verify=False) as client:
        one = Greenhouse(client, address, partner)
        await one.call("POST", "/reset", {"now": "2026-11-24T10:00:00Z"})
        await populate(one)
        yield one


@pytest.fixture
async def populated(greenhouse: Greenhouse) -> Greenhouse:
    """The simulator after `populate`."""
    await populate(greenhouse)
    return greenhouse


def text_of(page: httpx2.Response, *, status: int = 200) -> str:
    """Returns the visible text of a page, without tags and white space."""
    assert page.status_code == status, page.text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text.partition('<main id="main">')[2])))
