"""`/v1/webhooks`: circuit breakers, replays, held deliveries and rate limits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.house import Linked, webhook


async def test_an_endpoint_in_trouble_is_seen_and_a_new_url_is_a_new_start(on_each_database: Linked) -> None:
    """Five failures open the breaker of the endpoint; another URL closes it."""
    linked = on_each_database
    fresh = {"state": "closed", "consecutive_failures": 0, "open_until": None, "last_error": None}
    hook = await webhook(linked)
    assert hook["health"] == fresh
    linked.house.vendor.will_answer(503)
    for number in range(5):
        await linked.send_test(number)
    await linked.house.vendor.receive(5)
    while (health := (await linked.api("GET", f"/v1/webhooks/{hook['id']}")).json()["health"])["state"] != "open":
        await asyncio.sleep(0.02)

    said = "The endpoint answered 503 Service Unavailable; a 2xx status was expected."
    assert (health["consecutive_failures"], health["last_error"]) == (5, said)
    assert health["open_until"] > hook["created_at"]
    (listed,) = (await linked.api("GET", "/v1/webhooks")).json()["data"]
    assert listed["health"] == health
    changed = await linked.api("PATCH", f"/v1/webhooks/{hook['id']}", json={"url": hook["url"] + "/new"})
    assert changed.json()["health"] == fresh


async def test_a_replay_sends_the_same_events_again(on_each_database: Linked) -> None:
    """A replay sends the same event ids, recorded as a replay; another project cannot see the job."""
    linked = on_each_database
    hook = await webhook(linked)
    await linked.send_test()
    (first,) = await linked.house.vendor.receive(1)
    while (await linked.api("GET", "/v1/deliveries")).json()["data"][0]["state"] != "delivered":
        await asyncio.sleep(0.02)
    body = {"since": "2020-01-01T00:00:00Z", "status": "delivered"}
    answer = await linked.api("POST", f"/v1/webhooks/{hook['id']}/replay", json=body)
    assert (answer.status_code, answer.json()["total"]) == (202, 1)
    path = f"/v1/webhooks/{hook['id']}/replays/{answer.json()['id']}"
    _, second = await linked.house.vendor.receive(2)
    while len((delivery := (await linked.api("GET", "/v1/deliveries")).json()["data"][0])["attempts"]) < 2:
        await asyncio.sleep(0.02)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [one["trigger"] for one in delivery["attempts"]] == ["auto", "replay"]
    assert (await linked.api("GET", path)).json()["state"] == "done"
    assert (await linked.api("DELETE", path)).json()["state"] == "done"
    mallory = await linked.house.link("mallory", tenant="mallory")
    for method, where in [("GET", path), ("DELETE", path), ("POST", path.partition("replays")[0] + "replay")]:
        assert (await mallory.api(method, where, json=body if method == "POST" else None)).status_code == 404


async def test_what_is_held_is_counted_and_the_operator_chooses_what_is_sent(on_each_database: Linked) -> None:
    """Held deliveries are counted; enabling the webhook sends those from a time on and cancels the older ones."""
    linked = on_each_database
    hook = await webhook(linked, enabled=False)
    path = f"/v1/webhooks/{hook['id']}"
    assert hook["held"] == {"count": 0, "oldest_at": None}
    first = await linked.send_test(1)
    second = await linked.send_test(2)
    made = {one["order_id"]: one for one in (await linked.api("GET", "/v1/deliveries")).json()["data"]}
    shown = (await linked.api("GET", path)).json()
    assert shown["held"] == {"count": 2, "oldest_at": made[first]["created_at"]}
    assert (await linked.api("GET", "/v1/webhooks")).json()["data"] == [shown]

    since = made[second]["created_at"]
    enabled = await linked.api("PATCH", path, json={"enabled": True, "held_since": since})
    (received,) = await linked.house.vendor.receive(1)

    assert (enabled.json()["held"], received.json["record_id"]) == ({"count": 0, "oldest_at": None}, second)
    (older,) = (await linked.api("GET", f"/v1/deliveries?order_id={first}")).json()["data"]
    assert (older["state"], older["attempts"]) == ("cancelled", [])


async def test_held_since_needs_a_change_that_releases(proctor: Linked) -> None:
    """`held_since` is refused without enabling the webhook or changing its events or accounts."""
    problem = "held_since: goes with enabled: true, or with other events or account_ids"
    hook = await webhook(proctor, enabled=False)
    await proctor.send_test()
    disabled = "held_since: nothing is sent to a webhook that is disabled; give it with enabled: true"
    since = {"held_since": "2026-11-03T09:00:00Z"}
    for body, expected in ((since, problem), ({"enabled": False, **since}, disabled)):
        refused = await proctor.api("PATCH", f"/v1/webhooks/{hook['id']}", json=body)
        assert (refused.status_code, refused.json()["errors"]) == (422, [expected])
    assert (await proctor.api("GET", f"/v1/webhooks/{hook['id']}")).json()["held"]["count"] == 1


async def test_a_wrong_replay_is_refused(proctor: Linked) -> None:
    """A wrong selection is refused with the name of the field."""
    hook = await webhook(proctor)
    bad = [{}, {"since": "2020-01-01T00:00:00"}, {"since": "2021-01-01T00:00:00Z", "until": "2020-01-01T00:00:00Z"}]
    for body in [*bad, {"since": "2020-01-01T00:00:00Z", "status": "lost"}]:
        answer = await proctor.api("POST", f"/v1/webhooks/{hook['id']}/replay", json=body)
        assert (answer.status_code, bool(answer.json()["errors"])) in {(400, True), (422, True)}, answer.text


async def test_a_rate_limit_is_kept_while_others_are_not_slowed(on_each_database: Linked) -> None:
    """No delivery is earlier than its token or costs an extra attempt; removing the limit releases the others."""
    linked = on_each_database
    vendor = linked.house.vendor
    slow = await webhook(linked, url=f"{vendor.url}/slow", rate_limit=5, enabled=False)
    await webhook(linked, url=f"{vendor.url}/fast")
    for number in range(12):
        await linked.send_test(number)
    async with asyncio.timeout(20):
        while len([one for one in vendor.received if one.path == "/fast"]) < 12:
            await asyncio.sleep(0.01)
    begun = time.monotonic()
    await linked.api("PATCH", f"/v1/webhooks/{slow['id']}", json={"enabled": True})
    await vendor.receive(24)

    slowly = [one.at - begun for one in vendor.received if one.path == "/slow"]
    assert slow["rate_limit"] == 5
    assert [count for count, at in enumerate(slowly, start=1) if count > 2.5 + 5 * at + 0.1] == []
    page = await linked.api("GET", f"/v1/deliveries?destination_id={slow['id']}")
    assert {one["attempts_made"] for one in page.json()["data"]} == {1}
    for number in range(12, 24):
        await linked.send_test(number)
    changed = await linked.api("PATCH", f"/v1/webhooks/{slow['id']}", json={"name": "any", "rate_limit": None})
    assert (changed.json()["rate_limit"], changed.json()["name"]) == (None, "any")
    await vendor.receive(48)


@pytest.mark.parametrize("limit", [0, -1, 0.001, 1e9, "fast", True])
async def test_a_wrong_rate_limit_is_refused(proctor: Linked, limit: Any) -> None:
    """A wrong rate limit is refused with the name of the field, and nothing is changed."""
    hook = await webhook(proctor, rate_limit=2.5)

    for method, path in [("POST", "/v1/webhooks"), ("PATCH", f"/v1/webhooks/{hook['id']}")]:
        new = {"name": "n", "url": hook["url"], "events": hook["events"]} if method == "POST" else {}
        answer = await proctor.api(method, path, json={**new, "rate_limit": limit})
        assert answer.status_code == 422, answer.text
        assert "rate_limit" in answer.json()["message"]
    assert (await proctor.api("GET", f"/v1/webhooks/{hook['id']}")).json()["rate_limit"] == 2.5
