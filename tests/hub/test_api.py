"""The hub's API as both official packages and our own page call it."""

from __future__ import annotations

import pytest

from tests.house import Linked, webhook
from tests.hub.customers import ORIGIN, Customer, allow


@pytest.fixture
async def customer(proctor: Linked) -> Customer:
    """A customer who links the project's only integration."""
    await allow(proctor)
    return await Customer.open(proctor)


async def test_a_customer_links_an_account(proctor: Linked, customer: Customer) -> None:
    """Settings, list, form and submit, as the official package calls them; the vendor gets one event."""
    await webhook(proctor, ["account.created"])
    assert await customer.get("/settings") == {"enabled_features": []}
    listed = await customer.get("/connectors")
    (one,) = listed["integrations"]
    assert (one["provider"], one["name"], one["type"], one["active"]) == ("greenhouse", "Greenhouse", "ats", True)
    token = customer.session["external_trigger_token"]
    assert listed["external_trigger_token"] == token

    form = (await customer.get(f"/connectors/{one['integration_id']}"))["config"]
    assert form["configFields"][0]["key"] == "external-trigger-token"
    assert form["configFields"][0]["readOnly"] is True
    body = {"integration_id": one["integration_id"], "credentials": {"external-trigger-token": token}}
    linked = await customer.post("/accounts", body)
    assert linked == {"id": customer.session["account_id"], "provider": "greenhouse"}
    assert await customer.post("/accounts", body) == linked

    assert (await customer.get("/settings"))["existing_account_id"] == linked["id"]
    (heard,) = await proctor.house.vendor.hear(1)
    assert heard.json["event"] == "account.created"
    assert len((await proctor.api("GET", "/v1/deliveries")).json()["data"]) == 1
    assert (await customer.get("/session"))["linked_at"] is not None


async def test_a_preflight_needs_no_token(customer: Customer) -> None:
    """It is answered for any origin, without credentials."""
    customer.token = None
    answer = await customer.call(
        "OPTIONS", "/accounts", **{"access-control-request-method": "POST", "access-control-request-headers": "x"}
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-hub-session-token" in answer.headers["access-control-allow-headers"]
    assert "x-hub-version" in answer.headers["access-control-allow-headers"]
    assert set(answer.headers["access-control-allow-methods"].split(", ")) >= {"GET", "POST", "PATCH", "DELETE"}
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"]
