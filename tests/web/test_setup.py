"""Setup: the checklist as a page."""

from __future__ import annotations

import json

from greenroom.services import audit, projects
from tests.house import PACKAGES, House
from tests.web.visitors import Visitor


async def visit_setup(house: House, project: str = "proctor") -> tuple[Visitor, str]:
    """Signs in and returns the address of the project's setup page."""
    browser = await Visitor.sign_in(house)
    page = await browser.get("/")
    return browser, f"{page.url.path}/setup"


async def test_a_new_project_is_led_to_the_configuration(house: House) -> None:
    """One problem with a primary button; nothing is called."""
    await projects.ensure(house.app.state.ctx, "proctor")
    browser, path = await visit_setup(house)
    page = (await browser.get(path)).text
    assert "Greenhouse is not configured yet." in page
    assert "/integrations/greenhouse/configuration" in page
    assert "YOUR_TENANT_ID" in page
    assert page.count('class="button primary') == 1


async def test_running_the_checks_calls_the_list_endpoint(house: House) -> None:
    """The answer is shown with names; a wrong one with its path."""
    await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    browser, path = await visit_setup(house)
    house.vendor.will_answer((200, {}, json.dumps({"data": PACKAGES}).encode()), (200, {}, b'{"data": [{}]}'))

    ran = await browser.submit(f"{path}/run", on=path)
    assert (ran.status_code, ran.headers["location"]) == (303, path)
    page = (await browser.get(path)).text
    assert "SQL essentials (45 min), Listening" in page
    assert "It answered 200 in" in page
    await browser.submit(f"{path}/run", on=path)
    assert "$.data[0].id" in (await browser.get(path)).text


async def test_a_person_confirms_what_cannot_be_observed(house: House) -> None:
    """With their name; it can be withdrawn; observed checks cannot be confirmed."""
    await house.link("proctor")
    browser, path = await visit_setup(house)
    await browser.submit(f"{path}/greenhouse/directory_listing/confirm", on=path)
    assert "Confirmed by hand by Owner by sign-in link." in (await browser.get(path)).text
    await browser.submit(f"{path}/greenhouse/directory_listing/withdraw", on=path)
    assert "Confirmed by hand by Owner by sign-in link." not in (await browser.get(path)).text
    entries = await audit.list_entries(house.app.state.ctx, path.split("/")[2])
    audited = [(one.action, one.object_id) for one in entries if one.object_type == "check"]
    assert audited == [("check.withdrawn", "directory_listing"), ("check.confirmed", "directory_listing")]
    refused = await browser.submit(f"{path}/greenhouse/packages_source/confirm", on=path)
    assert refused.status_code == 404
