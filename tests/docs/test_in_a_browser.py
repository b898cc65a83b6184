"""The pages of the docs in a browser: accessible, narrow and wide, light and dark, and by keyboard."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.house import open_house
from tests.support.browser import SCHEMES, WIDTHS, chromium, flaws, listening, tab_to

#: a page of each kind
PAGES = (
    "/docs",
    "/docs/recipes/embed-the-hub",
    "/docs/causes",
    "/docs/reference/packages",
    "/docs/search?q=webhook",
)
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """A tab that may write to the clipboard, before a gateway."""
    async with open_house(tmp_path_factory.mktemp("house")) as house, chromium() as browser:
        context = await browser.new_context(base_url=str(house.client.base_url))
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield await context.new_page()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_flaw(path: str, tab: Page) -> None:
    """No violation of axe's rules, no sideways scrolling, no error, nothing from another host."""
    found: list[str] = []
    with listening(tab, found):
        await tab.goto(path)
        found += await flaws(tab)
    await keep_pictures(tab, path)
    assert not found


async def keep_pictures(tab: Page, path: str) -> None:
    """Stores pictures of a page in the folder that `SCREENSHOTS_DIR` names."""
    if not (folder := os.environ.get("SCREENSHOTS_DIR")):
        return
    name = path.partition("?")[0].strip("/").replace("/", "-")
    for width in WIDTHS:
        await tab.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            await tab.emulate_media(color_scheme=scheme)
            await tab.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png")


async def test_the_search_works_by_keyboard(tab: Page) -> None:
    """The key `/`, a word and Enter; Tab reaches the first result, which leads to its section."""
    await tab.set_viewport_size({"width": 1280, "height": 800})
    await tab.goto("/docs/quickstart")
    await tab.keyboard.press("/")
    await tab.keyboard.type("order_check_url")
    await tab.keyboard.press("Enter")
    await expect(tab.get_by_role("heading", level=1)).to_have_text("Results for “order_check_url”")
    await tab_to(tab, tab.locator(".docs-found a").first)
    await tab.keyboard.press("Enter")
    await expect(tab).to_have_url(re.compile(r"/docs/[\w/-]+#"))


async def test_code_is_copied_and_tabs_are_switched_by_keyboard(tab: Page) -> None:
    """Only the chosen language is shown; the button copies its code."""
    await tab.goto("/docs/recipes/embed-the-hub")
    python, node = (tab.locator(".code-tabs pre").nth(number) for number in (0, 1))
    await expect(python).to_be_visible()
    await expect(node).to_be_hidden()
    await tab.get_by_role("radio", name="Python").focus()
    await tab.keyboard.press("ArrowRight")
    await expect(node).to_be_visible()
    await expect(python).to_be_hidden()
    await tab.locator(".code-tabs .code").nth(1).get_by_role("button", name="Copy code").click()
    await expect(tab.get_by_role("status")).to_have_text("code copied")
    assert await tab.evaluate("navigator.clipboard.readText()") == await node.text_content()


async def test_a_cause_is_marked_and_in_the_frame_of_the_docs(tab: Page) -> None:
    """The anchor of a code leads to its heading, beside navigation and search."""
    await tab.goto("/docs/causes#webhook.none")
    heading = tab.get_by_role("heading", name="webhook.none", exact=True)
    await expect(heading).to_be_in_viewport()
    await expect(tab.get_by_role("navigation", name="Documentation")).to_be_visible()
    await expect(tab.get_by_role("link", name="Causes", exact=True)).to_have_attribute("aria-current", "page")
