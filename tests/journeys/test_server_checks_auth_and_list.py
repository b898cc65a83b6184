"""The server checks of the Greenhouse contract, by number: authentication and list_tests."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from tests.house import PACKAGES, House, Linked, basic

LIST = "/external-trigger/greenhouse/list_tests"


async def get(linked: Linked, authorization: str | None, *, query: str | None = None, path: str = LIST) -> object:
    headers = {} if authorization is None else {"authorization": authorization}
    query = f"tenant-id={linked.tenant}" if query is None else query
    return await linked.house.client.get(f"{path}?{query}", headers=headers)


async def test_s01_the_key_as_user_name_with_an_empty_password(northwind: Linked) -> None:
    answer = await get(northwind, basic(northwind.token))

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")


async def test_s02_issued_keys_are_short_and_without_a_colon(northwind: Linked) -> None:
    assert len(northwind.token) <= 64
    assert ":" not in northwind.token
    assert northwind.token.startswith("gr_")
    assert (await get(northwind, basic("k" * 170))).status_code == 401  # read, and unknown
    assert (await get(northwind, basic("k" * 171))).status_code == 401


async def test_s03_a_missing_header_is_answered_with_the_scheme(northwind: Linked) -> None:
    answer = await get(northwind, None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_s04_every_bad_credential_gets_the_same_answer(northwind: Linked) -> None:
    bad = ["Bearer " + northwind.token, "Basic %%%", basic(""), basic("gr_unknown"), "Basic", "nonsense"]
    bodies = set()
    for authorization in bad:
        answer = await get(northwind, authorization)
        assert answer.status_code == 401, authorization
        bodies.add(json.dumps({k: v for k, v in answer.json().items() if k != "timestamp"}, sort_keys=True))

    assert len(bodies) == 1


async def test_s05_any_case_and_extra_spaces(northwind: Linked) -> None:
    encoded = base64.b64encode(f"{northwind.token}:".encode()).decode()

    for authorization in (f"basic {encoded}", f"BASIC   {encoded}", f"Basic {encoded}"):
        assert (await get(northwind, authorization)).status_code == 200


async def test_s06_a_password_is_tolerated_and_a_missing_colon_too(northwind: Linked) -> None:
    bare = "Basic " + base64.b64encode(northwind.token.encode()).decode()

    assert (await get(northwind, basic(northwind.token, "x:y"))).status_code == 200
    assert (await get(northwind, bare)).status_code == 200


async def test_s07_tenant_and_key_must_match(northwind: Linked, mallory: Linked) -> None:
    good = basic(northwind.token)

    for query in ("tenant-id=mallory", "tenant-id=unknown", "", "tenant-id="):
        assert (await get(northwind, good, query=query)).status_code == 401, query
    assert (
        await get(northwind, good, query="", path="/external-trigger/greenhouse/proctor/list_tests")
    ).status_code == 200
    assert (
        await get(northwind, good, query="", path="/external-trigger/greenhouse/mallory/list_tests")
    ).status_code == 401


async def test_s08_two_keys_live_during_a_rotation(northwind: Linked) -> None:
    old = northwind.token
    order = await northwind.send_test()
    answer = await northwind.api(
        "POST", f"/v1/accounts/{northwind.account_id}/rotate-token", json={"overlap_seconds": 60}
    )
    new = answer.json()["external_trigger_token"]

    assert new != old
    for token in (old, new):
        status = await northwind.call("test_status", f"partner_interview_id={order}", token=token)
        assert status.status_code == 200
    answer = await northwind.api(
        "POST", f"/v1/accounts/{northwind.account_id}/rotate-token", json={"overlap_seconds": 0}
    )
    assert (await northwind.call("list_tests", token=old)).status_code == 401
    assert (await northwind.call("list_tests", token=new)).status_code == 401  # no overlap was given
    newest = answer.json()["external_trigger_token"]
    assert (await northwind.call("test_status", f"partner_interview_id={order}", token=newest)).status_code == 200


async def test_s10_the_list_is_a_bare_array_of_two_texts(northwind: Linked) -> None:
    listed = (await northwind.call("list_tests")).json()

    assert listed == [
        {"partner_test_id": "pkg_core_sql", "partner_test_name": "SQL essentials (45 min)"},
        {"partner_test_id": "4711", "partner_test_name": "Listening"},
    ]


async def test_s11_accounts_do_not_see_each_other(northwind: Linked, mallory: Linked) -> None:
    assert [one["partner_test_id"] for one in (await mallory.call("list_tests")).json()] == ["pkg_mallory"]
    own = {"category": "assessments", "account_id": northwind.account_id, "packages": [{"id": "only", "name": "Only"}]}
    assert (await northwind.api("PUT", "/v1/packages", json=own)).status_code == 200
    assert [one["partner_test_id"] for one in (await northwind.call("list_tests")).json()] == ["only"]


async def test_s12_no_tests_is_an_empty_array(house: House) -> None:
    house.vendor.will_answer((200, {}, b'{"data": []}'))
    empty = await house.link("empty", packages_url=f"{house.vendor.url}/packages")

    answer = await empty.call("list_tests")

    assert (answer.status_code, answer.json()) == (200, [])


async def test_s13_two_thousand_tests(northwind: Linked) -> None:
    packages = [{"id": f"p{number}", "name": f"Test {number}"} for number in range(2000)]
    await northwind.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})

    listed = (await northwind.call("list_tests")).json()

    assert [one["partner_test_id"] for one in listed] == [one["id"] for one in packages]


async def test_s14_the_last_good_list_stands_in_for_a_vendor_that_is_down(house: House) -> None:
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages", packages_api_key="pk")
    house.vendor.will_answer(503)
    assert (await linked.call("list_tests")).status_code == 503
    house.vendor.will_answer((200, {"content-type": "application/json"}, json.dumps({"data": PACKAGES}).encode()))
    probe = (await linked.api("POST", "/v1/integrations/greenhouse/probe")).json()
    assert [one["id"] for one in probe["packages"]] == ["pkg_core_sql", "4711"]
    assert (await linked.unified("GET", "/assessments/packages")).status_code == 200
    await house.app.state.catalog.effective(await _account(linked), fresh=True)  # a minute later
    house.vendor.will_answer(0)
    await house.app.state.catalog.effective(await _account(linked), fresh=True)  # the vendor is down

    answer = await linked.call("list_tests")

    assert [one["partner_test_id"] for one in answer.json()] == ["pkg_core_sql", "4711"]
    house.vendor.will_answer((200, {}, json.dumps({"data": PACKAGES[:1]}).encode()))  # and is up again
    again = await house.app.state.catalog.effective(await _account(linked), fresh=True)
    assert [package.id for package in again.packages] == ["pkg_core_sql"]


async def _account(linked: Linked) -> object:
    from greenroom.services import trigger_calls

    ctx = linked.house.app.state.ctx
    return await trigger_calls.authenticate(ctx, "greenhouse", linked.token, linked.tenant)


async def test_the_package_call_is_signed_authenticated_and_paged(house: House) -> None:
    from standardwebhooks import Webhook

    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages", packages_api_key="pk")
    pages = [{"data": PACKAGES[:1], "next": "two"}, {"data": PACKAGES[1:]}]
    house.vendor.will_answer(*[(200, {}, json.dumps(page).encode()) for page in pages])

    listed = (await linked.call("list_tests")).json()

    first, second = house.vendor.received
    assert [one["partner_test_id"] for one in listed] == ["pkg_core_sql", "4711"]
    assert first.json == {"account_id": linked.account_id, "provider": "greenhouse"}
    assert second.json == {"account_id": linked.account_id, "provider": "greenhouse", "next": "two"}
    assert first.headers["authorization"] == basic("pk")
    answer = await linked.api("GET", "/v1/integrations/greenhouse?reveal=true")
    Webhook(answer.json()["signing_secret"]).verify(first.body, first.headers)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({"packages": []}, "$.data"),
        ({"data": [{"name": "x"}]}, "$.data[0].id"),
        ({"data": [{"id": "a", "name": "x"}, {"id": "b", "name": None}]}, "$.data[1].name"),
        ({"data": ["x"]}, "$.data[0]"),
    ],
)
async def test_a_bad_list_is_diagnosed_and_never_passed_on(house: House, body: object, path: str) -> None:
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    house.vendor.will_answer((200, {}, json.dumps(body).encode()))

    probe = (await linked.api("POST", "/v1/integrations/greenhouse/probe")).json()

    assert (probe["path"], probe["status"]) == (path, 200)
    assert path in probe["problem"]
    answer = await linked.call("list_tests")
    assert answer.status_code == 503
    assert path in answer.json()["message"]


async def test_the_list_endpoint_wins_over_stored_and_static_packages(house: House) -> None:
    linked = await house.link("proctor", package_id="PACKAGE_5421")
    assert (await linked.call("list_tests")).json() == [
        {"partner_test_id": "PACKAGE_5421", "partner_test_name": "PACKAGE_5421"}
    ]
    stored = {"category": "assessments", "packages": [{"id": "stored", "name": "Stored"}]}
    await linked.api("PUT", "/v1/packages", json=stored)
    assert [one["partner_test_id"] for one in (await linked.call("list_tests")).json()] == ["stored"]
    linked = await house.link("proctor", package_id="PACKAGE_5421", packages_url=f"{house.vendor.url}/packages")
    house.vendor.will_answer((200, {}, json.dumps({"data": PACKAGES[:1]}).encode()))
    assert [one["partner_test_id"] for one in (await linked.call("list_tests")).json()] == ["pkg_core_sql"]


async def test_one_call_for_many_recruiters_who_look_at_once(house: House) -> None:
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    gate = asyncio.Event()
    house.vendor.inside = gate.wait
    house.vendor.will_answer((200, {}, json.dumps({"data": PACKAGES}).encode()))
    calls = [asyncio.create_task(linked.call("list_tests")) for _ in range(8)]
    await house.vendor.receive(1)
    gate.set()

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} == {200}
    assert len(house.vendor.received) == 1


async def test_s15_the_wrong_method_is_405(northwind: Linked) -> None:
    url = f"{LIST}?tenant-id={northwind.tenant}"

    answer = await northwind.house.client.post(url, headers={"authorization": basic(northwind.token)})

    assert answer.status_code == 405
    assert answer.json()["statusCode"] == 405
