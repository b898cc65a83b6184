"""`/accounts`: linked accounts in StackOne's shape, and the events about them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import Linked, webhook

EVENTS = ["account.created", "account.updated", "account.deleted"]


async def link(linked: Linked, owner: str, **more: Any) -> str:
    """Links another account of the same project and returns its id."""
    body = {"provider": "greenhouse", "origin_owner_id": owner, "origin_owner_name": owner.title(), **more}
    return str((await linked.api("POST", "/v1/accounts", json=body)).json()["id"])


async def test_an_account_has_the_shape_of_the_contract(proctor: Linked) -> None:
    """Required fields are there, times have a zone, credentials are never shown; the list is a bare array."""
    await proctor.api(
        "PATCH", f"/accounts/{proctor.account_id}", json={"credentials": {"harvest_client_secret": "canary-4be1"}}
    )
    read = await proctor.api("GET", f"/accounts/{proctor.account_id}")
    account = read.json()

    assert account == {
        "id": proctor.account_id,
        "provider": "greenhouse",
        "provider_name": "Greenhouse",
        "status": "active",
        "status_reasons": [],
        "origin_owner_id": "proctor-1",
        "origin_owner_name": "Northwind",
        "origin_username": None,
        "credentials": None,
        "setup_information": {},
        "label": None,
        "type": "production",
        "metadata": {},
        "created_at": account["created_at"],
        "updated_at": account["updated_at"],
    }
    assert account["created_at"].endswith("Z")
    assert (await proctor.api("GET", "/accounts")).json() == [account]
    assert "canary-4be1" not in read.text


async def test_every_filter_narrows_and_repeats(on_each_database: Linked) -> None:
    """Values of a repeated parameter are alternatives; several filters are combined with and."""
    first, second = on_each_database.account_id, await link(on_each_database, "acme")
    third = await link(on_each_database, "bolt")

    async def found(query: str) -> list[str]:
        answer = await on_each_database.api("GET", f"/accounts?{query}")
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]

    assert await found("") == [first, second, third]
    assert await found("origin_owner_id=acme") == [second]
    assert await found("origin_owner_ids=acme&origin_owner_ids=bolt") == [second, third]
    assert await found("origin_owner_id=acme&origin_owner_ids=bolt") == [second, third]
    assert await found(f"account_ids={first}&account_ids={third}&origin_owner_ids=bolt") == [third]
    assert await found("providers=greenhouse&providers=workday&provider=lever") == [first, second, third]
    assert await found("providers=workday") == []
    assert await found("status=ACTIVE&status=error") == [first, second, third]
    assert await found("status=inactive") == []
    assert [await found(f"page_size=2&page={number}") for number in (1, 2, 3)] == [[first, second], [third], []]


@pytest.mark.parametrize("query", ["page=0", "page_size=0", "page_size=1001", "page=x", "origin_owner_id=%00"])
async def test_a_parameter_that_cannot_be_read_is_named(proctor: Linked, query: str) -> None:
    """An invalid parameter gets 400 with its name, as in every list."""
    answer = await proctor.api("GET", f"/accounts?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(query.partition("=")[0])


async def test_a_patch_changes_what_it_names(proctor: Linked) -> None:
    """Null clears a field, an empty object changes nothing, and the provider cannot be changed."""
    path = f"/accounts/{proctor.account_id}"
    changes = {"label": "EMEA", "type": "test", "metadata": {"plan": "gold"}, "origin_owner_name": "Northwind Ltd"}
    changed = (await proctor.api("PATCH", path, json={**changes, "unknown": 1, "integration_id": "x"})).json()
    same = (await proctor.api("PATCH", path, json={"label": {}, "metadata": {}, "origin_owner_name": None})).json()
    cleared = (await proctor.api("PATCH", path, json={"label": None, "metadata": None})).json()
    other = await proctor.api("PATCH", path, json={"provider": "workday"})

    assert {name: changed[name] for name in changes} == changes
    assert same == changed
    assert (cleared["label"], cleared["metadata"], cleared["origin_owner_name"]) == (None, {}, "Northwind Ltd")
    assert (other.status_code, other.json()["errors"][0].partition(":")[0]) == (422, "provider")
    assert (await proctor.api("PATCH", path, json={"provider": "greenhouse"})).status_code == 200


@pytest.mark.parametrize("body", [{"type": "staging"}, {"origin_owner_id": ""}, {"label": "\x00"}, {"metadata": []}])
async def test_an_invalid_patch_names_the_field(proctor: Linked, body: dict[str, Any]) -> None:
    """An invalid patch names the field and changes nothing."""
    before = (await proctor.api("GET", f"/accounts/{proctor.account_id}")).json()
    answer = await proctor.api("PATCH", f"/accounts/{proctor.account_id}", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0].startswith(next(iter(body)))
    assert (await proctor.api("GET", f"/accounts/{proctor.account_id}")).json() == before


async def test_a_deleted_account_is_gone_and_its_orders_stay(on_each_database: Linked) -> None:
    """The token of a deleted account is refused; the customer can be linked again, with a new token."""
    order = await on_each_database.send_test()
    old = on_each_database.token
    deleted = await on_each_database.api("DELETE", f"/accounts/{on_each_database.account_id}")

    assert (deleted.status_code, deleted.json()["id"], deleted.json()["status"]) == (
        200,
        on_each_database.account_id,
        "archived",
    )
    assert (await on_each_database.api("DELETE", f"/accounts/{on_each_database.account_id}")).status_code == 404
    assert (await on_each_database.api("GET", f"/accounts/{on_each_database.account_id}")).status_code == 404
    assert (await on_each_database.call("list_tests")).status_code == 401
    assert (await on_each_database.unified("GET", "/assessments/packages")).status_code == 404
    assert (await on_each_database.order(order))["status"] == "received"
    again = (
        await on_each_database.api(
            "POST",
            "/v1/accounts",
            json={"provider": "greenhouse", "origin_owner_id": "proctor-1", "origin_owner_name": "Northwind"},
        )
    ).json()
    assert again["id"] != on_each_database.account_id
    assert again["external_trigger_token"] != old


async def test_events_of_an_account(proctor: Linked) -> None:
    """
    Creating, updating and deleting an account sends one event each; a patch without a change and other accounts send
    none.
    """
    await webhook(proctor, EVENTS)
    await webhook(proctor, EVENTS, url=f"{proctor.house.vendor.url}/elsewhere", account_ids=[proctor.account_id])
    account_id = await link(proctor, "acme", origin_username="ada")
    await link(proctor, "acme")
    path = f"/accounts/{account_id}"
    await proctor.api("PATCH", path, json={"label": "EMEA"})
    await proctor.api("PATCH", path, json={"label": "EMEA"})
    await proctor.api("DELETE", path)
    received = sorted(
        (one.json for one in await proctor.house.vendor.receive(3)), key=lambda event: event["event_date"]
    )
    async with asyncio.timeout(20):
        while (await proctor.api("GET", "/v1/deliveries?state=pending")).json()["data"]:
            await asyncio.sleep(0.02)

    assert [event["event"] for event in received] == EVENTS
    assert len(proctor.house.vendor.received) == 3
    created = received[0]
    assert created == {
        "event": "account.created",
        "project_id": created["project_id"],
        "account_id": account_id,
        "event_date": created["event_date"],
        "record_type": "account",
        "record_id": account_id,
        "sent_at": created["sent_at"],
        "provider": "greenhouse",
        "origin_owner_id": "acme",
        "origin_owner_name": "Acme",
        "origin_username": "ada",
        "setup_information": {},
    }


async def test_meta_is_the_connectors(proctor: Linked) -> None:
    """The account has the meta data of its connector."""
    meta = (await proctor.api("GET", f"/accounts/{proctor.account_id}/meta")).json()
    connector = (await proctor.api("GET", "/connectors/meta/greenhouse")).json()

    assert meta == {"provider": "greenhouse", "category": "ats", "models": connector["models"]}
