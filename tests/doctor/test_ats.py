"""Causes of calls that an ATS does not make, or that are refused, provoked over real sockets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from greenroom.services import accounts
from greenroom.store.db import Tx
from tests.doctor.scenarios import Patient
from tests.house import House, Linked, basic

PATH = "/external-trigger/greenhouse/list_tests"


async def refused(patient: Patient, header: str | None, tenant: str | None = "proctor", times: int = 1) -> None:
    """Makes calls that are refused."""
    headers = {} if header is None else {"authorization": header}
    query = "" if tenant is None else f"?tenant-id={tenant}"
    for _ in range(times):
        answer = await patient.linked.house.client.get(PATH + query, headers=headers)
        assert answer.status_code == 401, answer.text


async def good(patient: Patient, token: str | None = None) -> None:
    """Makes a call that is answered."""
    answer = await patient.linked.call("list_tests", token=token)
    assert answer.status_code == 200, answer.text


async def is_account(patient: Patient, code: str, **proof: Any) -> dict[str, Any]:
    """Asserts that this code alone is found, about the account."""
    found = await patient.has(code, **proof)
    assert found["subject"] == {"type": "account", "id": patient.linked.account_id, "name": "Northwind"}
    return found


async def change_rows(house: House, sql: str, *values: Any) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(sql, *values)

    await house.app.state.ctx.store.write(work)


async def another_account(patient: Patient, owner: str = "other") -> dict[str, Any]:
    """Links a further customer."""
    body = {"provider": "greenhouse", "origin_owner_id": owner, "origin_owner_name": "Southwind"}
    answer = await patient.linked.api("POST", "/v1/accounts", json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def test_an_account_that_was_never_called(house: House, patient: Patient) -> None:
    """The outstanding account is named; the notice becomes a warning after three days, and ends with a call."""
    await patient.is_healthy()
    other = await another_account(patient)
    found = await patient.has("ats.never_called", account="Southwind", tenant_id="proctor")
    assert found["subject"] == {"type": "account", "id": other["id"], "name": "Southwind"}
    assert found["severity"] == "notice"
    ago = "UPDATE {} SET created_at = created_at - 300000000"
    await change_rows(house, ago.format("accounts"))
    await change_rows(house, ago.format("integrations"))
    assert (await patient.has("ats.never_called"))["severity"] == "warning"
    await good(patient, other["external_trigger_token"])
    await patient.is_healthy()


async def test_nobody_waits_before_an_account_is_linked(house: House) -> None:
    """Neither without an account nor for one whose customer has not finished is a call missed."""
    linked = await house.link("proctor")
    await unlink(linked)
    answer = await linked.api("GET", "/v1/findings", params={"code": "ats.never_called"})
    assert answer.json()["data"] == []


async def test_an_unknown_key(patient: Patient) -> None:
    """Number, length and the first three characters are in the proof, the key is not."""
    await patient.is_healthy()
    await refused(patient, basic("sk_live_0123456789abcdef"), times=3)
    found = await patient.has("ats.token_unknown", key_length=24, key_start="sk_", count=3, call="list_tests")
    assert found["subject"] == {"type": "integration", "id": "greenhouse", "name": "Greenhouse"}
    assert (found["count"], found["count_is"]) == (3, "exact")
    assert found["proof"]["address"] == "127.0.0.0/24"
    assert "0123456789" not in str(found)
    await good(patient)
    await patient.is_healthy()


async def test_an_unknown_key_is_not_excused_by_another_account(patient: Patient) -> None:
    """While a new account waits, calls of the others end nothing; the first use of its token does."""
    other = await another_account(patient)
    await refused(patient, basic("somebody's key"))
    await good(patient)
    await patient.has("ats.token_unknown", waiting_accounts=["Southwind"])
    await good(patient, other["external_trigger_token"])
    await patient.is_healthy()


async def test_an_unknown_key_that_comes_back(patient: Patient) -> None:
    """Between accounts that work, a key that comes back after good calls lasts until all of them called."""
    other = await another_account(patient)
    await good(patient, other["external_trigger_token"])
    await patient.is_healthy()
    await refused(patient, basic("somebody's key"))
    await patient.has("ats.token_unknown", count=1)
    await good(patient)
    await patient.is_healthy()
    await refused(patient, basic("somebody's key"))
    await good(patient)
    await patient.has("ats.token_unknown", count=2)
    await good(patient, other["external_trigger_token"])
    await patient.is_healthy()
    await refused(patient, basic("somebody's key"))
    await patient.has("ats.token_unknown", count=1)


DAMAGE = {
    "cut short": lambda token: token[:-5],
    "other case": str.lower,
    "white space": lambda token: f"{token[:9]} {token[9:]}\n",
    "quotes": lambda token: f'"{token}"',
    "gr_ missing": lambda token: token[3:],
    "percent-encoded": lambda token: quote(token.replace("gr_", "gr%5F"), safe="%"),
    "quotes, cut short": lambda token: f"“{token[:30]}",
    "without Basic": None,
    "not base64-encoded": None,
}


@pytest.mark.parametrize("difference", DAMAGE)
async def test_a_damaged_token(patient: Patient, difference: str) -> None:
    """The difference is in the proof; the right token ends the finding."""
    await patient.is_healthy()
    damage, token = DAMAGE[difference], patient.linked.token
    header = basic(damage(token)) if damage else f"{'Bearer' if 'without' in difference else 'Basic'} {token}"
    await refused(patient, header)
    found = await is_account(patient, "ats.token_near_miss", difference=difference)
    assert token[3:20] not in str(found)
    await good(patient)
    await patient.is_healthy()


async def test_the_start_of_a_token_is_no_near_miss(patient: Patient) -> None:
    """A start that could be guessed says nothing about the token."""
    await refused(patient, basic(patient.linked.token[:19]))
    await patient.has("ats.token_unknown", key_length=19)


async def test_the_old_token_while_it_is_valid(patient: Patient) -> None:
    """A rotation alone is no finding; a call with the old token is, until one comes with the new."""
    await patient.is_healthy()
    new = await rotate(patient, overlap_seconds=3600)
    await patient.is_healthy()
    await good(patient)
    found = await is_account(patient, "ats.token_rotated")
    assert found["severity"] == "warning"
    assert found["proof"]["valid_until"] > found["proof"]["rotated_at"]
    await good(patient, new)
    await patient.is_healthy()


async def test_the_old_token_after_its_end(patient: Patient) -> None:
    """The calls are refused, which is an error; its end is in the proof."""
    await patient.is_healthy()
    new = await rotate(patient, overlap_seconds=0)
    await refused(patient, basic(patient.linked.token))
    found = await is_account(patient, "ats.token_rotated")
    assert found["severity"] == "error"
    assert found["proof"]["valid_until"].endswith("Z")
    await good(patient, new)
    await patient.is_healthy()


@pytest.mark.parametrize("user", ["", "northwind"])
async def test_a_token_as_the_password(patient: Patient, user: str) -> None:
    """It belongs into the user name."""
    await patient.is_healthy()
    await refused(patient, basic(user, patient.linked.token))
    await is_account(patient, "ats.token_as_password")
    await good(patient)
    await patient.is_healthy()


async def test_the_token_of_a_deleted_account(patient: Patient) -> None:
    """The finding names the deleted account; linking the same customer again ends it."""
    await patient.is_healthy()
    old = patient.linked.token
    await unlink(patient.linked)
    await patient.is_healthy()
    await refused(patient, basic(old), times=2)
    await is_account(patient, "ats.account_disconnected", count=2)
    new = await another_account(patient, "proctor-1")
    await good(patient, new["external_trigger_token"])
    await patient.is_healthy()


async def test_what_had_ended_before_an_account_was_deleted(patient: Patient) -> None:
    """Causes that a good call ended stay ended when the account that made it is deleted."""
    await refused(patient, basic("a-key-of-nobody"))
    await patient.has("ats.token_unknown")
    await refused(patient, None)
    await good(patient)
    await patient.is_healthy()
    old = patient.linked.token
    await unlink(patient.linked)
    await patient.is_healthy()
    await refused(patient, basic(old))
    await is_account(patient, "ats.account_disconnected", count=1)


async def test_many_causes_one_after_the_other(patient: Patient) -> None:
    """Each good call ends the finding before it, however fast they alternate."""
    for number in range(30):
        await refused(patient, basic(f"a-key-of-nobody-{number}"))
        await good(patient)
    await patient.is_healthy()


async def test_the_url_of_another_tenant(patient: Patient) -> None:
    """Both tenant ids and the full URL are in the proof; correcting the configuration ends the finding, too."""
    await patient.is_healthy()
    await refused(patient, basic(patient.linked.token), tenant="examiner")
    url = f"{patient.linked.house.settings.public_url}{PATH}?tenant-id=proctor"
    proof = {"tenant_id": "examiner", "expected_tenant_id": "proctor", "expected_url": url}
    await is_account(patient, "ats.tenant_mismatch", **proof)
    await good(patient)
    await patient.is_healthy()


async def test_the_url_without_a_tenant(patient: Patient) -> None:
    """The full URL is in the proof."""
    await patient.is_healthy()
    await refused(patient, basic(patient.linked.token), tenant=None)
    url = f"{patient.linked.house.settings.public_url}{PATH}?tenant-id=proctor"
    await is_account(patient, "ats.tenant_missing", expected_url=url)
    await good(patient)
    await patient.is_healthy()


@pytest.mark.parametrize("header", [None, basic("")])
async def test_no_credentials(patient: Patient, header: str | None) -> None:
    """The calls are counted."""
    await patient.is_healthy()
    await refused(patient, header, times=2)
    found = await patient.has("ats.no_credentials", count=2)
    assert found["subject"]["type"] == "integration"
    await good(patient)
    await patient.is_healthy()


async def test_a_disabled_integration(patient: Patient) -> None:
    """A call with a valid token is needed; enabling ends the finding."""
    await patient.is_healthy()
    await enable(patient, enabled=False)
    await patient.is_healthy()
    await refused(patient, basic(patient.linked.token))
    found = await patient.has("ats.integration_disabled", count=1)
    assert found["subject"] == {"type": "integration", "id": "greenhouse", "name": "Greenhouse"}
    await enable(patient, enabled=True)
    await patient.is_healthy()


async def test_a_paused_account(house: House, patient: Patient) -> None:
    """A pause alone is no finding; calls during the pause are, until the account is resumed."""
    await patient.is_healthy()
    ctx = house.app.state.ctx
    row = await ctx.store.read(
        lambda tx: tx.one("SELECT project_id FROM accounts WHERE id = $1", patient.linked.account_id)
    )
    await accounts.set_paused(ctx, row["project_id"], patient.linked.account_id, True)
    await patient.is_healthy()
    await refused(patient, basic(patient.linked.token))
    assert (await is_account(patient, "ats.account_paused"))["severity"] == "warning"
    await accounts.set_paused(ctx, row["project_id"], patient.linked.account_id, False)
    await patient.is_healthy()


async def test_calls_that_concern_no_project(patient: Patient) -> None:
    """Neither the key nor the tenant is known: a metric counts them."""
    await refused(patient, basic("a key"), tenant="nobody-here")
    await refused(patient, None, tenant=None)
    await patient.is_healthy()
    metrics = (await patient.linked.house.client.get("/metrics")).text
    assert 'greenroom_refused_ats_calls_total{kind="nobody"}' in metrics


async def test_a_flood_is_bounded(house: House, patient: Patient) -> None:
    """Floods of one key and of many keys leave a few rows, with counts that say so when they end."""
    ctx = house.app.state.ctx
    for number in range(3000):
        ctx.refused_calls.add("greenhouse", "proctor", basic("one key"), "list_tests", "192.0.2.7")
        ctx.refused_calls.add("greenhouse", "proctor", basic(f"key {number}"), "list_tests", "2001:db8:1:2::3")
        ctx.refused_calls.add("greenhouse", f"tenant-{number}", None, "list_tests", None)
    found = await patient.has("ats.token_unknown")
    assert (found["count"], found["count_is"]) == (1000, "at_least")
    rows = await ctx.store.read(lambda tx: tx.all("SELECT * FROM refused_calls"))
    assert len(rows) <= 17
    assert found["proof"]["address"] in ("192.0.2.0/24", "2001:db8:1::/48")
    await good(patient)
    await patient.is_healthy()


async def test_another_project_sees_nothing(house: House, patient: Patient) -> None:
    """Mallory's findings have nothing about the calls of Proctor's customers."""
    mallory = await house.link("mallory", tenant="mallory")
    await mallory.call("list_tests")
    await refused(patient, basic(mallory.token))
    await refused(patient, basic(patient.linked.token[:-1]), tenant="mallory")
    await patient.is_healthy()
    found = (await mallory.api("GET", "/v1/findings")).json()["data"]
    codes = sorted(one["code"] for one in found if one["code"].startswith("ats."))
    assert codes == ["ats.tenant_mismatch", "ats.token_unknown"]
    assert patient.linked.account_id not in str(found)


async def unlink(linked: Linked) -> None:
    answer = await linked.api("DELETE", f"/accounts/{linked.account_id}")
    assert answer.status_code == 200, answer.text


async def rotate(patient: Patient, *, overlap_seconds: int) -> str:
    """Rotates the account's token and returns the new one."""
    path = f"/v1/accounts/{patient.linked.account_id}/rotate-token"
    answer = await patient.linked.api("POST", path, json={"overlap_seconds": overlap_seconds})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["external_trigger_token"])


async def enable(patient: Patient, *, enabled: bool) -> None:
    """Switches the integration on or off."""
    body = {
        "enabled": enabled,
        "authentication_type": "partner",
        "partner_category": "assessments",
        "tenant_id": "proctor",
        "partner_username": "partner",
        "partner_password": "correct horse",
        "package_id": "pkg_static",
    }
    answer = await patient.linked.api("PUT", "/v1/integrations/greenhouse", json=body)
    assert answer.status_code == 200, answer.text
