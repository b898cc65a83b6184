"""`/connect_sessions`: accounts and tokens of a session, values shown only once, and expiry."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.api.stackone.connect_sessions import organization_id
from greenroom.services import connect_sessions
from tests.house import House, Linked, webhook

OWNER = {"origin_owner_id": "acme", "origin_owner_name": "Acme"}
TYPESCRIPT = "speakeasy-sdk/typescript {} 2.721.3 1.0.0 @stackone/stackone-client-ts"


async def opened(linked: Linked, **more: Any) -> dict[str, Any]:
    """Opens a new session."""
    answer = await linked.api("POST", "/connect_sessions", json={**OWNER, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_session_has_the_shape_of_the_contract(proctor: Linked) -> None:
    """The session has every given value; its token authenticates the same session, shown without token and link."""
    given = {
        **OWNER,
        "origin_username": "ada",
        "provider": "greenhouse",
        "categories": ["ats", "hris-legacy"],
        "label": "EMEA",
        "type": "test",
        "metadata": {"plan": "gold"},
        "integration_id": "int_1",
    }
    made = await opened(proctor, **given, provider_version="v1", expires_in=60, multiple=False)
    read = await proctor.api("POST", "/connect_sessions/authenticate", json={"token": made["token"]})

    assert {name: made[name] for name in given} == given
    assert isinstance(made["id"], int)
    assert made["organization_id"] == "1"
    assert made["project_id"].startswith("prj_")
    assert made["created_at"].endswith("Z")
    assert made["auth_link_url"].startswith(f"{proctor.house.settings.public_url}/link/")
    assert made["token"] not in made["auth_link_url"]
    assert read.status_code == 201
    assert read.json() == {name: value for name, value in made.items() if name not in ("token", "auth_link_url")}


async def test_the_token_is_the_account_s_before_and_after_linking(on_each_database: Linked) -> None:
    """Concurrent sessions share the account and its token; the account is inactive until it is linked."""
    made = await asyncio.gather(*(opened(on_each_database) for _ in range(5)))
    accounts = (await on_each_database.api("GET", "/accounts?origin_owner_id=acme")).json()

    assert len({one["external_trigger_token"] for one in made}) == 1
    assert [one["id"] for one in accounts] == [made[0]["account_id"]]
    assert accounts[0]["status"] == "inactive"
    assert accounts[0]["status_reasons"][0]["code"] == "linking_unfinished"
    assert (await on_each_database.call("list_tests", token=made[0]["external_trigger_token"])).status_code == 200
    linked = await on_each_database.api("POST", "/v1/accounts", json={**OWNER, "provider": "greenhouse"})
    assert (linked.json()["status"], linked.json()["id"]) == ("active", made[0]["account_id"])
    assert linked.json()["external_trigger_token"] == made[0]["external_trigger_token"]


async def test_multiple_makes_another_account(proctor: Linked) -> None:
    """`multiple` creates another account of the same owner with its own token."""
    first, second = await opened(proctor), await opened(proctor, multiple=True)
    assert first["account_id"] != second["account_id"]
    assert first["external_trigger_token"] != second["external_trigger_token"]


async def test_edit_mode_opens_the_account_that_is_named(proctor: Linked) -> None:
    """The named account wins over the given owner; another project's account is not found."""
    made = await opened(proctor, account_id=proctor.account_id, multiple=True)
    assert (made["account_id"], made["external_trigger_token"]) == (proctor.account_id, proctor.token)
    assert made["provider"] == "greenhouse"
    mallory = await proctor.house.link("mallory", tenant="mallory")
    foreign = await mallory.api("POST", "/connect_sessions", json={**OWNER, "account_id": proctor.account_id})
    assert foreign.status_code == 404


async def test_without_an_integration_the_provider_stays_open(proctor: Linked) -> None:
    """No account is created until a provider is named."""
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    made = await opened(proctor)
    named = await opened(proctor, provider="greenhouse")

    assert (made["provider"], made["account_id"], made["external_trigger_token"]) == (None, None, None)
    assert named["external_trigger_token"].startswith("gr_")


async def test_expired_is_410_unknown_and_foreign_are_404(proctor: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired session is 410, an unknown or foreign one 404; just before expiry a session is open."""
    made = await opened(proctor, expires_in=None)
    ctx = proctor.house.app.state.ctx

    async def status(linked: Linked, token: str) -> int:
        return (await linked.api("POST", "/connect_sessions/authenticate", json={"token": token})).status_code

    assert await status(proctor, made["token"]) == 201
    assert await status(await proctor.house.link("mallory", tenant="mallory"), made["token"]) == 404
    assert await status(proctor, made["token"] + "x") == 404
    sql = "UPDATE connect_sessions SET expires_at = now_ms() WHERE id = $1"
    await ctx.store.write(lambda tx: tx.run(sql, made["id"]))
    assert await status(proctor, made["token"]) == 410
    # long after its expiry, the session is deleted
    monkeypatch.setattr(connect_sessions, "KEPT_MS", 0)
    monkeypatch.setattr(connect_sessions, "CLEARING", 1.0)
    await opened(proctor)
    assert await status(proctor, made["token"]) == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"origin_owner_id": None}, "origin_owner_id"),
        ({"origin_owner_name": ""}, "origin_owner_name"),
        ({"provider": "workday"}, "provider"),
        ({"categories": ["ats", "nope"]}, "categories.1"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 1e9}, "expires_in"),
        ({"type": "staging"}, "type"),
        ({"metadata": "x"}, "metadata"),
        ({"label": "\x00"}, "label"),
    ],
)
async def test_an_invalid_value_is_named(proctor: Linked, change: dict[str, Any], field: str) -> None:
    """An invalid value is named, and nothing is created."""
    answer = await proctor.api("POST", "/connect_sessions", json={**OWNER, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0].startswith(f"{field}: ")
    assert (await proctor.api("GET", "/accounts?origin_owner_id=acme")).json() == []


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (TYPESCRIPT.format("4.28.0"), 1),
        (TYPESCRIPT.format("4.33.1"), 1),
        (TYPESCRIPT.format("4.33.2"), "1"),
        (TYPESCRIPT.format("4.34.1"), "1"),
        (TYPESCRIPT.format("10.0.0"), "1"),
        ("speakeasy-sdk/ruby 0.40.1 2.0.0 1.0.0 stackone_client", "1"),
        ("curl/8", "1"),
        ("", "1"),
    ],
)
async def test_the_organization_is_a_number_for_old_builds_alone(
    house: House, proctor: Linked, user_agent: str, expected: object
) -> None:
    """Old builds are recognised by their User-Agent."""
    answer = await proctor.api("POST", "/connect_sessions", json=OWNER, headers={"user-agent": user_agent})
    assert answer.json()["organization_id"] == expected == organization_id(user_agent)


async def test_secrets_of_a_session_are_kept_as_hashes(proctor: Linked) -> None:
    """The database contains neither token, link nor trigger token in plain text."""
    made = await opened(proctor)
    kept = b"".join(path.read_bytes() for path in proctor.house.settings.data_dir.glob("greenroom.db*"))
    assert b"acme" in kept
    for secret in (made["token"], made["auth_link_url"].rpartition("/")[2], made["external_trigger_token"]):
        assert secret.encode() not in kept


async def test_opening_a_session_sends_no_event(proctor: Linked) -> None:
    """`account.created` is sent only once the customer has finished linking."""
    await webhook(proctor, ["account.created"])
    await opened(proctor)
    assert (await proctor.api("GET", "/v1/deliveries")).json()["data"] == []
