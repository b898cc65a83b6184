"""With `store: minimal` an integration stores only the fields that a vendor needs, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from greenroom.context import Context
from greenroom.services import retention
from tests.house import House, Linked, open_house, webhook
from tests.journeys.test_erasure import CANARIES, RAW, SENDER, kept, url

__all__ = ["url"]

#: fields that are never stored, and never sent
LEFT_OUT = [CANARIES["phone_number"], CANARIES["resume_url"], CANARIES["greenhouse_profile_url"], RAW, SENDER]
#: fields with which a vendor invites the candidate
NEEDED = [CANARIES["email"], CANARIES["first_name"], CANARIES["last_name"]]


def places(texts: dict[str, str], canary: str) -> set[str]:
    """Returns the columns that have a text."""
    return {place for place, text in texts.items() if canary in text}


async def delivered(linked: Linked, order: str) -> list[dict[str, Any]]:
    """Waits until the order's deliveries have ended, and returns them."""
    async with asyncio.timeout(20):
        while True:
            found = (await linked.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
            if found and all(one["state"] == "delivered" for one in found):
                return list(found)
            await asyncio.sleep(0.02)


async def send(house: House) -> tuple[Linked, str]:
    linked = await house.link("proctor", package_id="pkg_core_sql", store="minimal")
    await webhook(linked)
    asked = {"candidate": CANARIES, "sent_by": SENDER, "questionnaire": {"answer": RAW}}
    refused = await linked.call("send_test", json=linked.test_body(1, **asked, partner_test_id="pkg_none"))
    assert refused.status_code == 404
    return linked, await linked.send_test(2, **asked)


async def test_what_the_vendor_does_not_need_is_never_stored(tmp_path: Path, url: Any) -> None:
    """Not in any table, nor in the request log; the event has the rest, and its payload is erased once delivered."""
    async with open_house(tmp_path, url, log_bodies="all") as house:
        linked, order = await send(house)
        (event,) = await house.vendor.receive(1)
        ctx: Context = house.app.state.ctx
        await delivered(linked, order)
        await house.app.state.request_log.flush()
        before = await kept(ctx)
        erased = await retention.erase_delivered(ctx)
        after = await kept(ctx)
        (delivery,) = await delivered(linked, order)
        retried = await linked.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
        other = await webhook(linked, name="second")
        since = {"since": "2020-01-01T00:00:00Z", "status": "any"}
        replay = (await linked.api("POST", f"/v1/webhooks/{other['id']}/replay", json=since)).json()
        result = await linked.give_result(order)

    assert {canary: places(before, canary) for canary in LEFT_OUT if places(before, canary)} == {}
    assert [canary for canary in LEFT_OUT if canary in event.body.decode()] == []
    assert event.json["event_data"]["candidate"]["emails"][0]["value"] == CANARIES["email"]
    assert (event.json["event_data"]["requester"], event.json["raw_event"]) == (None, {"body": {}})
    assert (event.json["event_data"]["candidate_id"], event.json["event_data"]["application_id"]) == (
        "87654321",
        "98765432",
    )
    assert erased[1] == 1
    assert [places(after, canary) - {"orders.request", "orders.candidate_email"} for canary in NEEDED] == [set()] * 3
    assert (retried.status_code, retried.json()["errorCode"]) == (409, "ContentErased")
    assert replay["total"] == 0
    assert result.status_code == 200


async def test_a_payload_is_kept_until_it_is_delivered(tmp_path: Path, url: Any) -> None:
    """A failed, a held and a dead-lettered delivery keep it; it arrives whole, and is erased afterwards."""
    async with open_house(tmp_path, url) as house:
        house.vendor.will_answer(410, 200)
        linked, order = await send(house)
        ctx: Context = house.app.state.ctx
        await house.vendor.receive(1)
        async with asyncio.timeout(20):
            while not (dead := (await linked.api("GET", "/v1/deliveries?state=dead")).json()["data"]):
                await asyncio.sleep(0.02)
        waiting = await retention.erase_delivered(ctx)
        (hook,) = (await linked.api("GET", "/v1/webhooks")).json()["data"]
        await linked.api("PATCH", f"/v1/webhooks/{hook['id']}", json={"enabled": True})
        await linked.api("POST", f"/v1/deliveries/{dead[0]['id']}/retry")
        first, second = await house.vendor.receive(2)
        await delivered(linked, order)
        erased = await retention.erase_delivered(ctx)

    assert (waiting, erased) == ((None, 0), (None, 1))
    assert first.body == second.body


@pytest.mark.parametrize("given", ["none", 1, ["full"]])
async def test_another_value_is_refused(proctor: Linked, given: Any) -> None:
    """The message names the field; the default is full."""
    body = {"package_id": "pkg_core_sql", "store": given}
    refused = await proctor.api("PUT", "/v1/integrations/greenhouse", json=body)

    assert refused.status_code == 422
    assert "store" in refused.json()["message"]
    assert (await proctor.api("GET", "/v1/integrations/greenhouse")).json()["store"] == "full"
