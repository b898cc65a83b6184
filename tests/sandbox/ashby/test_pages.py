"""Ashby's pages in a real Chromium: a recruiter's whole story, and no flaw on any page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.sandbox.ashby.conftest import Ashby, running_ashby, scored, started
from tests.sandbox.conftest import simulator
from tests.support.browser import chromium, flaws, listening

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NOW = 1_795_514_400_000
ZOE = "/ashby/candidates/a5b10004-0000-4000-8000-000000000002"
APPLICATION = "/ashby/applications/a5b10005-0000-4000-8000-000000000002"
PARTNER = "a5b10006-0000-4000-8000-000000000001"
PAGES = [
    "/ashby/candidates",
    "/ashby/candidates?search=nobody",
    "/ashby/candidates/new",
    ZOE,
    f"{ZOE}?said=started",
    "/ashby/jobs/a5b10003-0000-4000-8000-000000000001",
    f"{APPLICATION}/activities/new",
    f"{APPLICATION}/assessments/new?partner_id={PARTNER}",
    "/ashby/integrations",
    f"/ashby/integrations/{PARTNER}",
    "/ashby/partners",
    "/ashby/partners/new",
    f"/ashby/partners/{PARTNER}/edit",
    "/traffic",
    "/faults",
    "/settings",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab() -> AsyncIterator[tuple[Page, Ashby]]:
    """One tab and one simulator for the module."""
    async with simulator() as address, running_ashby(address) as ashby, chromium() as browser:
        yield await browser.new_page(base_url=ashby.url), ashby


async def test_the_story_of_an_assessment(tab: tuple[Page, Ashby]) -> None:
    """Onboarding, the admin's keys, Refresh, Sync, start, live status, result, and a cancelled second one."""
    page, ashby = tab
    await page.goto("/ashby")
    await page.get_by_role("link", name="Partners").click()
    await page.get_by_role("link", name="New partner").first.click()
    await page.get_by_label("Name").fill("Codely")
    await page.get_by_label("Base URL").fill(f"{ashby.partner.url}/external-trigger/ashby/codely")
    await page.get_by_role("button", name="Enter").click()
    await page.get_by_role("link", name="Integrations").click()
    await page.get_by_role("link", name="Settings of Codely").click()
    await page.get_by_label("Partner API key").fill("gr_partner_token")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.get_by_text("SQL essentials")).to_be_visible()
    await page.get_by_role("button", name="Sync Custom Fields").click()
    await expect(page.get_by_text("Note to the vendor")).to_be_visible()
    await page.get_by_role("button", name="Create API key").click()
    ashby.api_key = await page.locator(".secret").inner_text()
    await page.goto(page.url.removesuffix("/api-keys"))
    await expect(page.locator(".secret")).to_have_count(0)

    await page.goto(ZOE)
    for result in (82.5, None):
        await page.get_by_role("link", name="New Activity").click()
        await page.get_by_role("link", name="Codely").click()
        await page.get_by_label("Assessment Type").select_option("SQL essentials")
        await page.get_by_label("Language").select_option("English")
        await page.get_by_role("button", name="Start Assessment").click()
        await expect(page.get_by_role("status")).to_have_text("The assessment is started.")
        newest = (await ashby.call("GET", "/ashby/assessments"))["data"][-1]
        assert newest["additional_fields"] == {"language": "en"}
        await ashby.update(newest, started(NOW))
        await page.get_by_role("link", name="Look again").click()
        await page.reload()
        await expect(page.get_by_text("In progress", exact=True)).to_be_visible()
        if result is not None:
            await ashby.update(newest, scored(NOW + 1, result))
            await page.reload()
            await expect(page.get_by_role("link", name="Full Report")).to_have_attribute(
                "href", "https://results.proctor-tests.com/r/1"
            )
            await expect(page.get_by_text("Score: 82.5")).to_be_visible()
    await page.get_by_role("button", name="Cancel Assessment").click()
    await expect(page.get_by_text("The assessment is cancelled.")).to_be_visible()
    await expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()


async def test_a_refusal_is_shown_to_the_recruiter(tab: tuple[Page, Ashby]) -> None:
    """The dialog stays open with the partner's message; the next start works."""
    page, ashby = tab
    ashby.partner.replies["assessment.start"] = (422, {"message": "Only candidates in the EU."})
    await page.goto(f"{APPLICATION}/assessments/new?partner_id={PARTNER}")
    await page.get_by_label("Assessment Type").select_option("SQL essentials")
    await page.get_by_role("button", name="Start Assessment").click()
    await expect(page.get_by_role("alert")).to_have_text("Only candidates in the EU.")
    assert await flaws(page) == []
    del ashby.partner.replies["assessment.start"]
    await page.get_by_role("button", name="Start Assessment").click()
    await expect(page.get_by_text("The assessment is started.")).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_wrong_with_a_page(tab: tuple[Page, Ashby], path: str) -> None:
    """No axe-core violation, sideways scrolling, browser error or foreign request."""
    page, errors = tab[0], list[str]()
    with listening(page, errors):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200
        assert await flaws(page) == []
    assert errors == []
    shots = os.environ.get("SHOTS")
    if shots:
        for width in (1280, 320):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.screenshot(path=Path(shots) / f"{PAGES.index(path):02}-{width}.png", full_page=True)
