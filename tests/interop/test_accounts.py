"""`accounts`: linked accounts are listed by every filter, read, changed, unlinked, described."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.house import House, Linked
from tests.interop.sdk import Sdk, SdkError


async def link(linked: Linked, owner: str, **more: Any) -> str:
    """Links another customer of the same project; returns the account's id."""
    body = {"provider": "greenhouse", "origin_owner_id": owner, "origin_owner_name": owner.title(), **more}
    answer = await linked.api("POST", "/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def listed(sdk: Sdk, **asked: Any) -> list[str]:
    """Returns the owners of the accounts that the SDK lists."""
    found = await sdk("accounts.listLinkedAccounts", asked)
    assert found["statusCode"] == 200
    return [one["originOwnerId"] for one in found["classes"]]


async def test_an_account_is_the_same_listed_and_read(proctor: Linked, sdk: Sdk) -> None:
    """List and single read have every field, and never the external trigger token."""
    body = {
        "provider": "greenhouse",
        "origin_owner_id": "hemlock",
        "origin_owner_name": "Hemlock",
        "origin_username": "hedy",
        "label": "Pilot",
        "type": "test",
    }
    made = (await proctor.api("POST", "/v1/accounts", json=body)).json()
    one = (await sdk("accounts.getAccount", {"id": made["id"]}))["linkedAccount"]
    (same,) = (await sdk("accounts.listLinkedAccounts", {"originOwnerId": "hemlock"}))["classes"]

    assert one == same
    assert (one["id"], one["provider"], one["providerName"]) == (made["id"], "greenhouse", "Greenhouse")
    assert (one["originOwnerId"], one["originOwnerName"], one["originUsername"]) == ("hemlock", "Hemlock", "hedy")
    assert (one["label"], one["type"], one["status"]) == ("Pilot", "test", "active")
    assert datetime.fromisoformat(one["createdAt"]) <= datetime.fromisoformat(one["updatedAt"])
    assert made["external_trigger_token"] not in str(one)


async def test_every_filter(proctor: Linked, sdk: Sdk) -> None:
    """Each filter works alone, with several values, and together with another."""
    hemlock, maple = await link(proctor, "hemlock"), await link(proctor, "maple")
    everyone = {"proctor-1", "hemlock", "maple"}

    assert set(await listed(sdk)) == everyone
    assert await listed(sdk, originOwnerId="maple") == ["maple"]
    assert set(await listed(sdk, originOwnerIds=["maple", "hemlock", "nobody"])) == {"maple", "hemlock"}
    assert await listed(sdk, accountIds=[hemlock]) == ["hemlock"]
    assert set(await listed(sdk, accountIds=[hemlock, maple])) == {"maple", "hemlock"}
    assert set(await listed(sdk, provider="greenhouse")) == everyone
    assert set(await listed(sdk, providers=["greenhouse", "workable"])) == everyone
    assert await listed(sdk, providers=["workable"]) == []
    assert set(await listed(sdk, status=["active"])) == everyone
    assert await listed(sdk, status=["inactive", "error"]) == []
    assert await listed(sdk, accountIds=[hemlock], originOwnerId="maple") == []


async def test_pages_meet_every_account_once(proctor: Linked, sdk: Sdk) -> None:
    """Pages are numbered and have each account once; the page after the last is empty."""
    for number in range(4):
        await link(proctor, f"owner-{number}")
    pages = [await listed(sdk, page=page, pageSize=2) for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert {owner for page in pages for owner in page} == {"proctor-1", *(f"owner-{n}" for n in range(4))}


async def test_a_change_changes_what_it_names(proctor: Linked, sdk: Sdk) -> None:
    """A change leaves other fields alone; the answer is the changed account."""
    account_id = proctor.account_id
    before = (await sdk("accounts.getAccount", {"id": account_id}))["linkedAccount"]
    change = {"originOwnerName": "Northwind Ltd", "originUsername": "nora", "type": "test"}
    changed = await sdk("accounts.updateAccount", {"id": account_id, "patchAccountExternalDto": change})
    after = (await sdk("accounts.getAccount", {"id": account_id}))["linkedAccount"]

    assert changed["linkedAccount"] == after
    assert {**before, **change, "updatedAt": after["updatedAt"]} == after
    assert (await proctor.call("list_tests")).status_code == 200


async def test_an_unlinked_account_is_gone(proctor: Linked, sdk: Sdk) -> None:
    """The answer is the unlinked account; it is in no list then, and its ATS is refused."""
    before = (await sdk("accounts.getAccount", {"id": proctor.account_id}))["linkedAccount"]
    deleted = await sdk("accounts.deleteAccount", {"id": proctor.account_id})

    assert deleted["statusCode"] == 200
    assert deleted["linkedAccount"]["id"] == before["id"]
    assert deleted["linkedAccount"]["originOwnerName"] == before["originOwnerName"]
    assert await listed(sdk) == []
    assert (await proctor.call("list_tests")).status_code == 401
    for call in ("getAccount", "deleteAccount", "getAccountMetaInfo"):
        with pytest.raises(SdkError) as caught:
            await sdk(f"accounts.{call}", {"id": proctor.account_id})
        assert caught.value.kind == "NotFoundResponse"


async def test_an_account_says_what_it_can_do(proctor: Linked, sdk: Sdk) -> None:
    """An account's models are those of its connector."""
    meta = (await sdk("accounts.getAccountMetaInfo", {"id": proctor.account_id}))["linkedAccountMeta"]
    connector = (await sdk("connectors.getConnectorMeta", {"provider": "greenhouse"}))["connectorsMeta"]

    assert (meta["provider"], meta["category"]) == ("greenhouse", "ats")
    assert meta["models"] == connector["models"] != {}


async def test_another_projects_account_is_not_there(house: House, proctor: Linked, sdk: Sdk) -> None:
    """Another project's key neither lists, reads, changes nor deletes the account."""
    mallory = Sdk(sdk.driver, await house.link("mallory", tenant="mallory", package_id="x"))
    change = {"patchAccountExternalDto": {"label": None, "originOwnerName": "Mallory"}}

    assert await listed(mallory) == ["mallory-1"]
    assert await listed(mallory, accountIds=[proctor.account_id]) == []
    for call, more in (
        ("getAccount", {}),
        ("updateAccount", change),
        ("deleteAccount", {}),
        ("getAccountMetaInfo", {}),
    ):
        with pytest.raises(SdkError) as caught:
            await mallory(f"accounts.{call}", {"id": proctor.account_id, **more})
        assert caught.value.kind == "NotFoundResponse"
    one = (await sdk("accounts.getAccount", {"id": proctor.account_id}))["linkedAccount"]
    assert one["originOwnerName"] == "Northwind"
