"""Every page in a real Chromium: accessible, responsive, no browser errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.sandbox.conftest import Greenhouse, simulator
from tests.sandbox.web.conftest import PAGES, run_populated
from tests.support.browser import chromium, flaws, listening

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def greenhouse() -> AsyncIterator[Greenhouse]:
    """One simulator for all pages, because reading changes nothing."""
    async with simulator() as address, run_populated(address) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(greenhouse: Greenhouse) -> AsyncIterator[Page]:
    """One tab for all pages, because a new tab each would take half of the time."""
    async with chromium() as browser:
        yield await browser.new_page(base_url=greenhouse.url)


@pytest.fixture
def browser_errors() -> list[str]:
    """The browser's errors on the page of this test."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def page(tab: Page, browser_errors: list[str]) -> AsyncIterator[Page]:
    """The tab, empty."""
    await tab.goto("about:blank")
    with listening(tab, browser_errors):
        yield tab


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_wrong_with_a_page(page: Page, browser_errors: list[str], path: str) -> None:
    """No axe-core violation, sideways scrolling, browser error or foreign request."""
    answer = await page.goto(path)

    assert answer is not None
    assert answer.status == 200
    assert await flaws(page) == []
    assert browser_errors == []


async def test_nothing_is_wrong_with_the_page_that_asks_for_consent(
    page: Page, browser_errors: list[str], greenhouse: Greenhouse
) -> None:
    """The consent page for a partner's client passes the same checks."""
    values = {"name": "Codely", "kind": "partner", "redirect_uri": "https://vendor.example/back"}
    client = await greenhouse.call("POST", "/harvest/clients", values, status=201)
    query = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": client["redirect_uri"],
        "state": "s",
        "scope": "harvest:jobs:list",
    }
    answer = await page.goto(f"/authorize?{urlencode(query)}")

    assert answer is not None
    assert answer.status == 200
    assert await page.title() == "Authorize Codely · Greenhouse simulator"
    assert await flaws(page) == []
    assert browser_errors == []


async def test_a_form_that_is_refused_keeps_everything_and_leads_to_the_field(page: Page) -> None:
    """The first wrong field has the focus and an error message that belongs to it."""
    await page.goto("/support/partners/new")
    await page.get_by_label("Name", exact=True).fill("Proctor")
    await page.get_by_label("list_tests", exact=True).fill("http://proctor.example/list_tests")
    for call in ("send_test", "test_status", "response_error"):
        await page.get_by_label(call, exact=True).fill(f"https://proctor.example/{call}")
    await page.get_by_role("button", name="Apply").click()

    wrong = page.get_by_label("list_tests", exact=True)
    assert await wrong.evaluate("one => one === document.activeElement")
    assert await wrong.get_attribute("aria-invalid") == "true"
    assert "must start with https://" in await page.locator("#list_tests_url-wrong").inner_text()
    assert await page.get_by_label("Name", exact=True).input_value() == "Proctor"
    assert await page.title() == "Error: New partner application · Greenhouse simulator"
    assert await flaws(page) == []


async def test_what_is_wrong_with_a_page_is_found(page: Page) -> None:
    """Low contrast in dark mode, a field without a label and an overflow are detected."""
    style = (
        "<style>p { width: 600px } @media (prefers-color-scheme: dark) { p { color: #777; background: #666 } }</style>"
    )
    await page.set_content(f"<html lang=en><title>x</title>{style}<main><h1>x</h1><p>pale</p><input></main></html>")

    found = await flaws(page)

    assert "320 px: scrolls sideways" in found
    assert {one.split(": <")[0] for one in found} - {"320 px: scrolls sideways"} == {
        "light, 1280 px: label",
        "light, 320 px: label",
        "dark, 1280 px: color-contrast",
        "dark, 320 px: color-contrast",
    }
