"""Integrations and the configuration dialog."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from greenroom.errors import Unavailable
from greenroom.services import checks, integrations, projects, users
from tests.house import PACKAGES, House, Linked
from tests.web.visitors import Visitor

GOOD = (200, {"content-type": "application/json"}, json.dumps({"data": PACKAGES}).encode())


async def open_dialog(house: House) -> tuple[Visitor, str]:
    """Signs in; returns the address of the dialog."""
    await projects.ensure(house.app.state.ctx, "proctor")
    browser = await Visitor.sign_in(house)
    page = await browser.get("/")
    return browser, f"{page.url.path}/integrations/greenhouse/configuration"


def fields_of(page: str) -> dict[str, str]:
    """Returns the values of the page's fields as a browser submits them."""
    found = {
        name: unescape(value)
        for name, value in re.findall(
            r'<input(?: class="[^"]*" id="[^"]*")?[^>]* name="(\w+)"[^>]* value="([^"]*)"', page
        )
        if name != "csrf"
    }
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = unescape(chosen[1]) if chosen else ""
    for name, text in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL):
        found[name] = unescape(text)
    return found


async def stored(linked: Linked) -> dict[str, object]:
    """Returns the stored configuration as the API shows it."""
    return dict((await linked.api("GET", "/v1/integrations/greenhouse")).json())


async def test_the_first_configuration_enables_the_integration(house: House) -> None:
    """The guide's labels; Confirm at first, Save Changes afterwards; the password is not sent back."""
    browser, path = await open_dialog(house)
    page = (await browser.get(path)).text
    for label in (
        "Greenhouse - Configuration", "Authentication Type", "Partner Category", "Package's List Endpoint URL",
        "Partner's Username", "Partner's Password", "Package ID", "Endpoints for Greenhouse", "list_tests",
        "response_error", ">Confirm<",
    ):  # fmt: skip
        assert label in unescape(page), label

    values = {
        **fields_of(page),
        "tenant_id": "proctor",
        "package_id": "pkg_core_sql",
        "partner_username": "partner",
        "partner_password": "correct horse battery",
    }
    saved = await browser.submit(path, values, on=path)
    assert (saved.status_code, saved.headers["location"]) == (303, path.replace("/greenhouse/configuration", ""))
    page = (await browser.get(path)).text
    assert "Save Changes" in page
    assert "Saved, ends in tery" in page
    assert "correct horse" not in page
    assert "tenant-id=proctor" in unescape(page).replace("<wbr>", "")
    assert "Enabled" in (await browser.get(saved.headers["location"])).text


async def test_a_refused_form_keeps_every_value(house: House) -> None:
    """With the error beside each field and a summary on top."""
    browser, path = await open_dialog(house)
    values = {
        **fields_of((await browser.get(path)).text),
        "tenant_id": "not a word",
        "packages_url": "ftp://vendor.example",
        "partner_username": "a:b",
        "callback_hosts": "https://x.example",
    }
    refused = await browser.submit(path, values, on=path)
    assert refused.status_code == 422
    for name in ("tenant_id", "packages_url", "partner_username", "callback_hosts"):
        assert f'id="{name}-error"' in refused.text, name
    kept = fields_of(refused.text)
    assert {name: kept[name] for name in values} == values
    values |= {"tenant_id": "proctor", "packages_url": "", "partner_username": "", "callback_hosts": ""}
    refused = await browser.submit(path, values, on=path)
    assert refused.status_code == 422
    assert refused.text.count("Enter the URL of your list endpoint, or a Package ID.") == 4  # in summary and beside


async def test_testing_the_endpoint_needs_no_account_and_saves_nothing(house: House) -> None:
    """A signed call; names as recruiters see them; the exchange without credentials."""
    browser, path = await open_dialog(house)
    repeating = json.dumps({"data": PACKAGES, "echo": "a-very-secret-key"}).encode()
    house.vendor.will_answer((200, {"content-type": "application/json"}, repeating))
    values = {
        **fields_of((await browser.get(path)).text),
        "packages_url": f"{house.vendor.url}/packages",
        "packages_api_key": "a-very-secret-key",
    }
    tested = await browser.submit(f"{path}/test", values, on=path)
    assert tested.status_code == 200
    assert "2 packages" in tested.text
    assert "SQL essentials (45 min)" in tested.text
    assert "temporary secret" in tested.text
    assert "a-very-secret-key" not in tested.text
    assert fields_of(tested.text)["packages_url"] == values["packages_url"]
    (received,) = house.vendor.received
    assert received.json == {"account_id": "acc_probe", "provider": "greenhouse"}
    assert "x-stackone-signature" in received.headers or "webhook-signature" in received.headers
    assert ">Confirm<" in (await browser.get(path)).text


async def test_a_wrong_answer_is_shown_with_its_path(house: House) -> None:
    """And the expected format; a refusal with its status; an unreachable endpoint with the reason."""
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    browser, path = await open_dialog(house)
    values = fields_of((await browser.get(path)).text)
    house.vendor.will_answer((200, {}, b'{"data": [{"id": "1", "name": ""}]}'), 404)
    wrong = await browser.submit(f"{path}/test", {**values, "test_account": linked.account_id}, on=path)
    assert "$.data[0].name" in wrong.text
    assert "as Northwind" in wrong.text
    assert "404" in (await browser.submit(f"{path}/test", values, on=path)).text
    away = {**values, "packages_url": "http://127.0.0.1:1/packages"}
    assert "No answer" in (await browser.submit(f"{path}/test", away, on=path)).text
    assert (await browser.submit(f"{path}/test", {**values, "packages_url": ""}, on=path)).status_code == 422


async def test_the_second_of_two_people_is_told_what_changed(house: House) -> None:
    """Untouched fields take the new value, touched ones are kept; saving again works."""
    linked = await house.link("proctor", package_id="pkg_core_sql")
    browser, path = await open_dialog(house)
    mine = fields_of((await browser.get(path)).text)
    theirs = {**mine, "package_name": "SQL basics", "partner_username": "other"}
    assert (await browser.submit(path, theirs, on=path)).status_code == 303

    mine |= {"package_name": "My name for it"}
    answered = await browser.submit(path, mine, on=path)
    assert answered.status_code == 409
    assert "Another person saved this configuration" in answered.text
    assert "empty became SQL basics" in answered.text
    assert "partner became other" in answered.text
    kept = fields_of(answered.text)
    assert (kept["package_name"], kept["partner_username"]) == ("My name for it", "other")
    assert (await stored(linked))["package_name"] == "SQL basics"

    assert (await browser.submit(path, kept, on=path)).status_code == 303
    now = await stored(linked)
    assert (now["package_name"], now["partner_username"]) == ("My name for it", "other")


async def test_another_tenant_id_needs_a_confirmation(house: House) -> None:
    """Since linked accounts' URLs break."""
    linked = await house.link("proctor")
    browser, path = await open_dialog(house)
    values = {**fields_of((await browser.get(path)).text), "tenant_id": "other"}
    asked = await browser.submit(path, values, on=path)
    assert asked.status_code == 409
    assert 'name="confirm"' in asked.text
    assert (await browser.submit(path, {**values, "confirm": "on"}, on=path)).status_code == 303
    assert (await stored(linked))["tenant_id"] == "other"


async def test_the_signing_secret_is_revealed_and_rotated_by_a_form_alone(house: House) -> None:
    """Masked before; after a rotation both secrets sign, and the form can still be saved."""
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    secret = (await linked.api("GET", "/v1/integrations/greenhouse?reveal=true")).json()["signing_secret"]
    browser, path = await open_dialog(house)
    page = (await browser.get(path)).text
    assert secret not in page
    values = fields_of(page)
    assert secret in (await browser.submit(f"{path}/reveal", values, on=path)).text

    rotated = await browser.submit(f"{path}/rotate", values, on=path)
    assert "Both secrets sign until" in rotated.text
    house.vendor.will_answer(GOOD)
    await linked.call("list_tests")
    signatures = house.vendor.received[-1].headers["webhook-signature"].split()
    assert len(signatures) == 2
    assert (await browser.submit(path, fields_of(rotated.text), on=path)).status_code == 303
    assert (await browser.get(f"{path}/rotate")).status_code == 200


async def test_the_switch_asks_before_accounts_stop_working(house: House) -> None:
    """Disabling needs a confirmation while accounts are linked; enabling needs a configuration."""
    await projects.ensure(house.app.state.ctx, "proctor")
    browser, path = await open_dialog(house)
    listed = path.replace("/greenhouse/configuration", "")
    switched = await browser.submit(f"{listed}/greenhouse/enabled", {"enabled": "on"}, on=listed)
    assert switched.headers["location"] == path

    linked = await house.link("proctor")
    switched = await browser.submit(f"{listed}/greenhouse/enabled", {"enabled": "off"}, on=listed)
    assert switched.headers["location"] == f"{listed}/greenhouse/disable"
    assert "1 account will stop working" in (await browser.get(f"{listed}/greenhouse/disable")).text
    await browser.submit(f"{listed}/greenhouse/disable", {}, on=listed)
    assert (await stored(linked))["enabled"] is False
    assert "Disabled" in (await browser.get(listed)).text
    await browser.submit(f"{listed}/greenhouse/enabled", {"enabled": "on"}, on=listed)
    assert (await stored(linked))["enabled"] is True


async def test_the_list_says_what_is_wrong_and_what_matches(house: House) -> None:
    """A problem of the configuration is shown in the row; filters are in the address."""
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    house.vendor.will_answer(404)
    await linked.api("POST", "/v1/integrations/greenhouse/probe")
    browser, path = await open_dialog(house)
    listed = path.replace("/greenhouse/configuration", "")
    page = (await browser.get(listed)).text
    assert "Needs attention" in page
    assert "404" in page
    assert "1 account" in page
    assert "No integration matches “nobody”" in (await browser.get(f"{listed}?q=nobody")).text
    assert (await browser.get(f"{listed}/nobody/configuration")).status_code == 404


async def test_a_viewer_reads_and_changes_nothing(house: House) -> None:
    """Pages say which role a change needs; the forms are refused."""
    await house.link("proctor")
    browser, path = await open_dialog(house)
    listed = path.replace("/greenhouse/configuration", "")
    project_id = path.split("/")[2]
    email, password = "bob@example.com", "a long enough pass phrase"
    await users.create(
        house.app.state.ctx, email=email, name="Bob", password=password, project_ids=[project_id], role="viewer"
    )
    house.client.cookies.clear()
    await browser.submit("/sign-in", {"email": email, "password": password}, on="/sign-in")
    assert "Saving needs the role developer." in (await browser.get(path)).text
    assert "Test endpoint" not in (await browser.get(path)).text
    assert 'role="switch" aria-checked' not in (await browser.get(listed)).text
    assert (
        "Running the checks needs the role developer."
        in (await browser.get(path.replace("integrations/greenhouse/configuration", "setup"))).text
    )
    for refused in (path, f"{path}/test", f"{path}/reveal", f"{path}/rotate", f"{listed}/greenhouse/enabled"):
        assert (await browser.submit(refused, {}, on=path)).status_code == 403, refused


async def test_a_database_that_is_away_is_an_error_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a button to try again."""
    await house.link("proctor")
    browser, path = await open_dialog(house)

    async def fail(*_: Any) -> None:
        raise Unavailable("The database is away.")

    monkeypatch.setattr(checks, "run", fail)
    page = await browser.get(path.replace("/greenhouse/configuration", ""))
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "Try again" in page.text


async def test_ashby_has_its_own_fields_and_keeps_questions(house: House) -> None:
    """A field that the dialog does not show keeps its value."""
    browser, path = await open_dialog(house)
    path = path.replace("greenhouse", "ashby")
    ctx, project_id = house.app.state.ctx, path.split("/")[2]
    questions = ({"id": "q1", "label": "Why?", "type": "text", "required": False, "options": []},)
    values = {"package_id": "pkg_1", "settings": {"partner_id": None, "questions": questions}}
    await integrations.put(ctx, project_id, "ashby", values)
    page = (await browser.get(path)).text
    assert "Partner id" in page
    assert "Partner's Username" not in page
    saved = await browser.submit(path, {**fields_of(page), "partner_id": "p1", "tenant_id": "acme"}, on=path)
    assert saved.status_code == 303, saved.text
    stored = await integrations.get(ctx, project_id, "ashby")
    assert (stored.settings["partner_id"], stored.settings["questions"]) == ("p1", questions)
