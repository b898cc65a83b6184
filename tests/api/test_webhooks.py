"""Webhooks: how they do."""

from __future__ import annotations

import asyncio

from tests.house import Linked, webhook


async def test_an_endpoint_in_trouble_is_seen_and_a_new_url_is_a_new_start(on_each_database: Linked) -> None:
    """Five failures open its breaker; another URL closes it."""
    linked = on_each_database
    fresh = {"state": "closed", "consecutive_failures": 0, "open_until": None, "last_error": None}
    hook = await webhook(linked)
    assert hook["health"] == fresh
    linked.house.vendor.will_answer(503)
    for number in range(5):
        await linked.send_test(number)
    await linked.house.vendor.hear(5)
    while (health := (await linked.api("GET", f"/v1/webhooks/{hook['id']}")).json()["health"])["state"] != "open":
        await asyncio.sleep(0.02)

    assert (health["consecutive_failures"], health["last_error"]) == (5, "It answered 503.")
    assert health["open_until"] > hook["created_at"]
    (listed,) = (await linked.api("GET", "/v1/webhooks")).json()["data"]
    assert listed["health"] == health
    changed = await linked.api("PATCH", f"/v1/webhooks/{hook['id']}", json={"url": hook["url"] + "/new"})
    assert changed.json()["health"] == fresh


async def test_a_replay_sends_the_same_events_again(on_each_database: Linked) -> None:
    """With the same ids, recorded as a replay; a stranger sees nothing of the job."""
    linked = on_each_database
    hook = await webhook(linked)
    await linked.send_test()
    (first,) = await linked.house.vendor.hear(1)
    while (await linked.api("GET", "/v1/deliveries")).json()["data"][0]["state"] != "delivered":
        await asyncio.sleep(0.02)
    body = {"since": "2020-01-01T00:00:00Z", "status": "delivered"}
    answer = await linked.api("POST", f"/v1/webhooks/{hook['id']}/replay", json=body)
    assert (answer.status_code, answer.json()["total"]) == (202, 1)
    path = f"/v1/webhooks/{hook['id']}/replays/{answer.json()['id']}"
    _, second = await linked.house.vendor.hear(2)
    while len((delivery := (await linked.api("GET", "/v1/deliveries")).json()["data"][0])["attempts"]) < 2:
        await asyncio.sleep(0.02)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [one["trigger"] for one in delivery["attempts"]] == ["auto", "replay"]
    assert (await linked.api("GET", path)).json()["state"] == "done"
    assert (await linked.api("DELETE", path)).json()["state"] == "done"
    mallory = await linked.house.link("mallory", tenant="mallory")
    for method, where in [("GET", path), ("DELETE", path), ("POST", path.partition("replays")[0] + "replay")]:
        assert (await mallory.api(method, where, json=body if method == "POST" else None)).status_code == 404


async def test_what_is_wrong_with_a_replay(proctor: Linked) -> None:
    """Said by the field's name."""
    hook = await webhook(proctor)
    bad = [{}, {"since": "2020-01-01T00:00:00"}, {"since": "2021-01-01T00:00:00Z", "until": "2020-01-01T00:00:00Z"}]
    for body in [*bad, {"since": "2020-01-01T00:00:00Z", "status": "lost"}]:
        answer = await proctor.api("POST", f"/v1/webhooks/{hook['id']}/replay", json=body)
        assert (answer.status_code, bool(answer.json()["errors"])) in {(400, True), (422, True)}, answer.text
