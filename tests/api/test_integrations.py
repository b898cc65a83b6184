"""A provider's configuration: what is refused, what null means, what two at once do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.services import projects
from tests.house import Linked, basic

PATH = "/v1/integrations/greenhouse"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tenant_id": "a b"}, "tenant_id: expected 1 to 100"),
        ({"tenant_id": "x" * 101}, "tenant_id: expected 1 to 100"),
        ({"packages_url": "ftp://x.example.com/"}, "packages_url: expected an absolute"),
        ({"packages_url": "https://user@x.example.com/"}, "packages_url: it carries a user name"),
        (
            {"callback_hosts": ["https://app.greenhouse.io"]},
            "callback_hosts: 'https://app.greenhouse.io' is not a bare",
        ),
        ({"callback_hosts": ["app.*.io"]}, "is not a bare host name"),
        ({"partner_username": "a:b"}, "partner_username: has a colon"),
        ({"partner_username": "a\nb"}, "partner_username: has control characters"),
        ({"partner_password": "a\x00b"}, "partner_password: has control characters"),
        ({"authentication_type": "oauth"}, "authentication_type: "),
        ({"partner_categorie": "assessments"}, "Did you mean partner_category?"),
    ],
)
async def test_what_will_not_do_is_named(proctor: Linked, body: dict[str, Any], said: str) -> None:
    """422 with the field, and nothing is changed."""
    before = (await proctor.api("GET", PATH)).json()
    answer = await proctor.api("PUT", PATH, json=body)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert answer.json()["errors"]
    assert (await proctor.api("GET", PATH)).json() == before


async def test_null_clears_a_field_that_has_a_default(proctor: Linked) -> None:
    """Null and left out mean the same for plain fields."""
    await proctor.api("PUT", PATH, json={"enabled": False, "callback_auth": "account_key", "tenant_id": "proctor"})
    names = ("enabled", "callback_auth", "authentication_type", "partner_category", "tenant_id", "callback_hosts")
    nulls = (await proctor.api("PUT", PATH, json=dict.fromkeys(names))).json()
    left_out = (await proctor.api("PUT", PATH, json={})).json()

    assert nulls == {**left_out, "updated_at": nulls["updated_at"]}
    assert (nulls["enabled"], nulls["callback_auth"], nulls["tenant_id"]) == (True, "partner", None)


async def test_the_first_configuration_from_two_sides_at_once(on_each_database: Linked) -> None:
    """One integration, whoever was first."""
    house = on_each_database.house
    headers = {"authorization": basic(await projects.create_key(house.app.state.ctx, name="t", project="fresh"))}
    calls = (house.client.put(PATH, json={"tenant_id": f"t{n}"}, headers=headers) for n in range(8))
    answers = await asyncio.gather(*calls)
    secret = (await house.client.get(f"{PATH}?reveal=true", headers=headers)).json()["signing_secret"]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["created_at"] for answer in answers}) == 1
    assert secret.startswith("whsec_")


async def test_publishing_from_two_sides_at_once(on_each_database: Linked) -> None:
    """One of the lists stands, whole."""
    lists = [[{"id": f"p{n}", "name": f"{side}{n}"} for n in range(3)] for side in "abcdef"]
    bodies = [{"category": "assessments", "packages": one} for one in lists]
    answers = await asyncio.gather(*(on_each_database.api("PUT", "/v1/packages", json=body) for body in bodies))
    found = (await on_each_database.api("GET", "/v1/packages?category=assessments")).json()["packages"]

    assert {answer.status_code for answer in answers} == {200}
    assert [{"id": one["id"], "name": one["name"]} for one in found] in lists


async def test_an_unknown_and_an_unconfigured_provider(proctor: Linked) -> None:
    """404; the unknown one names those there are, the other says how to configure it."""
    house = proctor.house
    headers = {"authorization": basic(await projects.create_key(house.app.state.ctx, name="t", project="fresh"))}
    unknown = await proctor.api("GET", "/v1/integrations/workday")
    unconfigured = await house.client.get(PATH, headers=headers)

    assert (unknown.status_code, unconfigured.status_code) == (404, 404)
    assert "Known: greenhouse" in unknown.json()["message"]
    assert "PUT" in unconfigured.json()["message"]
