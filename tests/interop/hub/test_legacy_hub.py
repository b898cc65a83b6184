"""`@stackone/react-hub` 1.1.1, the hook that loads a script, unmodified with the gateway's `connect.js`."""

from __future__ import annotations

import pytest
from playwright.async_api import FrameLocator, expect

from tests.interop.hub.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


def hub(stage: Stage) -> FrameLocator:
    """Returns the hub's frame in the vendor's page."""
    return stage.page.frame_locator("iframe")


async def start(stage: Stage) -> None:
    """Presses the vendor's button."""
    await stage.page.get_by_role("button", name="Connect account").click()


async def test_an_account_is_linked(stage: Stage) -> None:
    """Success is reported at once, closing last; the page has no frame left."""
    session = await stage.open_session()
    await stage.show("hook")
    await start(stage)
    await expect(hub(stage).get_by_text(session["external_trigger_token"])).to_be_visible()
    await hub(stage).get_by_role("button", name="Connect").click()
    account = {"id": session["account_id"], "provider": "greenhouse"}
    assert await stage.events(1) == [["success", account]]
    await hub(stage).get_by_role("button", name="Done").click()

    assert await stage.events(2) == [["success", account], ["close"]]
    await expect(stage.page.locator("iframe")).to_have_count(0)
    assert (await stage.account(account["id"]))["status"] == "active"


async def test_closing_without_linking_is_a_cancel_and_the_button_works_again(stage: Stage) -> None:
    """The hook is not left open; Escape closes, too."""
    await stage.open_session()
    await stage.show("hook")
    await start(stage)
    await hub(stage).get_by_role("button", name="Close").first.click()
    assert await stage.events(2) == [["cancel"], ["close"]]
    await start(stage)
    await hub(stage).get_by_role("button", name="Close").first.press("Escape")

    assert await stage.events(4) == [["cancel"], ["close"]] * 2
    await expect(stage.page.locator("iframe")).to_have_count(0)


async def test_it_opens_once_in_the_page_with_the_given_size(stage: Stage) -> None:
    """A second start while it is open changes nothing."""
    inline = {"containerId": "place", "width": "500px", "height": "600px"}
    await stage.open_session()
    await stage.show("hook", start={"styles": {"inline": inline}})
    await start(stage)
    await start(stage)
    await expect(stage.page.locator("#place iframe")).to_have_count(1)
    box = await stage.page.locator("#place iframe").bounding_box()
    assert box
    assert (box["width"], box["height"]) == (500, 600)


async def test_another_origin_is_told_what_was_seen(stage: Stage) -> None:
    """The frame names the page's origin and where it is allowed; the token is not sent to it."""
    await stage.project.api("PUT", "/v1/hub", json={"allowed_origins": ["https://app.example.com"]})
    session = await stage.open_session()
    await stage.show("hook")
    await start(stage)
    await expect(hub(stage).get_by_text(stage.vendor.origin)).to_be_visible()
    await expect(hub(stage).get_by_text(session["external_trigger_token"])).to_have_count(0)
