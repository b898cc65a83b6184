"""The whole story in a real Chromium, with the keyboard alone and without JavaScript; gateway, simulator, vendor are real."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

from greenroom.demo import story as demo
from greenroom.demo.processes import Ports, Processes, first_free
from tests.support.browser import chromium, tab_to

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # nothing waits that long, except on a machine that is short of breath
NAME = "Zoë Nguyễn-O'Neill"


@dataclass
class Hands:
    """Somebody at a keyboard."""

    page: Page

    async def submit(self, words: str) -> None:
        """Press a button, and wait for where it leads."""
        await tab_to(self.page, self.page.get_by_role("button", name=words, exact=True).first)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def follow(self, words: str) -> None:
        """Follow a link, and wait for where it leads."""
        await tab_to(self.page, self.page.get_by_role("link", name=words, exact=True).first)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def type(self, label: str, text: str) -> None:
        """Type into a field, or pick from a list by the beginning of its words."""
        await tab_to(self.page, self.page.get_by_label(label, exact=True))
        await self.page.keyboard.type(text)

    async def read(self, label: str) -> str:
        """The value beside a name in a list of facts."""
        return await self.page.locator(f"dt:text-is('{label}') + dd").inner_text()


async def test_the_story_from_the_application_to_the_scored_kit() -> None:
    """Everything that happens at Greenhouse is done by keys in its pages; what is read there is what a recruiter reads."""
    ports = Ports(gateway=first_free((0,)), sandbox=first_free((0,)), vendor=first_free((0,)))
    with Processes(ports) as processes:
        story = demo.Story(processes, quiet=True)
        await asyncio.to_thread(demo.start_servers, story)
        async with chromium() as browser:
            context = await browser.new_context(base_url=story.sandbox, java_script_enabled=False)
            hands = Hands(await context.new_page())
            await hands.page.goto("/")
            await apply(hands, story)
            for step in (demo.configure_integration, demo.add_webhook, demo.link_account):
                await asyncio.to_thread(step, story)
            await enable(hands, story.keys["external_trigger_token"])
            await add_stage(hands)
            await send(hands)
            test = story.greenhouse.call("GET", "/take-homes?status=sent")["data"][0]
            story.ids |= {"take_home": test["id"], "order": test["partner_interview_id"]}
            await asyncio.to_thread(demo.receive_webhook, story)
            await asyncio.to_thread(demo.take_test, story)
            await asyncio.to_thread(demo.check_kit, story)
            await see_the_result(hands)


async def apply(hands: Hands, story: demo.Story) -> None:
    """Partner application, credentials, publication."""
    await hands.follow("Support desk")
    await hands.follow("New partner application")
    await hands.type("Name", "Proctor")
    for call in ("list_tests", "send_test", "test_status", "response_error"):
        await hands.type(call, f"{story.gateway}/external-trigger/greenhouse/{call}?tenant-id={demo.TENANT}")
    await hands.submit("Apply")
    story.keys |= {
        "partner_username": await hands.read("Partner username"),
        "partner_password": await hands.read("Partner password"),
    }
    await hands.submit("Publish")
    await expect(hands.page.get_by_text("Published", exact=True)).to_be_visible()


async def enable(hands: Hands, token: str) -> None:
    """The customer finds the integration in the directory, and gives support the token."""
    await hands.follow("Integrations")
    await hands.follow("Proctor")
    await hands.follow("Contact Greenhouse Support to enable")
    await hands.type("API key", token)
    await hands.submit("Save")
    await expect(hands.page.get_by_text("Enabled", exact=True)).to_be_visible()


async def add_stage(hands: Hands) -> None:
    """Job, Interview Plan, Add stage; then the candidate moves into it."""
    await hands.follow("Jobs")
    await hands.follow("Data Engineer")
    await hands.follow("Interview Plan")
    await hands.follow("Add stage")
    choice = hands.page.get_by_label("Proctor")
    await tab_to(hands.page, hands.page.get_by_role("radio").first)
    while not await choice.is_checked():
        await hands.page.keyboard.press("ArrowDown")
    await hands.submit("Add")
    await hands.follow("Candidates")
    await hands.follow(NAME)
    await hands.follow("Move stage")
    await hands.submit("Proctor")
    await expect(hands.page.get_by_text("Test needs to be sent to candidate")).to_be_visible()
    await expect(hands.page.get_by_text("No assignments to assign graders.")).to_be_visible()


async def send(hands: Hands) -> None:
    """*Send test*: the vendor's own packages are in the list."""
    await hands.follow("Send test to candidate")
    await expect(hands.page.get_by_label("To", exact=True)).to_have_value("zoe.n@example.test")
    await hands.type("Test", "SQL")
    await hands.submit("Send test")
    await expect(hands.page.get_by_role("status")).to_have_text("Submitted tests")
    await expect(hands.page.get_by_text("Awaiting candidate's submission. Test last sent")).to_be_visible()


async def see_the_result(hands: Hands) -> None:
    """The score on the candidate's page, and everything else in the interview kit."""
    await hands.page.reload()
    await expect(hands.page.get_by_text("Proctor (score: 82.5)")).to_be_visible()
    await hands.follow("Go to interview kit")
    await expect(hands.page.get_by_role("heading", name=f"Proctor Report for {NAME}")).to_be_visible()
    labels = await hands.page.locator(".report dt").all_inner_texts()
    assert labels == ["Report", "Score", "Started At", "Completed At", "Notes", "Outcome", "Score Range"]
    assert await hands.read("Score") == "82.5"
    assert await hands.read("Report") == "View Report"
