"""One cause of each area after the other, on both databases."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.scenarios import Patient
from tests.house import basic, open_house


async def test_causes_one_after_the_other(database_url: str, tmp_path: Path) -> None:
    """Each is found alone, for its order or account, and is gone after the repair."""
    url = database_url if database_url.startswith("postgresql") else None
    async with open_house(tmp_path, url) as house:
        patient = await Patient.healthy(house)
        linked, hook = patient.linked, f"/v1/webhooks/{patient.hook['id']}"
        await patient.is_healthy()

        house.vendor.will_answer((401, {}, b"bad signature"))
        await linked.api("POST", f"{hook}/test")
        await patient.has("webhook.signature_suspected", status=401, answer="bad signature")
        house.vendor.will_answer(200)
        await linked.api("POST", f"{hook}/test")
        await patient.is_healthy()

        await linked.api("PATCH", hook, json={"enabled": False})
        held = await linked.send_test(2, partner_test_id="pkg_static")
        found = await patient.has("webhook.disabled", waiting=1)
        assert found["proof"]["disabled_by"].startswith("API key ")
        assert [one["code"] for one in await patient.findings(order_id=held)] == ["webhook.disabled"]
        await linked.api("PATCH", hook, json={"enabled": True})
        await patient.is_healthy()

        assert (await linked.give_result("ord_unknown")).status_code == 404
        found = await patient.has("result.unknown_order", order_id="ord_unknown")
        assert found["subject"] == {"type": "account", "id": linked.account_id, "name": "Northwind"}
        assert (await linked.give_result(held)).status_code == 200
        await patient.is_healthy()

        assert (await linked.call("list_tests", token="a-key-of-nobody")).status_code == 401
        await patient.has("ats.token_unknown")
        await linked.call("list_tests")
        await patient.is_healthy()
        token = linked.token
        await linked.api("DELETE", f"/accounts/{linked.account_id}")
        await patient.is_healthy()
        header = {"authorization": basic(token)}
        await house.client.get("/external-trigger/greenhouse/list_tests?tenant-id=proctor", headers=header)
        assert (await patient.has("ats.account_disconnected"))["subject"]["id"] == linked.account_id
