"""The hiring team from outside: a gateway on a real socket, and the simulator's Harvest v3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from greenroom.api.events import OrderCreatedEvent
from greenroom_sandbox.testing.client import Greenhouse
from tests.house import ADA, House, Linked, open_house, webhook
from tests.web.visitors import Visitor

PROFILE = {**ADA, "greenhouse_profile_url": "https://app.greenhouse.io/people/17681531?application_id=26234701"}
EVENTS = ["ats_assessments.created", "ats_assessments.updated"]


@pytest.fixture
async def house(tmp_path: Path, database_url: str, greenhouse: Greenhouse) -> AsyncIterator[House]:
    """A gateway on each database, which finds the simulator at Greenhouse's addresses."""
    urls = f"greenhouse.harvest={greenhouse.address} greenhouse.auth={greenhouse.address}"
    on_postgres = database_url if database_url.startswith("postgresql") else None
    async with open_house(tmp_path, on_postgres, ats_urls=urls) as one:
        yield one


async def connect(house: House, greenhouse: Greenhouse) -> Linked:
    """Links a customer with a Harvest client of their own."""
    made = {"name": "own", "kind": "custom", "organization_id": 101}
    client = greenhouse.call("POST", "/harvest/clients", made)
    linked = await house.link("proctor", package_id="pkg_core_sql", authentication_type="public_partner")
    credentials = {"harvest_client_id": client["client_id"], "harvest_client_secret": client["client_secret"]}
    new = {"provider": "greenhouse", "origin_owner_id": "northwind", "origin_owner_name": "Northwind"}
    answer = await linked.api("POST", "/v1/accounts", json={**new, "credentials": credentials})
    assert answer.status_code in (200, 201), answer.text
    linked.account_id, linked.token = answer.json()["id"], answer.json()["external_trigger_token"]
    return linked


async def test_the_vendor_hears_of_job_and_hiring_team(house: House, greenhouse: Greenhouse) -> None:
    """The event, the order in both APIs, the timeline and the order's page have the same facts."""
    linked = await connect(house, greenhouse)
    await webhook(linked, EVENTS)
    order_id = await linked.send_test(candidate=PROFILE, sent_by="hugo.hiring@hemlock.example")
    (heard,) = await house.vendor.receive(1)
    data = OrderCreatedEvent.model_validate(heard.json).event_data

    assert data.enrichment is not None
    assert data.enrichment.status == "complete"
    assert data.job is not None
    assert data.job.hiring_team is not None
    assert [one.role for one in data.job.hiring_team] == ["hiring_manager", "recruiter"]
    order = await linked.order(order_id)
    read = (await linked.unified("GET", f"/assessments/orders/{order_id}")).json()["data"]
    for shown in (order, read):
        assert shown["enrichment"] == heard.json["event_data"]["enrichment"]
        assert shown["job"]["hiring_team"] == heard.json["event_data"]["job"]["hiring_team"]
        assert shown["requester"]["first_name"] == "Hugo"
        assert (shown["job_id"], shown["application_id"]) == ("4001", "26234701")
    entries = (await linked.api("GET", f"/v1/orders/{order_id}/timeline")).json()["data"]
    (entry,) = [one for one in entries if one["kind"] == "enrichment"]
    assert len(entry["detail"]["reads"]) == 6
    page = (await (await Visitor.sign_in(house)).get(f"/orders/{order_id}")).text
    assert "Hiring team read" in page
    assert "job_hiring_managers  200" in page
    assert "Hugo Hiring" in page


async def test_send_test_does_not_wait_for_harvest(house: House, greenhouse: Greenhouse) -> None:
    """Harvest gives no answer: orders are accepted and stored all the same, and their repeats are found."""
    linked = await connect(house, greenhouse)
    await webhook(linked, EVENTS)
    greenhouse.call("POST", "/faults", {"kind": "timeout", "target": "harvest", "seconds": 30})
    sent = [await linked.send_test(number, candidate=PROFILE) for number in range(5)]
    again = [await linked.send_test(number, candidate=PROFILE) for number in range(5)]

    assert sent == again
    order = await linked.order(sent[0])
    assert order["enrichment"]["status"] == "none"
    deliveries = (await linked.api("GET", "/v1/deliveries")).json()["data"]
    assert [one["state"] for one in deliveries] == ["pending"] * 5
    assert all(one["due_at"] > one["created_at"] for one in deliveries)
    assert house.vendor.received == []
    greenhouse.call("DELETE", "/faults")


@pytest.mark.parametrize(("kind", "reason"), [("partner", "hiring_team.partner_only")])
async def test_an_order_that_is_never_enriched_says_why(house: House, kind: str, reason: str) -> None:
    """Such an order leaves at once."""
    linked = await house.link("proctor", package_id="pkg_core_sql", authentication_type=kind)
    await webhook(linked)
    order_id = await linked.send_test()
    (heard,) = await house.vendor.receive(1)
    assert heard.json["event_data"]["enrichment"]["status"] == "none"
    assert heard.json["event_data"]["enrichment"]["reason"] == reason
    assert (await linked.order(order_id))["enrichment"] == heard.json["event_data"]["enrichment"]


async def test_an_unconnected_account_says_so(house: House) -> None:
    """Public + Partner without access to Harvest: the event does not wait for the ten seconds."""
    linked = await house.link("proctor", package_id="pkg_core_sql", authentication_type="public_partner")
    await webhook(linked)
    await linked.send_test()
    (heard,) = await house.vendor.receive(1)
    assert heard.json["event_data"]["enrichment"]["reason"] == "hiring_team.not_connected"


async def test_the_time_to_live_is_a_field_of_the_integration(house: House) -> None:
    linked = await house.link(
        "proctor", package_id="p", authentication_type="public_partner", enrichment_ttl_seconds=60
    )
    assert (await linked.api("GET", "/v1/integrations/greenhouse")).json()["enrichment_ttl_seconds"] == 60
    body = {"enabled": False, "tenant_id": "proctor", "enrichment_ttl_seconds": -1}
    answer = await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
    assert answer.status_code == 422
    assert "enrichment_ttl_seconds" in answer.text


#: an answer to a request for tokens
TOKEN = (
    200,
    {"content-type": "application/json"},
    b'{"access_token": "t", "token_type": "bearer", "expires_in": 3600}',
)
WRONG: dict[str, tuple[int, dict[str, str], bytes]] = {
    "html": (200, {"content-type": "text/html"}, b"<html><body>Sign in</body></html>"),
    "object": (200, {}, b'{"id": 26234701}'),
    "strange id": (200, {}, b'[{"id": 1, "candidate_id": 2, "job_id": 3, "status": "in_process"}]'),
    "no id": (200, {}, b'[{"status": "in_process"}]'),
    "wrong types": (200, {}, b'[{"id": 26234701, "candidate_id": [], "job_id": {"a": 1}, "status": 7}]'),
    "five megabytes": (200, {}, b'["' + b"x" * (5 * 2**20) + b'"]'),
    "endless": (200, {"link": '<https://x.example/v3/applications?cursor=abc>; rel="next"'}, b"[]"),
    "nested": (200, {}, b"[" * 5000 + b"]" * 5000),
    "gone": (410, {}, b'{"errors": ["Harvest v1 ended"]}'),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_answer_of_harvest_is_named(tmp_path: Path, case: str) -> None:
    """Neither the order nor its event fails; the timeline names the fault."""
    async with open_house(tmp_path) as house:
        await _reopen(house)
        linked = await house.link("proctor", package_id="pkg_core_sql", authentication_type="public_partner")
        new = {"provider": "greenhouse", "origin_owner_id": "n", "origin_owner_name": "Northwind"}
        credentials = {"harvest_client_id": "id", "harvest_client_secret": "secret"}
        answer = await linked.api("POST", "/v1/accounts", json={**new, "credentials": credentials})
        linked.token = answer.json()["external_trigger_token"]
        await webhook(linked, EVENTS)
        house.greenhouse.will_answer(TOKEN, WRONG[case])
        order_id = await linked.send_test(candidate=PROFILE)
        entry = await _enriched(linked, order_id)
        assert entry["detail"]["reads"], entry
        order: dict[str, Any] = await linked.order(order_id)
        assert order["enrichment"]["status"] in ("none", "partial", "complete")
        if case != "wrong types":
            assert order["enrichment"]["reason"] == "hiring_team.unavailable"
            assert not entry["detail"]["reads"][0]["ok"]


async def _reopen(house: House) -> None:
    """Points the gateway's addresses of Greenhouse at the neighbour."""
    house.app.state.ctx.settings.ats_urls.update(
        {"greenhouse.harvest": house.greenhouse.url, "greenhouse.auth": house.greenhouse.url}
    )


async def _enriched(linked: Linked, order_id: str) -> dict[str, Any]:
    """Waits for the first entry of the enrichment in an order's timeline."""
    async with asyncio.timeout(20):
        while True:
            entries = (await linked.api("GET", f"/v1/orders/{order_id}/timeline")).json()["data"]
            for entry in entries:
                if entry["kind"] == "enrichment":
                    return dict(entry)
            await asyncio.sleep(0.02)
