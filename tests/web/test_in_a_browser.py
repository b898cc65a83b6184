"""The pages in a real Chromium: accessible, narrow and wide, light and dark; screenshots are kept on request."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from greenroom.doctor.catalogue import causes
from greenroom.services import members, projects, users
from tests.house import open_house
from tests.support.browser import SCHEMES, WIDTHS, chromium, flaws, listening, tab_to
from tests.web import busy
from tests.web.pages import PAGES
from tests.web.visitors import sign_in_tab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
#: a folder for screenshots of every page, light and dark, wide and narrow, with an index.html
SCREENSHOTS = os.environ.get("SCREENSHOTS_DIR")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Page, dict[str, str]]]:
    """A signed-in tab, and the ids that the addresses of pages need."""
    async with open_house(tmp_path_factory.mktemp("house")) as house, chromium() as browser:
        proctor = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
        ctx = house.app.state.ctx
        project = await projects.find_by_name(ctx, "proctor")
        assert project is not None
        ids = await busy.fill(house, proctor, project.id)
        await users.create(ctx, email=EMAIL, name="Ada", password=PASSWORD, project_ids=[project.id])
        await members.invite(ctx, project.id, email="bob@example.com", role="viewer")
        page = await browser.new_page(base_url=str(house.client.base_url), reduced_motion="reduce")
        await sign_in_tab(page, house)
        yield page, {**ids, "project": project.id}


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_wrong_with_a_page(opened: tuple[Page, dict[str, str]], path: str) -> None:
    """No axe-core violation, sideways scrolling, browser error or foreign request."""
    page, ids = opened
    received: list[str] = []
    with listening(page, received):
        await page.goto(path.format(**ids))
        assert await flaws(page) == []
    assert [said for said in received if "404" not in said] == []
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), re.sub(r"\W+", "-", path.format(**dict.fromkeys(ids, "x"))))


async def test_nothing_is_wrong_with_pages_that_show_problems(opened: tuple[Page, dict[str, str]]) -> None:
    """Of the webhook, of the project and Home, while the webhook is disabled."""
    page, ids = opened
    here = "/projects/{project}".format(**ids)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{here}/webhooks/{ids['webhook']}")
    await page.get_by_role("button", name="Disable webhook").click()
    for name, path in (("webhook", f"/webhooks/{ids['webhook']}"), ("problems", "/findings"), ("home", "")):
        await page.goto(here + path)
        await expect(page.get_by_text(causes()["webhook.disabled"].title).first).to_be_visible()
        assert await flaws(page) == []
        if SCREENSHOTS:
            await keep_screenshots(page, Path(SCREENSHOTS), f"problem-{name}")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{here}/webhooks/{ids['webhook']}")
    await page.get_by_role("button", name="Enable webhook").click()
    await expect(page.get_by_text(causes()["webhook.disabled"].title)).to_have_count(0)


async def test_the_slash_key_leads_to_the_search_and_the_theme_stays(opened: tuple[Page, dict[str, str]]) -> None:
    """By keyboard; the chosen theme is there after the next page is loaded."""
    page, _ = opened
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto("/")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Dark"))
    async with page.expect_response("**/theme"):
        await page.keyboard.press("Enter")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    async with page.expect_response("**/theme"):
        await page.get_by_role("button", name="Same as system").click()


async def test_a_user_signs_in_and_sees_their_own_page(opened: tuple[Page, dict[str, str]]) -> None:
    """The sign-in page, the members and the user's page have no flaw; two-factor sign-in shows its key."""
    page, ids = opened
    browser = page.context.browser
    assert browser is not None
    context = await browser.new_context(base_url=page.url.partition("/projects")[0], reduced_motion="reduce")
    own = await context.new_page()
    await own.goto("/sign-in")
    assert await flaws(own) == []
    await keep(own, "sign-in")
    await own.get_by_label("E-mail address").fill(EMAIL)
    await own.get_by_label("Password", exact=True).fill(PASSWORD)
    await own.get_by_role("button", name="Sign in").click()
    await expect(own.get_by_role("heading", name="Home", level=1)).to_be_visible()
    for path, name in ((f"/projects/{ids['project']}/settings/members", "members"), ("/me", "me-of-a-user")):
        await own.goto(path)
        assert await flaws(own) == []
        await keep(own, name)
    await own.get_by_role("button", name="Turn it on").click()
    await expect(own.get_by_label("Key for the app")).to_be_visible()
    assert await flaws(own) == []
    await keep(own, "two-factor")
    await context.close()


async def keep(page: Page, name: str) -> None:
    """Keeps screenshots on request."""
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), name)


async def test_a_dialog_stands_over_its_parent(opened: tuple[Page, dict[str, str]]) -> None:
    """The parent is inert and repeats no id; a narrow window has the dialog alone."""
    page, ids = opened
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(f"/projects/{ids['project']}/accounts/auth-link")
    await expect(page.locator("[data-behind] h1")).to_have_text("Accounts")
    await expect(page.locator(".shell")).to_have_attribute("inert", "")
    every = await page.locator("[id]").evaluate_all("found => found.map(one => one.id)")
    assert len(every) == len(set(every))
    await page.set_viewport_size({"width": 320, "height": 800})
    await expect(page.locator(".shell")).to_be_hidden()
    assert await flaws(page) == []


async def test_the_narrow_menu_works_without_javascript(opened: tuple[Page, dict[str, str]]) -> None:
    """It opens from the top bar, and leads to another page."""
    page, _ = opened
    browser = page.context.browser
    assert browser is not None
    context = await browser.new_context(
        java_script_enabled=False,
        storage_state=await page.context.storage_state(),
        base_url=page.url.partition("/projects")[0],
        viewport={"width": 320, "height": 800},
    )
    narrow = await context.new_page()
    await narrow.goto("/")
    await narrow.get_by_role("button", name="Open navigation").click()
    await narrow.get_by_role("link", name="Orders", exact=True).click()
    await expect(narrow.get_by_role("heading", name="Orders", level=1)).to_be_visible()
    await context.close()


async def test_a_delivery_and_its_curl_command_are_accessible(opened: tuple[Page, dict[str, str]]) -> None:
    """From the order's page to the delivery, and to its request signed now."""
    page, ids = opened
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(f"/projects/{ids['project']}/orders/{ids['order']}")
    await page.get_by_role("link", name="orders", exact=True).last.click()
    assert await flaws(page) == []
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), "delivery")
    await page.get_by_role("button", name="Show as curl").click()
    await expect(page.get_by_role("heading", name="As curl, signed now")).to_be_visible()
    assert await flaws(page) == []
    if SCREENSHOTS:
        await keep_screenshots(page, Path(SCREENSHOTS), "delivery-curl")


async def test_the_preview_follows_the_form_of_a_result(opened: tuple[Page, dict[str, str]]) -> None:
    """While typing; nothing is recorded before the form is sent."""
    page, ids = opened
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(f"/projects/{ids['project']}/orders/{ids['open_order']}/result")
    await page.get_by_label("Result URL").fill("https://results.proctor-tests.com/r/2")
    await page.get_by_label("Score (optional)", exact=True).fill("91")
    preview = page.locator("#preview")
    await expect(preview.get_by_text("View Report")).to_be_visible()
    await expect(preview.get_by_text("91")).to_be_visible()
    assert await flaws(page) == []
    await page.goto(f"/projects/{ids['project']}/orders/{ids['open_order']}")
    await expect(page.get_by_role("link", name="Send result")).to_be_visible()


async def keep_screenshots(page: Page, folder: Path, name: str) -> None:
    """Stores the page as pictures, and lists them in the folder's contact sheet."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=folder / f"{name.strip('-')}-{width}-{scheme}.png", full_page=True)
    list_screenshots(folder)


def list_screenshots(folder: Path) -> None:
    """Writes the contact sheet of a folder of screenshots."""
    pictures = sorted(path.name for path in folder.glob("*.png"))
    sheet = "".join(f'<figure><img src="{one}" width="480"><figcaption>{one}</figcaption></figure>' for one in pictures)
    (folder / "index.html").write_text(f"<!doctype html><title>Pages</title>{sheet}", encoding="utf-8")
