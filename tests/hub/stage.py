"""A gateway, a vendor's page and a browser, for tests of the hub's page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, FrameLocator, Page, Route, expect

from tests.house import Linked, open_house
from tests.hub.customers import OWNER, allow
from tests.hub.vendor_page import VendorPage, vendor_page
from tests.support.browser import chromium, flaws

#: a folder for screenshots of every state
SCREENSHOTS = os.environ.get("SCREENSHOTS_DIR")
ASHBY = {"enabled": True, "tenant_id": "proctor-ashby", "package_id": "pkg_core_sql", "partner_category": "assessments"}
KEY = "ashby-key-0123456789abcdef"


@dataclass
class Stage:
    """A gateway with the vendor Proctor, the vendor's page, and a browser."""

    proctor: Linked
    vendor: VendorPage
    browser: Browser
    owners: int = 0

    async def session(self, **more: Any) -> dict[str, Any]:
        """Opens a session for a new customer."""
        self.owners += 1
        body = {**OWNER, "origin_owner_id": f"cust-{self.owners}", "provider": "greenhouse", **more}
        answer = await self.proctor.api("POST", "/connect_sessions", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def context(self) -> BrowserContext:
        """Opens a browser without cookies."""
        url = str(self.proctor.house.client.base_url)
        return await self.browser.new_context(base_url=url, reduced_motion="reduce", locale="en-GB")

    async def visit(self, token: str, url: str | None = None) -> Page:
        """Opens a vendor's page with a session's token."""
        page = await (await self.context()).new_page()
        await page.goto(url or self.vendor.url)
        await page.evaluate("token => { window.token = token }", token)
        return page

    async def embed(self, token: str, **more: Any) -> Page:
        """Opens the hub from the vendor's page, in a frame."""
        page = await self.visit(token)
        await page.evaluate("more => { window.more = more }", more)
        await page.get_by_role("button", name="Connect").click()
        return page

    async def link(
        self,
        session: dict[str, Any],
        routes: Mapping[str, Callable[[Route], Any]] | None = None,
        *,
        clock: bool = False,
    ) -> Page:
        """Opens a hosted link: the same views as in the frame. `routes` answer calls of the hub's API by path."""
        page = await (await self.context()).new_page()
        if clock:
            await page.clock.install()
        for path, answer in (routes or {}).items():
            await page.route(f"**/hub/{path}", answer)
        await page.goto("/link/" + session["auth_link_url"].rpartition("/")[2])
        await page.get_by_role("button", name="Continue").click()
        return page

    async def change(self, session: dict[str, Any], values: str) -> None:
        """Changes a session in the database."""
        sql = f"UPDATE connect_sessions SET {values} WHERE id = $1"
        await self.proctor.house.app.state.ctx.store.write(lambda tx: tx.run(sql, session["id"]))


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Runs a gateway with two integrations that allows the vendor's page."""
    async with open_house(folder) as house, chromium() as browser:
        proctor = await house.link("proctor", package_id="pkg_core_sql")
        answer = await proctor.api("PUT", "/v1/integrations/ashby", json=ASHBY)
        assert answer.status_code == 200, answer.text
        async with vendor_page(str(house.client.base_url).rstrip("/")) as vendor:
            await allow(proctor, vendor.url, product_name="Proctor", accent="#4b32a8")
            yield Stage(proctor, vendor, browser)


def hub(page: Page) -> FrameLocator:
    """Returns the hub's frame."""
    return page.frame_locator("iframe")


async def closed(page: Page, *events: Any) -> None:
    """Waits until the hub is closed; the page received these events, and that of the closing last."""
    await expect(page.locator("iframe")).to_have_count(0)
    await expect(page.locator("dialog")).to_have_count(0)
    assert await page.evaluate("events") == [*events, "close"]


async def check(page: Page, name: str) -> None:
    """Asserts that a state has no flaw: axe-core, light and dark, wide and narrow."""
    assert await flaws(page) == [], name
    if SCREENSHOTS:
        await page.screenshot(path=Path(SCREENSHOTS) / f"hub-{name}-320.png", full_page=True)
        await page.set_viewport_size({"width": 1280, "height": 900})
        await page.emulate_media(color_scheme="light")
        await page.screenshot(path=Path(SCREENSHOTS) / f"hub-{name}-1280.png", full_page=True)


def says(status: int, **body: Any) -> Any:
    """Returns a handler that answers a call of the hub's API."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, json={"statusCode": status, **body})

    return answer
