"""The script tag that the dashboard shows, as it is copied, in a page whose policy permits nothing else."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from greenroom.hub.assets import load_script
from greenroom.web import hub_snippets
from tests.interop.hub.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_the_tag_links_an_account(stage: Stage) -> None:
    """The browser accepts the hash of the script from the other origin, and the element shows the hub."""
    session = await stage.open_session()
    script = load_script()
    tag = hub_snippets.render(url=stage.vendor.gateway, script=script.path, integrity=script.integrity)["page"][0]
    stage.vendor.tag = tag.code.replace("THE_TOKEN", session["token"])
    await stage.show("tag")
    hub = stage.page.frame_locator("connector-hub iframe")
    await expect(hub.get_by_text(session["external_trigger_token"])).to_be_visible()
    await hub.get_by_role("button", name="Connect").click()
    await hub.get_by_role("button", name="Done").click()
    await expect(stage.page.locator("iframe")).to_have_count(0)

    assert (await stage.account(session["account_id"]))["status"] == "active"


async def test_a_changed_script_is_refused(stage: Stage) -> None:
    """By the browser, by its hash."""
    session = await stage.open_session()
    hashed = load_script().integrity[:-8] + "AAAAAAA="
    tag = hub_snippets.render(url=stage.vendor.gateway, script=load_script().path, integrity=hashed)["page"][0]
    stage.vendor.tag = tag.code.replace("THE_TOKEN", session["token"])
    async with stage.page.expect_console_message(lambda said: "integrity" in said.text):
        await stage.show("tag")

    assert await stage.page.evaluate("window.Connect === undefined")
