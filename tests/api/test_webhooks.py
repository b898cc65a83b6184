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
