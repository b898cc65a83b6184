"""The guide's configuration step in a real Chromium, from an empty project to a tested and saved dialog."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from greenroom.services import projects
from tests.house import PACKAGES, House, open_house
from tests.support.browser import chromium, flaws
from tests.web.test_in_a_browser import SCREENSHOTS, keep_screenshots
from tests.web.visitors import sign_in_tab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Page, House]]:
    """A signed-in tab on a gateway with an empty project."""
    async with open_house(tmp_path_factory.mktemp("house")) as house, chromium() as browser:
        await projects.ensure(house.app.state.ctx, "proctor")
        page = await browser.new_page(base_url=str(house.client.base_url), reduced_motion="reduce")
        await sign_in_tab(page, house)
        yield page, house


async def look_at(page: Page, name: str) -> None:
    """Checks the page as it is, and keeps its screenshots on request."""
    assert await flaws(page) == []
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), name)
    await page.set_viewport_size({"width": 1280, "height": 900})


async def test_the_setup_page_leads_through_the_configuration(opened: tuple[Page, House]) -> None:
    """Setup, dialog, a refused form, two tests of the endpoint, saving, and the checks that are done then."""
    page, house = opened
    await page.get_by_role("link", name="Setup", exact=True).click()
    await look_at(page, "setup-first-use")
    await page.get_by_role("link", name="Configure").click()
    await expect(page.get_by_role("heading", name="Greenhouse - Configuration")).to_be_visible()

    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("no packages to choose")
    await look_at(page, "configuration-refused")

    await page.get_by_label("Package's List Endpoint URL").fill(f"{house.vendor.url}/packages")
    house.vendor.will_answer((200, {"content-type": "application/json"}, b'{"data": [{"id": "1"}]}'))
    await page.get_by_role("button", name="Test endpoint").click()
    await expect(page.locator("#test")).to_contain_text("$.data[0].name")
    await look_at(page, "configuration-test-wrong")

    house.vendor.will_answer((200, {"content-type": "application/json"}, json.dumps({"data": PACKAGES}).encode()))
    await page.get_by_role("button", name="Test endpoint").click()
    await expect(page.locator("#test")).to_contain_text("SQL essentials (45 min)")
    await look_at(page, "configuration-test-ok")

    await page.get_by_label("Tenant ID").fill("proctor")
    await page.get_by_label("Partner's Username").fill("partner")
    await page.locator("#partner_password").fill("correct horse battery")
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("status").first).to_contain_text("Greenhouse was saved.")
    await page.get_by_role("link", name="Setup", exact=True).click()
    await expect(page.locator("#packages_format")).to_contain_text("2 packages")
    await look_at(page, "setup-configured")
