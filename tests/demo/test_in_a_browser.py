"""The demo's story in a real Chromium, by keyboard and without JavaScript."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from greenroom.demo import greenhouse
from greenroom.demo import story as demo
from greenroom.demo.processes import Ports, Processes, first_free
from tests.support.browser import chromium, keep_picture, tab_to

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # longer than any step takes, except on an overloaded machine
#: a folder for the pictures of the README and of the docs, such as docs/images
PICTURES = os.environ.get("PICTURES_DIR")
#: how wide and high they are in CSS pixels
PICTURE_SIZE = (1280, 860)
NAME = "Zoë Nguyễn-O'Neill"


@dataclass
class KeyboardUser:
    """A user with a keyboard alone."""

    page: Page

    async def submit(self, words: str) -> None:
        """Presses a button, and waits for the next page."""
        await tab_to(self.page, self.page.get_by_role("button", name=words, exact=True).first)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def follow(self, words: str) -> None:
        """Follows a link, and waits for the next page."""
        await tab_to(self.page, self.page.get_by_role("link", name=words, exact=True).first)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def type(self, label: str, text: str) -> None:
        """Types into a field, or picks from a list by the beginning of an entry."""
        await tab_to(self.page, self.page.get_by_label(label, exact=True))
        await self.page.keyboard.type(text)

    async def read(self, label: str) -> str:
        """Returns the value beside a name in a list of facts."""
        return await self.page.locator(f"dt:text-is('{label}') + dd").inner_text()


async def test_the_story_from_the_application_to_the_scored_kit() -> None:
    """Every step at Greenhouse works by keyboard, and the recruiter sees the scored kit."""
    ports = Ports(gateway=first_free((0,)), sandbox=first_free((0,)), vendor=first_free((0,)))
    with Processes(ports) as processes:
        story = demo.Story(processes, greenhouse.GREENHOUSE, quiet=True)
        await asyncio.to_thread(greenhouse.start_servers, story)
        async with chromium() as browser:
            context = await browser.new_context(base_url=story.sandbox, java_script_enabled=False)
            user = KeyboardUser(await context.new_page())
            await user.page.goto("/")
            await apply(user, story)
            for step in (greenhouse.configure_integration, demo.add_webhook, greenhouse.link_account):
                await asyncio.to_thread(step, story)
            await enable(user, story.keys["external_trigger_token"])
            await add_stage(user)
            await send(user)
            test = story.simulator.call("GET", "/take-homes?status=sent")["data"][0]
            story.ids |= {"take_home": test["id"], "order": test["partner_interview_id"]}
            await asyncio.to_thread(demo.receive_webhook, story)
            await asyncio.to_thread(demo.take_test, story)
            await asyncio.to_thread(greenhouse.check_kit, story)
            await see_the_result(user)
            if PICTURES:
                await asyncio.to_thread(demo.check_timeline, story)
                await keep_pictures(browser, story, Path(PICTURES), user.page.url)


async def apply(user: KeyboardUser, story: demo.Story) -> None:
    """Applies for a partnership, reads the credentials, and publishes the partner."""
    await user.follow("Support desk")
    await user.follow("New partner application")
    await user.type("Name", "Proctor")
    for call in ("list_tests", "send_test", "test_status", "response_error"):
        await user.type(call, f"{story.gateway}/external-trigger/greenhouse/{call}?tenant-id={demo.TENANT}")
    await user.submit("Apply")
    story.keys |= {
        "partner_username": await user.read("Partner username"),
        "partner_password": await user.read("Partner password"),
    }
    await user.submit("Publish")
    await expect(user.page.get_by_text("Published", exact=True)).to_be_visible()


async def enable(user: KeyboardUser, token: str) -> None:
    """Finds the integration in the directory, and gives the token to support."""
    await user.follow("Integrations")
    await user.follow("Proctor")
    await user.follow("Contact Greenhouse Support to enable")
    await user.type("API key", token)
    await user.submit("Save")
    await expect(user.page.get_by_text("Enabled", exact=True)).to_be_visible()


async def add_stage(user: KeyboardUser) -> None:
    """Adds the stage to the job's interview plan, and moves the candidate into it."""
    await user.follow("Jobs")
    await user.follow("Data Engineer")
    await user.follow("Interview Plan")
    await user.follow("Add stage")
    choice = user.page.get_by_label("Proctor")
    await tab_to(user.page, user.page.get_by_role("radio").first)
    while not await choice.is_checked():
        await user.page.keyboard.press("ArrowDown")
    await user.submit("Add")
    await user.follow("Candidates")
    await user.follow(NAME)
    await user.follow("Move stage")
    await user.submit("Proctor")
    await expect(user.page.get_by_text("Test needs to be sent to candidate")).to_be_visible()
    await expect(user.page.get_by_text("No assignments to assign graders.")).to_be_visible()


async def send(user: KeyboardUser) -> None:
    """Sends the test; the vendor's own packages are in the list."""
    await user.follow("Send test to candidate")
    await expect(user.page.get_by_label("To", exact=True)).to_have_value("zoe.n@example.test")
    await user.type("Test", "SQL")
    await user.submit("Send test")
    await expect(user.page.get_by_role("status")).to_have_text("Submitted tests")
    await expect(user.page.get_by_text("Awaiting candidate's submission. Test last sent")).to_be_visible()


async def see_the_result(user: KeyboardUser) -> None:
    """Checks the score on the candidate's page, and the rest in the interview kit."""
    await user.page.reload()
    await expect(user.page.get_by_text("Proctor (score: 82.5)")).to_be_visible()
    await user.follow("Go to interview kit")
    await expect(user.page.get_by_role("heading", name=f"Proctor Report for {NAME}")).to_be_visible()
    labels = await user.page.locator(".report dt").all_inner_texts()
    assert labels == ["Report", "Score", "Started At", "Completed At", "Notes", "Outcome", "Score Range"]
    assert await user.read("Score") == "82.5"
    assert await user.read("Report") == "View Report"


async def keep_pictures(browser: Browser, story: demo.Story, folder: Path, kit: str) -> None:
    """Keeps pictures of the interview kit, and of the order's page and the setup page of the dashboard."""
    width, height = PICTURE_SIZE
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        color_scheme="light",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 640})  # the kit is short
    await page.goto(kit)
    await keep_picture(page, folder / "sandbox.webp")
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(story.sign_in_link)
    if await page.get_by_role("button", name="Sign in").count():
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    await page.goto(f"{story.gateway}/orders/{story.ids['order']}")
    await keep_picture(page, folder / "order.webp")
    await page.goto(page.url.partition("/orders")[0] + "/setup")
    await keep_picture(page, folder / "setup.webp")
    await context.close()
