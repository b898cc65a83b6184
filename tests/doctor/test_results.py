"""Causes of results that are refused, not handed over or not read."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from greenroom.doctor import report_urls
from greenroom.model.findings import Finding
from greenroom.services import erasure
from greenroom.store.db import Tx
from tests.doctor.scenarios import Patient
from tests.house import ADA, RESULT, House, open_house

OTHER_URL = {**RESULT, "result_url": "https://results.proctor-tests.com/r/2"}


async def ordered(patient: Patient, number: int = 2, **changes: Any) -> str:
    return await patient.linked.send_test(number, partner_test_id="pkg_static", **changes)


async def accepted(patient: Patient, order_id: str) -> None:
    """Sends a result that is accepted and read."""
    answer = await patient.linked.give_result(order_id)
    assert answer.status_code == 200, answer.text
    await patient.linked.becomes(order_id, delivery="sent")
    assert (await patient.linked.status(order_id))["partner_status"] == "complete"


async def change(patient: Patient, **settings: Any) -> None:
    """Changes the integration."""
    body = (await patient.linked.api("GET", "/v1/integrations/greenhouse")).json()
    kept = ("enabled", "authentication_type", "partner_category", "tenant_id", "package_id", "partner_username",
            "callback_hosts")  # fmt: skip
    answer = await patient.linked.api(
        "PUT", "/v1/integrations/greenhouse", json={**{name: body[name] for name in kept}, **settings}
    )
    assert answer.status_code == 200, answer.text


async def retried(patient: Patient, order_id: str) -> None:
    """Retries the delivery to the ATS; it is read."""
    found = await patient.linked.api("GET", "/v1/deliveries", params={"order_id": order_id, "lane": "ats"})
    delivery = found.json()["data"][0]["id"]
    assert (await patient.linked.api("POST", f"/v1/deliveries/{delivery}/retry")).status_code in (200, 202)
    await patient.linked.becomes(order_id, delivery="sent")
    await patient.linked.status(order_id)
    await patient.is_healthy()


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[Patient]:
    """A healthy project of a gateway that is not in development, whose order came by API."""
    async with open_house(tmp_path, allow_http=False) as house:
        linked = await house.link("proctor")
        url = "https://vendor.proctor-tests.com/hooks"
        body = {"name": "orders", "url": url, "events": ["ats_assessments.created"], "enabled": True}
        hook = (await linked.api("POST", "/v1/webhooks", json=body)).json()
        assert (await linked.call("list_tests")).status_code == 200
        yield Patient(linked, hook)


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        ({"score": {"value": "85%"}}, {"field": "score.value", "found": "85%"}),
        ({"scores": 3}, {"field": "scores", "expected": "unknown field. Did you mean score?", "found": 3}),
        ({"start_date": "yesterday"}, {"field": "start_date", "found": "yesterday"}),
        ({"result": {"value": "great"}}, {"field": "result.value", "found": "great"}),
        ({"summary": {"text": "Ada"}}, {"field": "summary", "found": "an object"}),
        ({"candidate": {"profile_url": ["ada@example.test"]}}, {"field": "candidate.profile_url", "found": "a list"}),
    ],
)
async def test_an_invalid_field(patient: Patient, changes: dict[str, Any], proof: dict[str, Any]) -> None:
    """The field, what was expected and what was found are in the proof; a result that is accepted ends it."""
    order_id = await ordered(patient)
    await patient.is_healthy()
    for _ in range(2):
        answer = await patient.linked.give_result(order_id, {**RESULT, **changes})
        assert answer.status_code == 422, answer.text
    found = await patient.has("result.invalid_field", order_id=order_id, **proof)
    assert found["subject"] == {"type": "order", "id": order_id, "name": "pkg_static"}
    assert found["count"] == 2
    await accepted(patient, order_id)
    await patient.is_healthy()


@pytest.mark.parametrize("url", [None, "", "  "])
async def test_a_missing_url(patient: Patient, url: str | None) -> None:
    """A final result without its address is named."""
    order_id = await ordered(patient)
    assert (await patient.linked.give_result(order_id, {**RESULT, "result_url": url})).status_code == 422
    await patient.has("result.url_missing", field="result_url", order_id=order_id)
    await accepted(patient, order_id)
    await patient.is_healthy()


@pytest.mark.parametrize(
    ("url", "code", "found"),
    [
        ("http://results.proctor-tests.com/r/1?token=xyz", "url_not_https", "http://results.proctor-tests.com/r/1"),
        ("https://10.0.0.8/r/1", "url_private", "https://10.0.0.8/r/1"),
        ("https://results.internal/r/1", "url_private", "https://results.internal/r/1"),
        ("https://user:pw@results.proctor-tests.com/1", "invalid_field", "https://results.proctor-tests.com/1"),
    ],
)
async def test_a_url_that_recruiters_cannot_open(public: Patient, url: str, code: str, found: str) -> None:
    """The address is in the proof, without its query."""
    order = {"package": {"id": "pkg_static"}, "candidate": {"emails": [{"value": "ada@example.test"}]}}
    placed = await public.linked.unified("POST", "/assessments/orders", json=order)
    order_id = placed.json()["id"]
    refused = await public.linked.give_result(order_id, {**RESULT, "result_url": url})
    assert refused.status_code == 422, refused.text
    results = [one for one in await public.findings() if one["code"].startswith("result.")]
    assert [one["code"] for one in results] == [f"result.{code}"]
    assert results[0]["proof"]["found"] == found
    assert (await public.linked.give_result(order_id)).status_code == 200
    assert not [one for one in await public.findings() if one["code"].startswith("result.")]


async def test_another_account(patient: Patient) -> None:
    """The account that belongs there is in the proof, for an account of the project and for any other id."""
    linked, order_id = patient.linked, await ordered(patient)
    body = {"provider": "greenhouse", "origin_owner_id": "other", "origin_owner_name": "Southwind"}
    other = (await linked.api("POST", "/v1/accounts", json=body)).json()
    await linked.call("list_tests", token=other["external_trigger_token"])
    await patient.is_healthy()
    for wrong in (other["id"], "acc_nobody"):
        path, headers = f"/unified/ats/assessments/orders/{order_id}/result", {"x-account-id": wrong}
        assert (await linked.api("PATCH", path, json=RESULT, headers=headers)).status_code == 404
        proof = {"account_id": linked.account_id, "sent_account_id": wrong}
        await patient.has("result.wrong_account", order_id=order_id, **proof)
    await accepted(patient, order_id)
    await patient.is_healthy()


async def test_the_other_category(patient: Patient) -> None:
    """The path that belongs there is in the proof."""
    order_id = await ordered(patient)
    assert (await patient.linked.give_result(order_id, category="background_checks")).status_code == 404
    await patient.has("result.wrong_category", path=f"/unified/ats/assessments/orders/{order_id}/result")
    await accepted(patient, order_id)
    await patient.is_healthy()


async def test_an_unknown_order(patient: Patient, house: House) -> None:
    """An order of another project is as unknown as none; a result of the account that is accepted ends it."""
    order_id = await ordered(patient)
    mallory = await house.link("mallory", tenant="mallory")
    theirs = await mallory.send_test(partner_test_id="pkg_static")
    for unknown in (theirs, "ord_unknown"):
        assert (await patient.linked.give_result(unknown)).status_code == 404
        path = f"/unified/ats/assessments/orders/{unknown}/result"
        nobody = {"x-account-id": "acc_nobody"}
        assert (await patient.linked.api("PATCH", path, json=RESULT, headers=nobody)).status_code == 404
    found = await patient.has("result.unknown_order", order_id="ord_unknown", orders=["ord_unknown", theirs])
    assert (found["subject"]["id"], found["count"]) == ("acc_nobody", 4)
    assert (await patient.linked.give_result("ord_unknown")).status_code == 404
    subjects = [(one["code"], one["subject"]["id"]) for one in await patient.findings()]
    assert subjects == [("result.unknown_order", patient.linked.account_id), ("result.unknown_order", "acc_nobody")]
    assert [one["code"] for one in await patient.findings(order_id="ord_unknown")] == ["result.unknown_order"]
    await accepted(patient, order_id)
    await patient.is_healthy()


async def test_refusals_of_unknown_orders_are_bounded(patient: Patient) -> None:
    """A vendor that guesses ids fills no table."""
    for number in range(25):
        assert (await patient.linked.give_result(f"ord_{number}")).status_code == 404
    found = await patient.has("result.unknown_order", order_id="ord_24")
    assert (len(found["proof"]["orders"]), found["count"]) == (20, 20)


async def test_a_second_result(patient: Patient) -> None:
    """What differs is in the proof, without texts about the candidate; repeating the first one ends it."""
    order_id = await ordered(patient)
    await accepted(patient, order_id)
    await patient.is_healthy()
    changed = {**RESULT, "score": {"value": "91"}, "summary": "Ada was better the second time."}
    assert (await patient.linked.give_result(order_id, changed)).status_code == 409
    differs = [{"field": "score.value", "first": "82.5", "second": "91"}]
    found = await patient.has("result.second_update", differs=["score.value", "summary"], diff=differs)
    assert "Ada" not in str(found["proof"])
    assert found["proof"]["first_at"] == (await patient.linked.order(order_id))["result_at"]
    assert (await patient.linked.give_result(order_id)).status_code == 200
    await patient.is_healthy()


async def test_a_second_result_is_forgotten_after_a_day(patient: Patient, house: House) -> None:
    """The recorded result stays valid, so time ends the finding, too; so does erasing the content."""
    order_id = await ordered(patient)
    await accepted(patient, order_id)
    assert (await patient.linked.give_result(order_id, OTHER_URL)).status_code == 409
    await patient.has("result.second_update")
    await run(house, "UPDATE result_refusals SET at = at - 86400001")
    await patient.is_healthy()
    await patient.linked.give_result(order_id, OTHER_URL)
    await patient.has("result.second_update")
    await erasure.erase(house.app.state.ctx, (await only_project(house)), order_id)
    await patient.is_healthy()


async def test_a_callback_host_that_is_not_allowed(patient: Patient) -> None:
    """The host and the allowed ones are in the proof, before a result and after; allowing and retrying ends it."""
    await change(patient, callback_hosts=["app.greenhouse.io"])
    await patient.is_healthy()
    order_id = await ordered(patient)
    found = await patient.has("result.host_not_allowed", host="127.0.0.1", allowed=["app.greenhouse.io"])
    assert found["subject"]["id"] == "greenhouse"
    await change(patient, callback_hosts=["127.0.0.1"])
    await patient.is_healthy()
    await change(patient, callback_hosts=["app.greenhouse.io"])
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="refused")
    assert order_id in (await patient.has("result.host_not_allowed", host="127.0.0.1"))["proof"]["orders"]
    assert [one["code"] for one in await patient.findings(order_id=order_id)] == ["result.host_not_allowed"]
    await change(patient, callback_hosts=["127.0.0.1"])
    await retried(patient, order_id)


async def test_missing_partner_credentials(patient: Patient) -> None:
    """The missing fields are in the proof, read from the configuration; a refused result waits for a retry."""
    await change(patient, partner_username=None)
    await patient.has("result.no_partner_credentials", missing=["partner_username"])
    order_id = await ordered(patient)
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="refused")
    await patient.has("result.no_partner_credentials", missing=["partner_username"], orders=[order_id])
    await change(patient, partner_username="partner")
    found = await patient.has("result.no_partner_credentials", orders=[order_id])
    assert "Retry" in found["next_step"]
    await retried(patient, order_id)


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_partner_credentials(patient: Patient, house: House, status: int) -> None:
    """The refusal of the ATS is named with the orders; a push that is accepted ends it."""
    order_id = await ordered(patient)
    house.greenhouse.will_answer(status)
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="refused")
    found = await patient.has("result.partner_credentials_refused", status=status, orders=[order_id])
    secret = base64.b64encode(b"partner:correct horse").decode()
    assert secret not in str(found)
    assert "correct horse" not in str(found)
    house.greenhouse.will_answer(200)
    await retried(patient, order_id)


async def test_a_candidate_who_is_gone(patient: Patient, house: House) -> None:
    """404 of the ATS is a notice."""
    order_id = await ordered(patient)
    house.greenhouse.will_answer(404)
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="refused")
    found = await patient.has("result.candidate_gone", status=404, order_id=order_id)
    assert found["severity"] == "notice"
    house.greenhouse.will_answer(200)
    await retried(patient, order_id)


@pytest.mark.parametrize("status", [500, 503, 0])
async def test_an_ats_that_fails(patient: Patient, house: House, status: int) -> None:
    """The next attempt is in the proof; a push that is accepted ends it."""
    order_id = await ordered(patient)
    house.greenhouse.will_answer(status)
    await patient.linked.give_result(order_id)
    await until_found(patient)
    found = await patient.has("result.ats_error", order_id=order_id)
    assert found["severity"] == "warning"
    assert found["proof"].get("status") == (status or None)
    assert found["proof"]["next_attempt_at"] > found["last_seen_at"]
    house.greenhouse.will_answer(200)
    await retried(patient, order_id)


async def test_a_push_that_is_in_flight_has_not_failed_yet(patient: Patient, house: House) -> None:
    """An attempt counts once it has ended, whether the push was retried by hand or by itself."""
    order_id = await ordered(patient)
    house.greenhouse.will_answer(503)
    await patient.linked.give_result(order_id)
    await until_found(patient)
    flying = "UPDATE deliveries SET lease = 'x', attempts = 2, attempts_before = $1, due_at = $2 WHERE lane = 'ats'"
    await run(house, flying, 0, 2**42)
    found = await patient.has("result.ats_error", attempts=1)
    assert "next_attempt_at" not in found["proof"]
    await run(house, flying, 1, 2**42)
    await patient.is_healthy()
    await run(house, "UPDATE deliveries SET lease = NULL, attempts = 1, attempts_before = 0 WHERE lane = 'ats'")
    house.greenhouse.will_answer(200)
    await retried(patient, order_id)


async def test_an_ats_that_refuses_for_another_reason(patient: Patient, house: House) -> None:
    """A status after which nothing is tried again is an error."""
    order_id = await ordered(patient)
    house.greenhouse.will_answer(422)
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="refused")
    assert (await patient.has("result.ats_error", status=422))["severity"] == "error"
    house.greenhouse.will_answer(200)
    await retried(patient, order_id)


async def test_an_ats_that_never_reads(patient: Patient, house: House) -> None:
    """A notification that was accepted a minute ago, and not followed by test_status, is named."""
    order_id = await ordered(patient)
    await patient.linked.give_result(order_id)
    await patient.linked.becomes(order_id, delivery="sent")
    await patient.is_healthy()
    await run(house, "UPDATE deliveries SET updated_at = updated_at - 61000 WHERE lane = 'ats'")
    found = await patient.has("result.never_read", order_id=order_id, notified=1, status=200)
    assert found["proof"]["next_attempt_at"]
    assert (await patient.linked.status(order_id))["partner_status"] == "complete"
    await patient.is_healthy()


async def test_an_answer_that_the_ats_rejects(patient: Patient) -> None:
    """The ATS's report is quoted with its field; the next time that the ATS reads the result ends it."""
    order_id = await ordered(patient)
    await accepted(patient, order_id)
    report = {
        "api_call": "test_status",
        "errors": ["partner_score must be a number for ada@example.test"],
        "partner_test_id": "pkg_static",
        "partner_interview_id": order_id,
        "candidate_email": ADA["email"],
    }
    assert (await patient.linked.call("response_error", json=report)).status_code == 200
    errors = ["partner_score must be a number for (e-mail)"]
    await patient.has("result.rejected_by_ats", order_id=order_id, field="partner_score", errors=errors)
    await patient.linked.status(order_id)
    await patient.is_healthy()


async def test_a_list_that_the_ats_rejects(patient: Patient) -> None:
    """A report without an order is the account's; the next list ends it."""
    report = {"api_call": "list_tests", "errors": ["partner_test_name is missing"]}
    assert (await patient.linked.call("response_error", json=report)).status_code == 200
    found = await patient.has("result.rejected_by_ats", field="partner_test_name", api_call="list_tests")
    assert found["subject"]["id"] == patient.linked.account_id
    assert found["subject"]["name"]
    async with asyncio.timeout(20):
        while await patient.findings():
            await patient.linked.call("list_tests")


async def until_found(patient: Patient) -> None:
    """Waits until something is found."""
    async with asyncio.timeout(20):
        while not await patient.findings():
            await asyncio.sleep(0.02)


async def run(house: House, sql: str, *values: Any) -> None:
    """Changes the database, to let time pass."""

    async def work(tx: Tx) -> int:
        return await tx.run(sql, *values)

    await house.app.state.ctx.store.write(work)


async def only_project(house: House) -> str:
    async def work(tx: Tx) -> str:
        row = await tx.one("SELECT id FROM projects LIMIT 1")
        return str(row["id"]) if row else ""

    return str(await house.app.state.ctx.store.read(work))


@pytest.mark.parametrize(
    ("answers", "code", "proof"),
    [
        ([(404, {}, b"")], "result.url_unreachable", {"status": 404}),
        ([(0, {}, b"")], "result.url_unreachable", {}),
        ([(401, {}, b"")], "result.url_needs_login", {"status": 401}),
        ([(302, {"Location": "/users/sign_in?next=1"}, b""), (200, {}, b"")], "result.url_needs_login", {}),
        ([(302, {"Location": "/r/1/final"}, b""), (500, {}, b"")], "result.url_unreachable", {"status": 500}),
        ([(302, {"Location": "/r/1/again"}, b"")], "result.url_unreachable", {"status": 302}),
    ],
)
async def test_a_report_that_recruiters_cannot_open(
    patient: Patient, house: House, answers: list[Any], code: str, proof: dict[str, Any]
) -> None:
    """The report is requested only when asked; preview and doctor say the same; the next probe ends it."""
    linked, order_id = patient.linked, await ordered(patient)
    await house.vendor.receive(2)
    body = {**RESULT, "result_url": f"{house.vendor.url}/r/1?token=secret"}
    preview = f"/v1/orders/{order_id}/result:preview"
    assert (await linked.api("POST", preview, json=body)).json()["warnings"] == []
    house.vendor.will_answer(*answers)
    warned = (await linked.api("POST", preview, json=body, params={"probe": "true"})).json()
    assert warned["accepted"]
    assert [one["code"] for one in warned["warnings"]] == [code]
    assert (await linked.give_result(order_id, body)).status_code == 200
    await linked.becomes(order_id, delivery="sent")
    await linked.status(order_id)
    await patient.is_healthy()
    house.vendor.will_answer(*answers)
    found = await probed(house, order_id)
    assert [one.code for one in found] == [code]
    assert proof.items() <= found[0].proof.items()
    assert "secret" not in str(found)
    house.vendor.will_answer((302, {"Location": "/r/1/final"}, b""), (405, {}, b""), (200, {}, b"report"))
    assert await probed(house, order_id) == []


async def probed(house: House, order_id: str) -> list[Finding]:
    app = house.app.state
    return await report_urls.probe_order(app.ctx, app.out, await only_project(house), order_id)
