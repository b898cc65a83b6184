"""`GET /v1/checks`: the checklist follows what happens on the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.house import PACKAGES, House, Linked, open_house, webhook

OK = (200, {"content-type": "application/json"}, json.dumps({"data": PACKAGES}).encode())


async def states(linked: Linked) -> dict[str, str]:
    """Returns the state of each check."""
    answer = await linked.api("GET", "/v1/checks")
    assert answer.status_code == 200, answer.text
    return {one["id"]: one["state"] for one in answer.json()["data"]}


async def test_the_story_turns_every_check_but_the_directory(database_url: str, tmp_path: Path) -> None:
    """From a linked account to a result that was read, on each database."""
    async with open_house(tmp_path, database_url if database_url.startswith("postgresql") else None) as house:
        await follow_the_story(house)


async def follow_the_story(house: House) -> None:
    """Does every step of the guide and reads the checklist before and after."""
    proctor = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    answer = await proctor.api("GET", "/v1/checks")
    assert answer.status_code == 200, answer.text
    before = answer.json()
    assert (before["total"], before["provider"], before["next"], len(before["data"])) == (13, "greenhouse", None, 13)
    assert {one["id"] for one in before["data"] if one["state"] == "done"} == {
        "authentication_type",
        "account_linked",
    }
    assert all(one["action"]["url"].startswith("http") for one in before["data"] if one["state"] == "action_needed")

    house.vendor.will_answer(OK)
    await proctor.api("POST", "/v1/integrations/greenhouse/probe")
    made = await webhook(proctor)
    assert (await proctor.api("POST", f"/v1/webhooks/{made['id']}/test")).json()["ok"]
    assert (await proctor.call("list_tests")).status_code == 200
    order = await proctor.send_test()
    await house.vendor.receive(4)
    await proctor.give_result(order)
    await proctor.becomes(order, delivery="sent")
    await proctor.status(order)

    found = await states(proctor)
    assert {code: state for code, state in found.items() if state != "done"} == {"directory_listing": "cannot_check"}


async def test_a_wrong_answer_and_a_failed_test_event_are_shown(house: House) -> None:
    """With the path of the wrong value; another URL starts afresh."""
    proctor = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    made = await webhook(proctor)
    house.vendor.will_answer((200, {}, b'{"data": [{"id": 1}]}'), 404)
    await proctor.api("POST", "/v1/integrations/greenhouse/probe")
    await proctor.api("POST", f"/v1/webhooks/{made['id']}/test")
    checks = {one["id"]: one for one in (await proctor.api("GET", "/v1/checks")).json()["data"]}
    assert checks["packages_source"]["state"] == "done"
    assert checks["packages_format"]["state"] == "action_needed"
    assert "$.data[0].name" in checks["packages_format"]["evidence"]
    assert checks["packages_format"]["codes"] == ["packages.wrong_shape"]
    assert checks["webhook_receives"]["state"] == "action_needed"

    body = {"tenant_id": "proctor", "packages_url": f"{house.vendor.url}/other"}
    assert (await proctor.api("PUT", "/v1/integrations/greenhouse", json=body)).status_code == 200
    assert (await states(proctor))["packages_source"] == "cannot_check"


async def test_a_project_sees_its_own_facts_alone(house: House) -> None:
    """Another project's calls and orders turn nothing."""
    proctor = await house.link("proctor", package_id="pkg_core_sql")
    await webhook(proctor)
    await proctor.send_test()
    mallory = await house.link("mallory", tenant="mallory")
    assert (await states(mallory))["order_received"] == "cannot_check"
    assert (await states(mallory))["partner_application"] == "cannot_check"


@pytest.mark.parametrize(("path", "status"), [("/v1/checks?provider=nobody", 404), ("/v1/checks?provider=%00", 400)])
async def test_an_unknown_provider_is_refused(proctor: Linked, path: str, status: int) -> None:
    """With the known ones."""
    assert (await proctor.api("GET", path)).status_code in (status, 422)
