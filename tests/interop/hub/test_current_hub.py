"""`@stackone/hub` 1.11.4, as a web component and as a React component, unmodified against the gateway."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.house import webhook
from tests.interop.hub.stage import OWNER, Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
WAYS = ["element", "component"]


def button(stage: Stage, name: str) -> Locator:
    """Returns a button of the hub."""
    return stage.page.get_by_role("button", name=name, exact=True)


def field(stage: Stage, name: str) -> Locator:
    """Returns a field of the form."""
    return stage.page.get_by_role("textbox", name=name, exact=True)


async def configure(stage: Stage, provider: str = "greenhouse", **settings: Any) -> None:
    """Changes an integration, or enables a second one."""
    base = {"enabled": True, "tenant_id": f"proctor-{provider}", "package_id": "pkg_static"}
    answer = await stage.project.api("PUT", f"/v1/integrations/{provider}", json={**base, **settings})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("way", WAYS)
async def test_one_integration_is_linked_without_a_picker(stage: Stage, way: str) -> None:
    """The token is the account's and is copied; linking tells the page and the vendor's webhook."""
    await webhook(stage.project, ["account.created"])
    session = await stage.open_session()
    await stage.show(way)
    await expect(field(stage, "External Trigger Token")).to_have_value(session["external_trigger_token"])
    await field(stage, "External Trigger Token").locator("xpath=following::button[1]").click()
    await stage.page.wait_for_function(
        "async token => await navigator.clipboard.readText() === token", arg=session["external_trigger_token"]
    )
    await button(stage, "Connect").click()
    await expect(stage.page.get_by_text("Account successfully connected to Greenhouse")).to_be_visible()
    account = {"id": session["account_id"], "provider": "greenhouse"}
    assert await stage.events(1) == [["success", account]]
    await button(stage, "Close").click()

    assert await stage.events(2) == [["success", account], ["close"]]
    assert (await stage.account(account["id"]))["status"] == "active"
    assert (await stage.received("account.created"))["account_id"] == account["id"]


async def test_several_integrations_are_picked_from(stage: Stage) -> None:
    """Found by its name. The token is made with the account, so it is in the form once that is opened again."""
    await configure(stage, "ashby")
    await stage.open_session()
    await stage.show("element")
    await expect(stage.page.get_by_role("button", name="Ashby")).to_be_visible()
    await field(stage, "Search Integrations").fill("green")
    await expect(stage.page.get_by_role("button", name="Ashby")).to_have_count(0)
    await stage.page.get_by_role("button", name="Greenhouse").click()
    await button(stage, "Connect").click()
    ((name, account),) = await stage.events(1)

    assert (name, account["provider"]) == ("success", "greenhouse")
    assert (await stage.account(account["id"]))["origin_owner_id"] == OWNER["origin_owner_id"]
    await stage.show("element")
    await expect(field(stage, "External Trigger Token")).to_have_value(re.compile(r"^gr_"))


async def test_a_missing_value_and_a_refused_one_are_said(stage: Stage) -> None:
    """Connect waits for the required value; a refusal leaves the account pending, and the next try links it."""
    await configure(stage, "ashby")
    session = await stage.open_session(provider="ashby")
    await stage.show("element")
    await expect(field(stage, "External Trigger Token")).to_have_value(session["external_trigger_token"])
    await expect(button(stage, "Connect")).to_be_disabled()
    await field(stage, "Ashby API key").fill("k" * 2001)
    await button(stage, "Connect").click()
    await expect(stage.page.get_by_text("api_key: expected one line of at most 2000 characters")).to_be_visible()
    assert (await stage.account(session["account_id"]))["status"] == "inactive"
    assert await stage.events(0) == []
    # the package clears every field after a refusal
    await field(stage, "Ashby API key").fill("ashby-key-value-9f3a")
    await button(stage, "Connect").click()

    assert await stage.events(1) == [["success", {"id": session["account_id"], "provider": "ashby"}]]
    assert (await stage.account(session["account_id"]))["status"] == "active"


@pytest.mark.parametrize("way", WAYS)
async def test_an_account_is_edited(stage: Stage, way: str) -> None:
    """The secret is shown by its end alone; it is kept if untouched, and the webhook hears of a new one."""
    await configure(stage, "ashby")
    new = {**OWNER, "provider": "ashby", "credentials": {"api_key": "ashby-key-value-9f3a"}}
    account = (await stage.project.api("POST", "/v1/accounts", json=new)).json()["id"]
    await webhook(stage.project, ["account.updated"])
    await stage.open_session(account_id=account)
    await stage.show(way)
    await expect(field(stage, "Ashby API key")).to_have_value("••••••••••9f3a")
    assert "ashby-key-value" not in await stage.page.content()
    await button(stage, "Edit").click()
    await field(stage, "Ashby API key").fill("another-key-value-77aa")
    await button(stage, "Connect").click()
    await expect(stage.page.get_by_text("Connection Successful")).to_be_visible()
    assert (await stage.received("account.updated"))["account_id"] == account

    await stage.open_session(account_id=account)
    await stage.show(way)
    await expect(field(stage, "Ashby API key")).to_have_value("••••••••••77aa")
    await button(stage, "Connect").click()
    await expect(stage.page.get_by_text("Connection Successful")).to_be_visible()


async def test_a_page_gets_its_token_later(stage: Stage) -> None:
    """Without a token the package asks the gateway nothing; every request has the token and the package's version."""
    session = await stage.open_session()
    asked: list[dict[str, str]] = []
    stage.page.on("request", lambda one: "/hub/" in one.url and asked.append(one.headers))
    await stage.show("element", token="")
    await expect(stage.page.get_by_text("No token provided")).to_be_visible()
    assert asked == []
    await stage.page.locator("stackone-hub").evaluate(
        "(hub, token) => hub.setAttribute('token', token)", session["token"]
    )
    await button(stage, "Connect").click()
    assert [name for name, _ in await stage.events(1)] == ["success"]

    calls = [headers for headers in asked if "x-hub-session-token" in headers]
    assert calls
    for headers in calls:
        assert (headers["x-hub-session-token"], headers["x-hub-version"]) == (session["token"], "1.11.4")


async def test_a_made_up_token_links_nothing(stage: Stage) -> None:
    """401, which the package shows as a project without integrations."""
    await stage.open_session()
    await stage.show("element", token=f"pk_{'x' * 30}.{'y' * 43}")
    await expect(stage.page.get_by_text("No configured integrations available.")).to_be_visible()
    await expect(button(stage, "Connect")).to_have_count(0)
    assert await stage.events(0) == []


async def test_an_expired_session_says_so(stage: Stage) -> None:
    """In the gateway's words; a session that never was is called expired by the package."""
    session = await stage.open_session()
    sql = "UPDATE connect_sessions SET expires_at = now_ms() WHERE id = $1"
    await stage.house.app.state.ctx.store.write(lambda tx: tx.run(sql, session["id"]))
    await stage.page.clock.install()
    await stage.show("element")
    await stage.page.clock.run_for(20_000)
    await expect(stage.page.get_by_text("This link has expired. Ask proctor for a new one.")).to_be_visible()


async def test_it_is_dark_and_narrow(stage: Stage) -> None:
    """A dark theme is dark, and nothing scrolls sideways at 320 pixels."""
    await stage.open_session()
    await stage.page.set_viewport_size({"width": 320, "height": 700})
    await stage.show("element", attributes={"theme": "dark", "show-footer-links": "false"})
    await expect(button(stage, "Connect")).to_be_visible()
    assert await stage.page.evaluate("document.documentElement.scrollWidth") <= 320
    colour = await button(stage, "Connect").evaluate(
        """button => {
            for (let one = button; one; one = one.parentElement || one.getRootNode().host) {
                const parts = getComputedStyle(one).backgroundColor.match(/[\\d.]+/g).map(Number);
                if (one !== button && (parts.length < 4 || parts[3] > 0)) return parts;
            }
        }"""
    )
    assert max(colour[:3]) < 80, colour


async def test_another_origin_is_refused(stage: Stage) -> None:
    """A page that the vendor has not allowed reads nothing, not even the token."""
    await stage.project.api("PUT", "/v1/hub", json={"allowed_origins": ["https://app.example.com"]})
    session = await stage.open_session()
    await stage.page.clock.install()
    await stage.show("element")
    await stage.page.clock.run_for(20_000)
    await expect(button(stage, "Connect")).to_have_count(0)

    assert session["external_trigger_token"] not in await stage.page.content()
    assert (await stage.account(session["account_id"]))["status"] == "inactive"
