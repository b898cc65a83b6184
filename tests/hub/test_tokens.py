"""External trigger tokens: their use, their rotation, and calls for an account that is not linked yet."""

from __future__ import annotations

from typing import Any

from tests.house import Linked, webhook
from tests.hub.customers import Customer


async def list_tests(linked: Linked, token: str) -> int:
    """Calls as the customer's Greenhouse does; returns the status."""
    return (await linked.call("list_tests", token=token)).status_code


async def test_a_call_for_a_pending_account_is_published_once(vendor: Linked) -> None:
    """The account stays pending, says that its token is in use, and is linked as always."""
    await webhook(vendor, ["account.created", "account.updated"])
    customer = await Customer.open(vendor)
    token, path = customer.session["external_trigger_token"], f"/v1/accounts/{customer.session['account_id']}"
    before = await customer.get("/session")
    assert (before["account"]["last_called_at"], before["account"]["tokens"][0]["last_used_at"]) == (None, None)
    for _ in range(2):
        assert await list_tests(vendor, token) == 200
    assert (await vendor.call("send_test", json={}, token=token)).status_code >= 400

    shown = (await vendor.api("GET", path)).json()
    assert shown["status"] == "inactive"
    assert [reason["code"] for reason in shown["status_reasons"]] == ["linking_unfinished", "token_in_use"]
    used = await customer.get("/session")
    assert used["account"]["last_called_at"] is not None
    assert used["account"]["tokens"][0]["first_used_at"] is not None
    assert used["account"]["linked"] is False
    (one,) = (await customer.get("/connectors"))["integrations"]
    await customer.post("/accounts", {"integration_id": one["integration_id"]})
    assert await list_tests(vendor, token) == 200
    assert (await vendor.api("GET", path)).json()["status_reasons"] == []
    received = await vendor.house.vendor.receive(2)
    assert sorted(one.json["event"] for one in received) == ["account.created", "account.updated"]
    assert len((await vendor.api("GET", "/v1/deliveries")).json()["data"]) == 2


async def test_the_customer_rotates_a_token_with_overlap(vendor: Linked) -> None:
    """Both work until the overlap ends, and the use of each is shown."""
    customer = await Customer.open(vendor)
    old, account_id = customer.session["external_trigger_token"], customer.session["account_id"]
    answer = await customer.call("POST", f"/accounts/{account_id}/rotate-token", {"overlap_seconds": 3600})
    assert answer.status_code == 200, answer.text
    new = answer.json()["external_trigger_token"]
    assert new != old
    assert [one["hint"] for one in answer.json()["account"]["tokens"]] == [new[-4:], old[-4:]]

    assert await list_tests(vendor, old) == 200
    first, second = (await customer.get("/session"))["account"]["tokens"]
    assert (first["last_used_at"], first["expires_at"]) == (None, None)
    assert second["last_used_at"] is not None
    assert second["expires_at"] is not None
    assert await list_tests(vendor, new) == 200
    shown: list[dict[str, Any]] = (await customer.get("/session"))["account"]["tokens"]
    assert all(one["first_used_at"] for one in shown)
    assert (await vendor.api("GET", f"/v1/accounts/{account_id}")).json()["tokens"] == shown
    await customer.call("POST", f"/accounts/{account_id}/rotate-token", {"overlap_seconds": 0})
    assert await list_tests(vendor, old) == 401
    assert await list_tests(vendor, new) == 401
    newest = (await customer.get("/session"))["external_trigger_token"]
    assert await list_tests(vendor, newest) == 200
    entries = (await vendor.api("GET", "/v1/audit_log?action=account.token_rotated")).json()["data"]
    assert {one["actor"]["kind"] for one in entries} == {"connect_session"}
