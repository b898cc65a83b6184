"""Chromium for tests, the errors that it reports, and axe-core's accessibility checks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Error, Locator, Page, Request, async_playwright

from tests.support.tools import find_chromium, missing_chromium, missing_node, need, npm_install

AXE = Path(__file__).parent / "axe"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: widths of the window in CSS pixels; no page may scroll sideways at the smaller one
WIDTHS = (1280, 320)
MOST_TABS = 300
#: limit of a picture in the docs
PICTURE_BYTES = 150_000
#: axe's script, without a report on passed checks: a third of the time
RUN = "rules => axe.run(document, {...rules, resultTypes: ['violations'], preload: false}).then(({violations}) => violations)"
#: the rules that depend on colours, for the second colour scheme
COLOUR_RULES = {"runOnly": ["color-contrast", "link-in-text-block"]}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Runs the system's browser, headless."""
    need(missing_chromium())
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@contextmanager
def listening(page: Page, received: list[str]) -> Iterator[None]:
    """Adds the page's errors, and its requests to other hosts, to the list as they occur."""

    def say(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            received.append(said.text)

    def fail(error: Error) -> None:
        received.append(str(error))

    def ask(request: Request) -> None:
        if _foreign(page, request.url):
            received.append(f"asks {request.url}")

    page.on("console", say)
    page.on("pageerror", fail)
    page.on("request", ask)
    try:
        yield
    finally:
        page.remove_listener("console", say)
        page.remove_listener("pageerror", fail)
        page.remove_listener("request", ask)


def _foreign(page: Page, url: str) -> bool:
    return page.url.startswith("http") and urlsplit(url).netloc != urlsplit(page.url).netloc


async def flaws(page: Page) -> list[str]:
    """
    Returns the flaws of the open page.

    They are violations of axe-core's rules, and sideways scrolling; light and dark, wide and narrow.
    """
    found: list[str] = []
    await page.evaluate(_axe())
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        if await page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{width} px: scrolls sideways")
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            broken: list[dict[str, Any]] = await page.evaluate(RUN, {} if scheme == "light" else COLOUR_RULES)
            found += [
                f"{scheme}, {width} px: {rule['id']}: {node['html'][:200]}" for rule in broken for node in rule["nodes"]
            ]
    return found


async def keep_picture(page: Page, path: Path) -> None:
    """Stores what the window shows as a WebP file of at most `PICTURE_BYTES`."""
    await page.evaluate("document.fonts.ready")
    session = await page.context.new_cdp_session(page)
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    content = base64.b64decode(taken["data"])
    assert len(content) <= PICTURE_BYTES, f"{path.name} has {len(content)} bytes"
    await asyncio.to_thread(path.write_bytes, content)


def _axe() -> str:
    need(missing_node())
    npm_install(AXE)
    return (AXE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def tab_to(page: Page, target: Locator) -> None:
    """Moves the focus to an element by keyboard; the focus must be visible."""
    element = await target.element_handle()
    for _ in range(MOST_TABS):
        if await element.evaluate("one => one === document.activeElement"):
            outline = await element.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", f"nobody sees the focus on {target}"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {target}")
