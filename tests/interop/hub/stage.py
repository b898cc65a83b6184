"""A customer's tab on the vendor's page, and the vendor's project at the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request

from tests.house import House, Linked
from tests.interop.hub.vendor import Vendor

OWNER = {"origin_owner_id": "cust-7", "origin_owner_name": "Hemlock & Rye"}


@dataclass
class Stage:
    """
    The gateway, the vendor and the customer's tab.

    `errors` has the page's uncaught errors, violations of its policy, and requests to any host but these two.
    """

    house: House
    vendor: Vendor
    page: Page
    project: Linked
    errors: list[str] = field(default_factory=list)

    async def open_session(self, **more: Any) -> dict[str, Any]:
        """Opens a session on the vendor's server; the next page is given its token."""
        answer = await self.project.api("POST", "/connect_sessions", json={**OWNER, **more})
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.json()
        self.vendor.options["token"] = session["token"]
        return session

    async def show(self, page: str, **options: Any) -> None:
        """Opens a page of the vendor with options besides the token."""
        self.vendor.options.update(options)
        await self.page.goto(f"{self.vendor.origin}/page/{page}")

    async def events(self, count: int) -> list[Any]:
        """Waits until the page has reported this many events."""
        await self.page.wait_for_function("count => window.events.length >= count", arg=count)
        return list(await self.page.evaluate("window.events"))

    async def account(self, account_id: str) -> dict[str, Any]:
        """Returns an account as the vendor's server reads it."""
        return dict((await self.project.api("GET", f"/accounts/{account_id}")).json())

    async def received(self, event: str) -> dict[str, Any]:
        """Waits for an event at the vendor's webhook."""
        async with asyncio.timeout(20):
            while True:
                for one in self.house.vendor.received:
                    if one.json["event"] == event:
                        return dict(one.json)
                self.house.vendor.arrived.clear()
                await self.house.vendor.arrived.wait()

    def _watch(self) -> None:
        known = (self.vendor.origin, self.vendor.gateway, "data:", "blob:")

        def check_message(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text:
                self.errors.append(message.text)

        def check_error(error: Error) -> None:
            self.errors.append(str(error))

        def check_request(request: Request) -> None:
            if not request.url.startswith(known):
                self.errors.append(f"asks {request.url}")

        self.page.on("console", check_message)
        self.page.on("pageerror", check_error)
        self.page.on("request", check_request)


@asynccontextmanager
async def open_stage(house: House, vendor: Vendor, browser: Browser) -> AsyncIterator[Stage]:
    """Opens a tab, and a project that allows the vendor's origin; at the end nothing may have gone wrong in the tab."""
    project = await house.link("proctor")
    answer = await project.api("PUT", "/v1/hub", json={"allowed_origins": [vendor.origin]})
    assert answer.status_code == 200, answer.text
    context = await browser.new_context(reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"])
    stage = Stage(house, vendor, await context.new_page(), project)
    stage._watch()
    yield stage
    await context.close()
    assert not stage.errors, stage.errors
