"""Held orders in the API, on the pages and in the metrics; limits of the number of resources; long addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.house import Linked, open_house, webhook
from tests.web.visitors import Visitor


async def test_an_order_waits_for_a_webhook_in_everybodys_sight(on_each_database: Linked) -> None:
    """
    A held order is visible in the list, the timeline, the page and the metrics, and is sent once a webhook is added.
    """
    linked = on_each_database
    order_id = await linked.send_test(1)

    (listed,) = (await linked.api("GET", "/v1/orders?delivery=held")).json()["data"]
    assert (listed["id"], listed["delivery"]) == (order_id, "pending")
    assert listed["held_at"] is not None
    (entry,) = (await linked.api("GET", f"/v1/orders/{order_id}/timeline")).json()["data"]
    assert "no webhook subscribes to ats_assessments.created, so its event is held" in entry["message"]
    (delivery,) = (await linked.api("GET", "/v1/deliveries?state=held")).json()["data"]
    refused = await linked.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
    assert (refused.status_code, refused.json()["errorCode"]) == (409, "NoWebhook")
    client = linked.house.client
    await Visitor.sign_in(linked.house)
    assert "no enabled webhook takes it" in (await client.get(f"/orders/{order_id}", follow_redirects=True)).text
    metrics = (await client.get("/metrics")).text
    assert "greenroom_events_held 1.0" in metrics
    assert "greenroom_oldest_held_seconds " in metrics

    made = await webhook(linked, ["assessment.created"])
    (received,) = await linked.house.vendor.receive(1)

    assert (made["released"], made["held"]["count"]) == (1, 0)
    assert (received.json["event"], received.json["record_id"]) == ("assessment.created", order_id)
    assert (await linked.order(order_id))["held_at"] is None
    assert (await linked.api("GET", "/v1/orders?delivery=held")).json()["data"] == []
    kinds = [one["kind"] for one in (await linked.api("GET", f"/v1/orders/{order_id}/timeline")).json()["data"]]
    assert kinds[:2] == ["received", "released"]


async def test_held_events_are_released_from_a_time_or_cancelled(on_each_database: Linked) -> None:
    """The request that adds or changes a webhook chooses which held events are sent."""
    linked = on_each_database
    await linked.send_test(1)
    made = await webhook(linked, held_since="none")
    path = f"/v1/webhooks/{made['id']}"
    assert made["released"] == 0
    narrow = await linked.api("PATCH", path, json={"events": ["account.created"]})
    assert narrow.json()["released"] == 0
    second = await linked.send_test(2)
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    changed = await linked.api("PATCH", path, json={"events": ["ats_assessments.created"], "held_since": since})

    assert changed.json()["released"] == 1
    (received,) = await linked.house.vendor.receive(1)
    assert received.json["record_id"] == second
    states = {one["order_id"]: one["state"] for one in (await linked.api("GET", "/v1/deliveries")).json()["data"]}
    assert states.pop(second) in ("pending", "delivered")
    assert list(states.values()) == ["cancelled"]


@pytest.mark.parametrize("value", ["never", "2026-11-03T09:00:00", 7, True])
async def test_a_wrong_held_since_is_refused(proctor: Linked, value: Any) -> None:
    """A wrong `held_since` is named, and nothing is sent."""
    await proctor.send_test()
    body = {"name": "n", "url": f"{proctor.house.vendor.url}/x", "events": ["ats_assessments.created"]}
    for given in ({"held_since": value}, {"held_since": "none", "enabled": False}):
        answer = await proctor.api("POST", "/v1/webhooks", json={**body, **given})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0].startswith("held_since: ")
    made = await webhook(proctor, ["account.created"], enabled=False)
    answer = await proctor.api(
        "PATCH", f"/v1/webhooks/{made['id']}", json={"events": body["events"], "held_since": "none"}
    )
    assert (answer.status_code, answer.json()["errors"][0][:11]) == (422, "held_since:")
    assert len((await proctor.api("GET", "/v1/orders?delivery=held")).json()["data"]) == 1


async def test_resources_are_limited_in_number(tmp_path: Path) -> None:
    """The refusal names the limit and its setting; existing resources still work, and deleting one allows another."""
    limits = {"max_webhooks": 1, "max_accounts": 2, "max_connect_sessions": 1}
    async with open_house(tmp_path, **limits) as house:
        linked = await house.link("proctor", package_id="pkg_core_sql")
        made = await webhook(linked)
        hook = {"name": "n", "url": made["url"], "events": made["events"]}
        owner: dict[str, Any] = {"provider": "greenhouse", "origin_owner_id": "two", "origin_owner_name": "Two"}
        assert (await linked.api("POST", "/connect_sessions", json=owner)).status_code == 201
        for path, body, setting in [
            ("/v1/webhooks", hook, "GREENROOM_MAX_WEBHOOKS"),
            ("/v1/accounts", {**owner, "origin_owner_id": "three"}, "GREENROOM_MAX_ACCOUNTS"),
            ("/connect_sessions", owner, "GREENROOM_MAX_CONNECT_SESSIONS"),
        ]:
            refused = await linked.api("POST", path, json=body)
            assert (refused.status_code, refused.json().get("errorCode", "QuotaReached")) == (409, "QuotaReached")
            assert setting in refused.json()["message"]

        assert (await linked.api("POST", "/v1/accounts", json=owner)).status_code == 201
        await linked.api("DELETE", f"/v1/webhooks/{made['id']}")
        await webhook(linked)


LONG = f"{'a' * 320}@example.test"


async def test_a_long_address_from_a_vendor_is_refused(on_each_database: Linked) -> None:
    """A too long address from a vendor is refused with 422."""
    linked = on_each_database
    person = {"candidate": {"emails": [{"value": LONG}]}}
    good = {"candidate": {"emails": [{"value": "ada@example.test"}]}}
    for body in (person, {**good, "requester": {"email": LONG}}):
        answer = await linked.unified("POST", "/assessments/orders", json={"package": {"id": "pkg_core_sql"}, **body})
        assert answer.status_code == 422, answer.text
        assert "320" in answer.json()["message"]
    owner = {"provider": "greenhouse", "origin_owner_id": "x", "origin_owner_name": "X", "origin_username": LONG}
    for path in ("/v1/accounts", "/connect_sessions"):
        assert (await linked.api("POST", path, json=owner)).status_code == 422
    changed = await linked.api("PATCH", f"/accounts/{linked.account_id}", json={"origin_username": LONG})
    assert changed.status_code == 422


async def test_a_long_address_from_an_ats_is_kept(on_each_database: Linked) -> None:
    """A long address from an ATS is stored whole, deduplicated and found."""
    linked = on_each_database
    address = f"{'a' * 900}@example.test"
    order_id = await linked.send_test(1, candidate={"email": address})
    assert await linked.send_test(1, candidate={"email": address}) == order_id
    assert (await linked.order(order_id))["candidate"]["email"] == address

    found = await linked.api("GET", "/v1/orders", params={"candidate_email": address})

    assert [one["id"] for one in found.json()["data"]] == [order_id]
