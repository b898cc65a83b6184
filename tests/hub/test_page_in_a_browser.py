"""Every state of the hub's page, behind a hosted link, in a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.hub.stage import KEY, Stage, check, open_stage, says
from tests.support.browser import tab_to

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The tests of this file have customers of their own."""
    async with open_stage(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def test_the_page_cannot_be_opened_directly(stage: Stage) -> None:
    """Without a page around it there is no session."""
    session = await stage.session()
    page = await (await stage.context()).new_page()
    await page.goto(f"/hub/embed/{session['project_id']}")
    await expect(page.get_by_role("heading", name="This page can’t be opened directly")).to_be_visible()
    await check(page, "direct")
    await page.context.close()


async def test_a_hosted_link_leads_from_the_picker_to_the_first_use(stage: Stage) -> None:
    """Without the vendor's front end: choose, link, copy; the page notices that Greenhouse uses the token."""
    session = await stage.session(provider=None)
    page = await (await stage.context()).new_page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto("/link/" + session["auth_link_url"].rpartition("/")[2])
    await check(page, "link")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Search integrations").fill("gree")
    await expect(page.get_by_role("button", name="Ashby")).to_have_count(0)
    await check(page, "picker")
    await page.get_by_role("button", name="Greenhouse").click()
    await expect(page.get_by_role("heading", name="Link Greenhouse Account")).to_be_focused()
    await page.get_by_role("button", name="Back").click()
    await page.get_by_role("button", name="Greenhouse").click()
    token = await page.locator("#token").inner_text()
    await check(page, "form")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_role("heading", name="Linked. Now finish at Greenhouse")).to_be_focused()
    await check(page, "linked")
    await page.get_by_role("button", name="Copy: External Trigger Token").click()
    await expect(page.get_by_text("External Trigger Token copied")).to_be_attached()
    assert await page.evaluate("navigator.clipboard.readText()") == token
    await page.get_by_role("button", name="Copy ticket text").click()
    ticket = await page.evaluate("navigator.clipboard.readText()")
    assert "enable the Proctor integration" in ticket
    mail = await page.get_by_role("link", name="E-mail these steps").get_attribute("href")
    assert mail is not None
    assert mail.startswith("mailto:?subject=")
    assert token not in ticket + mail
    await expect(page.get_by_text("Greenhouse has not used this token yet")).to_be_visible()
    assert (await stage.proctor.call("list_tests", token=token)).status_code == 200
    await expect(page.get_by_text("Connected: Greenhouse used it")).to_be_visible(timeout=20_000)
    await expect(page.get_by_role("heading", name="Greenhouse is connected")).to_be_visible()
    await check(page, "connected")
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("heading", name="You can close this page")).to_be_visible()
    await page.context.close()


async def test_a_form_keeps_its_values_whatever_the_answer_is(stage: Stage) -> None:
    """Missing, refused by the ATS, no connection, then accepted; errors are announced, and the focus leads to them."""
    answers: list[Any] = [
        says(
            422,
            message="Ashby did not accept the API key.",
            errors=["credentials.api_key: not accepted, check it in Ashby"],
            provider_response=[{"status": 401, "body": "invalid_api_key"}],
        ),
        lambda route: route.abort(),
        lambda route: route.fallback(),
    ]
    page = await stage.link(await stage.session(provider="ashby"), {"accounts": lambda route: answers.pop(0)(route)})
    connect, key = page.get_by_role("button", name="Connect"), page.locator("input[name=api_key]")
    await key.fill(KEY)
    await connect.click()
    await expect(page.get_by_role("alert").filter(has_text="Ashby did not accept")).to_be_visible()
    await expect(page.get_by_role("alert").filter(has_text="Not accepted, check it in Ashby")).to_be_visible()
    await expect(key).to_be_focused()
    await expect(key).to_have_attribute("aria-invalid", "true")
    await page.get_by_text("Show details").click()
    await expect(page.get_by_text("401 invalid_api_key")).to_be_visible()
    await check(page, "refused")
    await connect.click()
    await expect(page.get_by_role("alert").filter(has_text="The server did not answer")).to_be_visible()
    await expect(key).to_have_value(KEY)
    await connect.click()
    await expect(page.get_by_role("heading", name="Linked. Now finish at Ashby")).to_be_focused()
    await page.context.close()


async def test_a_saved_secret_is_masked_until_it_is_replaced(stage: Stage) -> None:
    """Editing shows the secret's tail; a secret that is not replaced is kept."""
    session = await stage.session(provider="ashby")
    body = {"credentials": {"api_key": KEY}}
    found = await stage.proctor.api("PATCH", f"/accounts/{session['account_id']}", json=body)
    assert found.status_code == 200, found.text
    first = await stage.link(session)
    await first.get_by_role("button", name="Connect").click()
    await expect(first.get_by_role("heading", name="Linked")).to_be_visible()
    edit = await stage.session(account_id=session["account_id"])
    page = await stage.link(edit)
    await expect(page.get_by_role("heading", name="Edit Ashby Account")).to_be_focused()
    await expect(page.get_by_text(f"Saved, ends in {KEY[-4:]}")).to_be_visible()
    await check(page, "edit")
    async with page.expect_request(lambda request: request.method == "PATCH") as sent:
        await page.get_by_role("button", name="Save changes").click()
    assert (await sent.value).post_data_json["credentials"] == {}
    await expect(page.get_by_role("heading", name="Linked")).to_be_visible()
    await first.context.close()
    await page.context.close()


async def test_a_slow_answer_can_be_cancelled(stage: Stage) -> None:
    """After 5 s; the form is there again, with its values."""
    held: list[Route] = []
    session = await stage.session(provider="ashby")
    page = await stage.link(session, {"accounts": lambda route: held.append(route)}, clock=True)
    await page.locator("input[name=api_key]").fill(KEY)
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_role("button", name="Connecting")).to_have_attribute("aria-busy", "true")
    await page.clock.run_for(6_000)
    await expect(page.get_by_text("slower than usual")).to_be_visible()
    await check(page, "slow")
    await page.get_by_role("button", name="Cancel and start over").click()
    await expect(page.get_by_role("alert").filter(has_text="Cancelled")).to_be_visible()
    await expect(page.locator("input[name=api_key]")).to_have_value(KEY)
    await page.context.close()


async def test_copying_that_is_refused_never_says_copied(stage: Stage) -> None:
    """The token is selected instead, with the keys to press."""
    page = await stage.link(await stage.session())
    await page.evaluate(
        """() => {
            navigator.clipboard.writeText = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
            document.execCommand = () => false;
        }"""
    )
    token = await page.locator("#token").inner_text()
    await page.get_by_role("button", name="Copy: External Trigger Token").click()
    await expect(page.locator(".manual").get_by_text("The text is selected: press")).to_be_visible()
    assert await page.evaluate("getSelection().toString()") == token
    await expect(page.get_by_text("Copied", exact=True).first).to_be_hidden()
    await check(page, "copy-refused")
    await page.context.close()


async def test_a_session_about_to_end_can_be_extended(stage: Stage) -> None:
    """The page warns two minutes before, and asks for more time."""
    ends_soon = [True]

    async def shorten(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        if ends_soon:
            body["expires_at"] = await page.evaluate("new Date(Date.now() + 90_000).toISOString()")
        await route.fulfill(response=answer, json=body)

    session = await stage.session()
    page = await (await stage.context()).new_page()
    await page.route("**/hub/session", shorten)
    await page.goto("/link/" + session["auth_link_url"].rpartition("/")[2])
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("This session ends soon.").first).to_be_visible()
    await check(page, "expiring")
    ends_soon.clear()
    await page.get_by_role("button", name="Stay connected").click()
    await expect(page.get_by_role("button", name="Stay connected")).to_have_count(0)
    await page.context.close()


async def test_a_page_without_connection_or_integration_says_so(stage: Stage) -> None:
    """No answer can be tried again; nothing to link names the vendor."""
    broken = [True]

    async def fail_once(route: Route) -> None:
        await (route.abort() if broken.pop() else route.fallback())

    async def answer_none(route: Route) -> None:
        await route.fulfill(json={"integrations": []})

    page = await stage.link(await stage.session(), {"settings": fail_once})
    await expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    await check(page, "network")
    broken.append(False)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("heading", name="Link Greenhouse Account")).to_be_visible()
    page = await stage.link(await stage.session(), {"connectors": answer_none})
    await expect(page.get_by_text("Proctor has not enabled any integration.")).to_be_visible()
    await check(page, "none")
    await page.context.close()


async def test_consent_in_another_window_is_polled_and_can_be_cancelled(stage: Stage) -> None:
    """The window's own state says nothing; the server is asked."""
    state: dict[str, Any] = {"status": "pending", "account": None, "error": None}
    deleted: list[str] = []

    async def attempt(route: Route) -> None:
        if route.request.method == "DELETE":
            deleted.append(route.request.url)
        await route.fulfill(json=state)

    async def form(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        body["config"]["type"] = "oauth2"
        await route.fulfill(response=answer, json=body)

    session = await stage.session()
    page = await stage.link(session, {"connectors/*": form, "connection_attempts/*": attempt})
    await page.context.route("**/connect/oauth2/**", lambda route: route.fulfill(body="The consent page"))
    button = page.get_by_role("button", name="Authorise with Greenhouse")
    async with page.expect_popup() as opening:
        await button.click()
    popup = await opening.value
    await popup.wait_for_url("**/connect/oauth2/**")
    assert session["token"] not in popup.url
    await expect(page.get_by_text("Sign in at Greenhouse in the other window")).to_be_visible()
    await check(page, "consent")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("alert").filter(has_text="Cancelled")).to_be_visible()
    assert len(deleted) == 1
    async with page.expect_popup():
        await button.click()
    state |= {"status": "authenticated", "account": {"id": session["account_id"]}}
    await expect(page.get_by_role("heading", name="Linked. Now finish at Greenhouse")).to_be_visible()
    await page.context.close()


async def test_everything_is_reached_by_keyboard(stage: Stage) -> None:
    """From Continue to the last button; the focus is visible all the way."""
    session = await stage.session(provider=None)
    page = await (await stage.context()).new_page()
    await page.goto("/link/" + session["auth_link_url"].rpartition("/")[2])
    await tab_to(page, page.get_by_role("button", name="Continue"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Connect your ATS")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Greenhouse"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Link Greenhouse Account")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Connect"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Linked. Now finish at Greenhouse")).to_be_focused()
    for name in ("Copy: External Trigger Token", "Copy ticket text", "Done"):
        await tab_to(page, page.get_by_role("button", name=name, exact=name == "Done"))
    await page.context.close()
