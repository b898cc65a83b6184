"""A signed-in browser without a screen: keeps cookies, and submits forms as the pages have them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from playwright.async_api import Page

from greenroom.services import sessions
from tests.house import House, Linked, webhook

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
HTML = {"accept": "text/html,application/xhtml+xml"}


async def sign_in_link(house: House) -> str:
    """Makes a sign-in link; returns its path."""
    url = await sessions.make_link(house.app.state.ctx)
    return "/sign-in/" + url.rpartition("/")[2]


async def sign_in_tab(page: Page, house: House) -> None:
    """Signs in the owner in a browser's tab."""
    await page.goto(await sign_in_link(house))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/projects/"))


@dataclass
class Visitor:
    """Somebody who uses the pages of a gateway."""

    house: House

    @classmethod
    async def sign_in(cls, house: House) -> Visitor:
        """Signs in the owner."""
        visitor = cls(house)
        path = await sign_in_link(house)
        answer = await visitor.submit(path, on=path)
        assert answer.status_code == 303, answer.text
        return visitor

    async def get(self, path: str) -> httpx2.Response:
        """Opens a page as a browser does, and follows redirects."""
        return await self.house.client.get(path, headers=HTML, follow_redirects=True)

    async def submit(
        self, path: str, fields: Mapping[str, Any] | None = None, *, on: str = "/components", **headers: str
    ) -> httpx2.Response:
        """Submits a form with the token of the page `on`."""
        found = TOKEN.search((await self.get(on)).text)
        assert found, f"{on} has no form"
        data = {**(fields or {}), "csrf": found[1]}
        return await self.house.client.post(path, data=data, headers={**HTML, **headers})


async def ids_of(linked: Linked) -> dict[str, str]:
    """Adds a webhook; returns its id, the account's and that of a logged request."""
    made = await webhook(linked)
    async with asyncio.timeout(20):
        while not (found := (await linked.api("GET", "/requests/logs")).json()["data"]):
            await asyncio.sleep(0.02)
    return {"webhook": made["id"], "account": linked.account_id, "request": found[0]["request_id"]}
