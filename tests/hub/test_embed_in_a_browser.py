"""The hub that a vendor's page of another site opens, in a real Chromium."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.hub.stage import KEY, Stage, closed, hub, open_stage
from tests.hub.vendor_page import vendor_page
from tests.support.browser import listening

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The tests of this file have customers of their own."""
    async with open_stage(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def test_a_customer_links_an_account_in_the_vendors_page(stage: Stage) -> None:
    """From the vendor's button to the token; the vendor hears of it at once, and of the closing last."""
    session = await stage.session()
    page = await stage.visit(session["token"])
    heard: list[str] = []
    with listening(page, heard):
        await page.get_by_role("button", name="Connect").click()
        frame = hub(page)
        await expect(frame.get_by_role("heading", name="Link Greenhouse Account")).to_be_focused()
        await expect(frame.locator("#token")).to_have_text(session["external_trigger_token"])
        await frame.get_by_role("button", name="Connect").click()
        await expect(frame.get_by_role("heading", name="Linked. Now finish at Greenhouse")).to_be_focused()
        account = {"id": session["account_id"], "provider": "greenhouse"}
        assert await page.evaluate("events") == [["success", account]]
        await frame.get_by_role("button", name="Done for now").click()
        await closed(page, ["success", account])
    await expect(page.get_by_role("button", name="Connect")).to_be_focused()
    assert await page.evaluate("result") == {"account": account, "reason": "done"}
    assert [said for said in heard if not said.startswith(f"asks {stage.vendor.gateway}")] == []


async def test_closing_by_key_restores_the_page_and_a_second_start_is_ignored(stage: Stage) -> None:
    """Escape within the frame; focus and scrolling are restored, and the hub opens again."""
    page = await stage.embed((await stage.session())["token"])
    await page.evaluate("void begin()")
    await expect(page.locator("iframe")).to_have_count(1)
    await expect(hub(page).get_by_role("heading", name="Link Greenhouse Account")).to_be_focused()
    assert await page.evaluate("document.documentElement.style.overflow") == "hidden"
    with suppress(TimeoutError):  # the frame may be gone before it has acknowledged that the key is up
        async with asyncio.timeout(5):
            await page.keyboard.press("Escape")
    await closed(page, "cancel")
    assert await page.evaluate("document.documentElement.style.overflow") == ""
    await expect(page.get_by_role("button", name="Connect")).to_be_focused()
    await page.keyboard.press("Enter")
    await hub(page).get_by_role("button", name="Close").click()
    await expect(page.locator("iframe")).to_have_count(0)
    assert await page.evaluate("events") == ["cancel", "close"] * 2


async def fits(page: Page) -> None:
    """Waits until the frame is as high as the hub in it."""
    card = await hub(page).locator("#hub").bounding_box()
    assert card is not None
    await expect(page.locator("iframe")).to_have_css("height", f"{math.ceil(card['height'])}px")


async def test_the_hub_is_part_of_the_page_on_request(stage: Stage) -> None:
    """In a container with its own height, as an element of its own, and removed by the page."""
    token = (await stage.session())["token"]
    page = await stage.embed(token, styles={"inline": {"containerId": "place"}})
    await expect(hub(page).get_by_role("heading", name="Link Greenhouse Account")).to_be_visible()
    await expect(page.locator("#place > iframe")).to_have_count(1)
    await fits(page)
    await page.evaluate("document.querySelector('#place').replaceChildren()")
    await closed(page, "cancel")

    await page.evaluate(
        """token => {
            const element = document.createElement("connector-hub");
            for (const name of ["success", "cancel", "failure", "close"]) {
                document.addEventListener(name, (event) => events.push([`element ${name}`, event.detail ?? null]));
            }
            events.length = 0;
            element.setAttribute("token", token);
            document.querySelector("#place").append(element);
        }""",
        token,
    )
    await hub(page).get_by_role("button", name="Connect").click()
    done = hub(page).get_by_role("button", name="Done for now")
    await expect(done).to_be_visible()
    await fits(page)  # a page that grows while the mouse is down gets no click
    await done.click()
    await expect(page.locator("iframe")).to_have_count(0)
    names = [name for name, _ in await page.evaluate("events")]
    assert names == ["element success", "element close"]


async def test_a_message_of_another_window_is_ignored(stage: Stage) -> None:
    """Both sides check the origin and the source of a message."""
    page = await stage.embed((await stage.session())["token"])
    await expect(hub(page).get_by_role("heading", name="Link Greenhouse Account")).to_be_visible()
    await page.evaluate("postMessage({ type: 'AccountConnected', account: { id: 'x', provider: 'y' } }, '*')")
    await page.evaluate("postMessage({ type: 'close', reason: 'done' }, '*')")
    await page.evaluate(
        "document.querySelector('iframe').contentWindow.postMessage({ type: 'init', v: 1, token: 'pk_other' }, '*')"
    )
    await hub(page).get_by_role("button", name="Connect").click()
    await expect(hub(page).get_by_role("heading", name="Linked. Now finish at Greenhouse")).to_be_visible()
    assert [name for name, _ in await page.evaluate("events")] == ["success"]


async def test_a_wrong_origin_is_named(stage: Stage) -> None:
    """On another host by the server, on localhost once the session's type is known; a test session is enough there."""
    token = (await stage.session())["token"]
    async with vendor_page(stage.vendor.gateway, "127.0.0.1") as other, vendor_page(stage.vendor.gateway) as local:
        for page_of in (other, local):
            page = await stage.visit(token, page_of.url)
            await page.get_by_role("button", name="Connect").click()
            await expect(hub(page).get_by_text(f"opened from {page_of.url},")).to_be_visible()
            await expect(hub(page).get_by_text("For developers: add exactly this origin")).to_be_visible()
            await hub(page).get_by_role("button", name="Close").last.click()
            await expect(page.locator("iframe")).to_have_count(0)
            (name, error), *rest = await page.evaluate("events")
            assert (name, error["code"], rest) == ("error", "origin_not_allowed", ["cancel", "close"])
        page = await stage.visit((await stage.session(type="test"))["token"], local.url)
        await page.get_by_role("button", name="Connect").click()
        await expect(hub(page).get_by_role("heading", name="Link Greenhouse Account")).to_be_visible()


async def test_a_hub_that_cannot_be_loaded_can_be_closed(stage: Stage) -> None:
    """After 10 s the script itself says so, and gives the page back."""
    page = await (await stage.context()).new_page()
    await page.clock.install()
    await page.goto(stage.vendor.url)
    await page.route("**/hub/embed/**", lambda route: route.abort())
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("iframe")).to_be_attached()
    await page.clock.run_for(11_000)
    await expect(page.get_by_role("alert").filter(has_text="Nothing was loaded")).to_be_visible()
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator("iframe")).to_have_count(0)
    (name, error), *rest = await page.evaluate("events")
    assert (name, error["code"], rest) == ("error", "not_loaded", ["cancel", "close"])
    await page.context.close()


async def test_an_ended_session_says_so(stage: Stage) -> None:
    """Expired, closed, used and unknown; each with what to do, and the vendor's page receives the reason."""
    for change, title in (
        ("expires_at = now_ms()", "This session has ended"),
        ("closed_at = now_ms()", "This session was closed"),
        ("linked_at = now_ms() - 700000", "This account is already linked"),
        ("token_hash = 'another'", "This session is not valid"),
    ):
        session = await stage.session()
        await stage.change(session, change if "another" not in change else f"token_hash = 'another-{session['id']}'")
        page = await stage.embed(session["token"])
        await expect(hub(page).get_by_role("heading", name=title)).to_be_visible()
        await expect(hub(page).get_by_text("start again in Proctor")).to_be_visible()
        await hub(page).get_by_role("button", name="Close").last.click()
        await expect(page.locator("iframe")).to_have_count(0)
        assert (await page.evaluate("result"))["reason"] == "expired"
        await page.context.close()


async def test_typed_values_are_not_lost_by_accident(stage: Stage) -> None:
    """Closing asks when something was typed; in the customer's language."""
    page = await stage.embed((await stage.session(provider="ashby"))["token"], lang="de", theme="dark")
    frame = hub(page)
    await expect(frame.get_by_role("heading", name="Ashby-Konto verbinden")).to_be_visible()
    await expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    await frame.get_by_label("Ashby-API-Schlüssel", exact=True).fill(KEY)  # the page's language, not the browser's
    await frame.locator("input[name=api_key]").press("Escape")
    await frame.get_by_role("button", name="Weiter bearbeiten").click()
    await expect(frame.locator("input[name=api_key]")).to_have_value(KEY)
    await frame.get_by_role("button", name="Schließen").click()
    await frame.get_by_role("button", name="Ohne Speichern schließen").click()
    await closed(page, "cancel")
    await page.context.close()
