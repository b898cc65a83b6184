"""The hub in the dashboard's own frame: the preview, a test account, and an account's configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import FrameLocator, Page, expect

from tests.house import Linked, open_house
from tests.support.browser import chromium, flaws, listening
from tests.web.test_in_a_browser import SCREENSHOTS, keep_screenshots
from tests.web.visitors import sign_in_tab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Page, Linked]]:
    """A signed-in tab, and a project with an integration."""
    async with open_house(tmp_path_factory.mktemp("house")) as house, chromium() as browser:
        proctor = await house.link("proctor")
        page = await browser.new_page(base_url=str(house.client.base_url), reduced_motion="reduce")
        await sign_in_tab(page, house)
        yield page, proctor


def hub(page: Page) -> FrameLocator:
    """Returns the hub's frame in the page."""
    return page.frame_locator("#hub-stage iframe")


def base(page: Page) -> str:
    """Returns the address of the project whose page is shown."""
    return "/projects/" + page.url.partition("/projects/")[2].partition("/")[0]


async def look_at(page: Page, name: str) -> None:
    """Checks the page as it is, and keeps its screenshots on request."""
    assert await flaws(page) == []
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), name)
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.emulate_media(color_scheme="light")


async def test_the_preview_follows_the_accent_and_the_theme(opened: tuple[Page, Linked]) -> None:
    """In a real frame, before anything is saved."""
    page, proctor = opened
    heard: list[str] = []
    with listening(page, heard):
        await page.goto(f"{base(page)}/hub")
        await page.get_by_label("Accent").fill("#4b32a8")
        await page.get_by_role("button", name="Show preview").click()
        connect = hub(page).get_by_role("button", name="Connect")
        await expect(connect).to_have_css("background-color", "rgb(75, 50, 168)")
        await page.get_by_label("Accent").fill("#a83232")
        await expect(connect).to_have_css("background-color", "rgb(168, 50, 50)")
        await page.get_by_role("radio", name="Light").check()
        await expect(hub(page).locator("html")).to_have_attribute("data-theme", "light")
        await page.get_by_role("radio", name="Dark").check()
        await expect(hub(page).locator("html")).to_have_attribute("data-theme", "dark")
        await look_at(page, "hub-preview")
        assert (await proctor.api("GET", "/v1/hub")).json()["branding"]["accent"] is None
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status").filter(has_text="The hub was saved.")).to_be_visible()
    assert heard == []
    assert (await proctor.api("GET", "/v1/hub")).json()["branding"]["accent"] == "#a83232"


async def test_an_origin_that_was_turned_away_is_named(opened: tuple[Page, Linked]) -> None:
    """Until it is among the allowed ones."""
    page, proctor = opened
    project_id = base(page).rpartition("/")[2]
    seen = {"origin": "https://a-long-name-of-a-staging-system.internal.proctor.example:8443"}
    assert (await proctor.house.client.get(f"/hub/embed/{project_id}", params=seen)).status_code == 403
    await page.goto(f"{base(page)}/hub")
    await expect(page.get_by_text(f"{seen['origin']} was turned away")).to_be_visible()
    await look_at(page, "hub-turned-away")
    await page.get_by_label("Origins, one a line").fill(seen["origin"])
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="The hub was saved.")).to_be_visible()
    await expect(page.get_by_text("was turned away")).to_have_count(0)


async def test_a_test_account_is_linked_in_the_hub(opened: tuple[Page, Linked]) -> None:
    """As a customer does it, on the dashboard's page; closing leads to the list with the account."""
    page, _ = opened
    await page.goto(f"{base(page)}/accounts")
    await page.get_by_role("button", name="Link Test Account").click()
    await expect(hub(page).get_by_role("button", name="Connect")).to_be_visible()
    await look_at(page, "accounts-link-test")
    await hub(page).get_by_role("button", name="Connect").click()
    await hub(page).get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="proctor (test)")
    await expect(row).to_contain_text("Waiting for Greenhouse")


async def test_an_account_is_opened_for_editing(opened: tuple[Page, Linked]) -> None:
    """Its token and steps are shown; closing leads back to the account."""
    page, proctor = opened
    await page.goto(f"{base(page)}/accounts/{proctor.account_id}")
    await page.get_by_role("button", name="Edit configuration").click()
    await expect(hub(page).get_by_text(proctor.token)).to_be_visible()
    await hub(page).get_by_role("button", name="Done").click()
    await expect(page.get_by_role("heading", name="Northwind", level=1)).to_be_visible()


async def test_links_are_listed(opened: tuple[Page, Linked]) -> None:
    """Each with its end, and one button."""
    page, proctor = opened
    body = {"origin_owner_id": "cust-9", "origin_owner_name": "Hemlock & Rye", "label": "Berlin"}
    await proctor.api("POST", "/connect_sessions", json=body)
    await page.goto(f"{base(page)}/accounts")
    await page.get_by_role("link", name="Open links").click()
    row = page.get_by_role("row").filter(has_text="Hemlock & Rye")
    await look_at(page, "accounts-open-links")
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
