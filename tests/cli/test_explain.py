"""`greenroom explain` and `greenroom bundle`, beside a gateway that runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from greenroom.cli import app
from tests.doctor.scenarios import Patient
from tests.house import ADA, RESULT, House

CANARIES = (
    "Ada", "Nguyễn", "ada@example.test", "17681532", "rina@northwind.example", "take_home_tests", "Licence of Ada",
    "82.5", "Strong on joins", "results.proctor-tests.com", "no thanks, Ada", "Northwind", "correct horse",
)  # fmt: skip


async def run(house: House, monkeypatch: pytest.MonkeyPatch, *args: str) -> Result:
    """Runs a command on the gateway's data."""
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(house.settings.data_dir))
    monkeypatch.setenv("GREENROOM_ALLOW_HTTP", "true")
    result = await asyncio.to_thread(CliRunner().invoke, app, list(args))
    assert result.exit_code == 0, result.output
    return result


async def test_an_order_is_explained(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line is a sentence; the time of the next attempt, the findings and the timeline follow."""
    patient = await Patient.healthy(house)
    house.vendor.will_answer((503, {}, b"no thanks, Ada"))
    order_id = await patient.linked.send_test(2, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while not await patient.findings():
            await asyncio.sleep(0.02)
    said = (await run(house, monkeypatch, "explain", order_id)).output
    assert said.startswith("The vendor's webhook did not take the order yet; it is tried again by itself.\n")
    assert "The next attempt is at " in said
    assert "Order received; queued for 1 webhook." in said
    assert "answered 503" in said


async def test_a_bundle_has_nothing_personal(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that anybody else wrote is in it unless asked; the page has the JSON."""
    patient = await Patient.healthy(house)
    linked = patient.linked
    house.vendor.will_answer((503, {}, b"no thanks, Ada"))
    order_id = await linked.send_test(2, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while not await patient.findings():
            await asyncio.sleep(0.02)
    body = {"status": "accepted", "message": "Licence of Ada"}
    assert (await linked.api("POST", f"/v1/orders/{order_id}/status", json=body)).status_code == 200
    assert (await linked.give_result(order_id, {**RESULT, "summary": {"no": "Ada"}})).status_code == 422
    house.greenhouse.will_answer((500, {}, b"no thanks, Ada"))
    assert (await linked.give_result(order_id)).status_code == 200
    report = {"api_call": "test_status", "errors": [f"no thanks, Ada: {ADA}"], "partner_interview_id": order_id}
    await linked.call("response_error", json=report)
    plain, whole = tmp_path / "plain.html", tmp_path / "whole.html"
    await run(house, monkeypatch, "bundle", order_id, "--output", str(plain))
    written = plain.read_text() + plain.with_suffix(".json").read_text()
    for canary in CANARIES:
        assert canary not in written, canary
    bundle = json.loads(plain.with_suffix(".json").read_text())
    assert bundle["order"]["id"] == order_id
    assert {"status": 503}.items() <= next(one for one in bundle["timeline"] if one["kind"] == "attempt").items()
    answer = {"status": 200, "body": {"partner_interview_id": order_id}}
    assert next(one for one in bundle["timeline"] if one["kind"] == "received")["answer"] == answer
    assert {"result.rejected_by_ats"} <= {one["code"] for one in bundle["findings"]}
    assert json.loads(plain.read_text().partition('id="bundle">')[2].partition("</script>")[0]) == bundle

    await run(house, monkeypatch, "bundle", order_id, "--output", str(whole), "--personal")
    everything = whole.with_suffix(".json").read_text()
    for canary in CANARIES[:-2]:
        assert canary in everything, canary
    assert "correct horse" not in everything
