"""`/v1/integrations`: refused values, the meaning of null, and concurrent changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.services import projects
from greenroom.store.db import Tx
from tests.house import House, Linked, basic

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
async def test_an_invalid_value_is_refused(proctor: Linked, body: dict[str, Any], said: str) -> None:
    """An invalid value gets 422 with its field, and nothing is changed."""
    before = (await proctor.api("GET", PATH)).json()
    answer = await proctor.api("PUT", PATH, json=body)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert answer.json()["errors"]
    assert (await proctor.api("GET", PATH)).json() == before


async def test_null_clears_a_field_that_has_a_default(proctor: Linked) -> None:
    """For plain fields null means the same as left out."""
    await proctor.api("PUT", PATH, json={"enabled": False, "callback_auth": "account_key", "tenant_id": "proctor"})
    names = ("enabled", "callback_auth", "authentication_type", "partner_category", "tenant_id", "callback_hosts")
    kept = {"package_id": "pkg_core_sql", "confirm": True}
    nulls = (await proctor.api("PUT", PATH, json={**dict.fromkeys(names), **kept})).json()
    left_out = (await proctor.api("PUT", PATH, json=kept)).json()

    assert nulls == {**left_out, "updated_at": nulls["updated_at"]}
    assert (nulls["enabled"], nulls["callback_auth"], nulls["tenant_id"]) == (True, "partner", None)


async def test_concurrent_first_configurations(on_each_database: Linked) -> None:
    """Concurrent first configurations result in one integration."""
    house = on_each_database.house
    headers = {"authorization": basic(await projects.create_key(house.app.state.ctx, name="t", project="fresh"))}
    bodies = ({"tenant_id": f"t{n}", "package_id": "x"} for n in range(8))
    calls = (house.client.put(PATH, json=body, headers=headers) for body in bodies)
    answers = await asyncio.gather(*calls)
    secret = (await house.client.get(f"{PATH}?reveal=true", headers=headers)).json()["signing_secret"]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["created_at"] for answer in answers}) == 1
    assert secret.startswith("whsec_")


async def test_concurrent_publications(on_each_database: Linked) -> None:
    """After concurrent publications, one of the lists is complete and the others are gone."""
    lists = [[{"id": f"p{n}", "name": f"{side}{n}"} for n in range(3)] for side in "abcdef"]
    bodies = [{"category": "assessments", "packages": one} for one in lists]
    answers = await asyncio.gather(*(on_each_database.api("PUT", "/v1/packages", json=body) for body in bodies))
    found = (await on_each_database.api("GET", "/v1/packages?category=assessments")).json()["packages"]

    assert {answer.status_code for answer in answers} == {200}
    assert [{"id": one["id"], "name": one["name"]} for one in found] in lists


async def test_an_unknown_and_an_unconfigured_provider(proctor: Linked) -> None:
    """Both get 404; the message lists the known providers, or says how to configure the integration."""
    house = proctor.house
    headers = {"authorization": basic(await projects.create_key(house.app.state.ctx, name="t", project="fresh"))}
    unknown = await proctor.api("GET", "/v1/integrations/workday")
    unconfigured = await house.client.get(PATH, headers=headers)

    assert (unknown.status_code, unconfigured.status_code) == (404, 404)
    assert "Known: ashby, greenhouse" in unknown.json()["message"]
    assert "PUT" in unconfigured.json()["message"]


async def test_an_integration_without_packages_is_refused(proctor: Linked) -> None:
    """
    With or without linked accounts, the message names the missing setting; a published list or `enabled: false` is
    accepted.
    """
    before = (await proctor.api("GET", PATH)).json()
    for body in ({}, {"tenant_id": "proctor"}, {"tenant_id": "proctor", "packages_url": ""}):
        refused = await proctor.api("PUT", PATH, json=body)
        assert (refused.status_code, refused.json()["errorCode"]) == (422, "ValidationError")
        assert [line.partition(":")[0] for line in refused.json()["errors"]] == ["packages_url", "package_id"]
    assert (await proctor.api("GET", PATH)).json() == before

    assert (await proctor.api("PUT", PATH, json={"tenant_id": "proctor", "enabled": False})).status_code == 200
    published = {"category": "assessments", "packages": [{"id": "p", "name": "P"}]}
    await proctor.api("PUT", "/v1/packages", json=published)
    other = {"tenant_id": "proctor", "partner_category": "background_checks"}
    assert (await proctor.api("PUT", PATH, json=other)).status_code == 422
    assert (await proctor.api("PUT", PATH, json={"tenant_id": "proctor"})).status_code == 200


async def test_a_tenant_id_belongs_to_one_project(on_each_database: Linked) -> None:
    """One of two concurrent requests for a tenant_id is refused."""
    house = on_each_database.house
    keys = [await projects.create_key(house.app.state.ctx, name="t", project=f"project {n}") for n in range(4)]
    body = {"package_id": "x", "tenant_id": "shared"}
    calls = (house.client.put(PATH, json=body, headers={"authorization": basic(key)}) for key in keys)
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {answer.json().get("errorCode") for answer in answers} == {None, "TenantIdTaken"}

    taken = await on_each_database.api("PUT", PATH, json={**body, "confirm": True})

    assert (taken.status_code, taken.json()["errorCode"]) == (409, "TenantIdTaken")
    assert "'shared'" in taken.json()["message"]


async def test_another_tenant_id_over_live_accounts_is_confirmed(proctor: Linked) -> None:
    """
    Changing it with linked accounts needs `confirm`, and the refusal names the consequences; without accounts it does
    not.
    """
    body = {"package_id": "pkg_core_sql", "callback_hosts": ["127.0.0.1"], "tenant_id": "renamed"}
    for change in ({}, {"tenant_id": None}):
        refused = await proctor.api("PUT", PATH, json={**body, **change})
        assert (refused.status_code, refused.json()["errorCode"]) == (409, "ConfirmationNeeded")
        assert "accounts are linked (1)" in refused.json()["message"]
        assert "confirm: true" in refused.json()["message"]
    assert (await proctor.call("list_tests")).status_code == 200

    changed = await proctor.api("PUT", PATH, json={**body, "confirm": True})

    assert (changed.status_code, changed.json()["tenant_id"]) == (200, "renamed")
    assert "confirm" not in changed.json()
    assert (await proctor.call("list_tests")).status_code == 401
    proctor.tenant = "renamed"
    assert (await proctor.call("list_tests")).status_code == 200
    await proctor.api("DELETE", f"/accounts/{proctor.account_id}")
    assert (await proctor.api("PUT", PATH, json={**body, "tenant_id": "proctor"})).status_code == 200


async def test_more_accounts_than_a_statement_has_parameters(on_each_database: Linked) -> None:
    """With many accounts, `last_called_at` is found and the probe finds an account."""
    linked = on_each_database
    ctx = linked.house.app.state.ctx

    async def fill(tx: Tx) -> None:
        await tx.run(
            "INSERT INTO accounts (id, project_id, provider, origin_owner_id, origin_owner_name, type, status, created_at, "
            "updated_at) WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 33000) "
            "SELECT 'acc_z' || n, accounts.project_id, 'greenhouse', 'o' || n, 'O', 'test', 'active', 0, 0 "
            "FROM n, accounts WHERE accounts.id = $1",
            linked.account_id,
        )

    await ctx.store.write(fill)
    assert (await linked.call("list_tests")).status_code == 200

    shown = await linked.api("GET", PATH)

    assert shown.status_code == 200
    assert shown.json()["last_called_at"]["list_tests"] is not None
    assert (await linked.api("POST", f"{PATH}/probe")).status_code == 404  # the integration has no packages_url
    assert len((await linked.api("GET", "/v1/accounts?page_size=100")).json()["data"]) == 100


async def test_a_rotated_signing_secret_overlaps(house: House) -> None:
    """Both secrets sign the list call until the overlap ends; without an overlap the new one alone does."""
    proctor = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    path = "/v1/integrations/greenhouse"
    first = (await proctor.api("GET", f"{path}?reveal=true")).json()["signing_secret"]

    second = (await proctor.api("POST", f"{path}/rotate-secret")).json()
    await proctor.api("POST", f"{path}/probe")
    third = (await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": 0})).json()
    await proctor.api("POST", f"{path}/probe")

    assert second["previous_expires_at"] is not None
    assert len({first, second["signing_secret"], third["signing_secret"]}) == 3
    both, one = (call.headers["webhook-signature"].split() for call in house.vendor.received)
    assert (len(both), len(one)) == (2, 1)
    refused = await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": -1})
    assert refused.status_code == 422
