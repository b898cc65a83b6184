"""Deliveries and replays: lists, a delivery with its attempts, what is sent again, and progress."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.house import House, Linked, webhook
from tests.web.visitors import Visitor


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of the project."""
    return await Visitor.sign_in(house)


async def home(visitor: Visitor) -> str:
    """Returns the address of the project."""
    return (await visitor.get("/")).url.path


async def delivery_of(proctor: Linked, order: str, *states: str) -> str:
    """Waits until the order's delivery to the webhook is in one of these states; returns its id."""
    async with asyncio.timeout(20):
        while True:
            found = (await proctor.api("GET", f"/v1/deliveries?order_id={order}&lane=vendor")).json()["data"]
            if found and found[0]["state"] in states and found[0]["attempts"]:
                return str(found[0]["id"])
            await asyncio.sleep(0.02)


async def test_the_list_has_first_use_no_match_and_data(visitor: Visitor, proctor: Linked, house: House) -> None:
    """Filters are in the URL."""
    path = await home(visitor)
    assert "No deliveries yet" in (await visitor.get(f"{path}/deliveries")).text
    assert "No delivery matches" in (await visitor.get(f"{path}/deliveries?state=dead")).text
    await webhook(proctor)
    delivery = await delivery_of(proctor, await proctor.send_test(), "delivered")
    assert delivery in (await visitor.get(f"{path}/deliveries?state=delivered&lane=vendor")).text
    assert delivery not in (await visitor.get(f"{path}/deliveries?state=held")).text


async def test_a_waiting_delivery_says_why_and_is_retried(visitor: Visitor, proctor: Linked, house: House) -> None:
    """With the attempt's both sides; after the retry it is delivered."""
    await webhook(proctor)
    house.vendor.will_answer((503, {}, b"deploying"), 200)
    delivery = await delivery_of(proctor, await proctor.send_test(), "pending", "delivered")
    page = await visitor.get(f"/deliveries/{delivery}")
    assert page.status_code == 200
    assert "deploying" in page.text
    path = page.url.path
    answer = await visitor.submit(f"{path}/retry", on=path)
    assert answer.status_code in (303, 409)
    await house.vendor.receive(2)
    async with asyncio.timeout(20):
        while "Delivered to the webhook" not in (await visitor.get(path)).text:
            await asyncio.sleep(0.05)


async def test_curl_has_a_fresh_signature(visitor: Visitor, proctor: Linked, house: House) -> None:
    """Only after a POST; the webhook's secret is not in it."""
    await webhook(proctor)
    delivery = await delivery_of(proctor, await proctor.send_test(), "delivered")
    path = (await visitor.get(f"/deliveries/{delivery}")).url.path
    assert "signed now" not in (await visitor.get(path)).text
    shown = await visitor.submit(f"{path}/curl", on=path)
    assert shown.status_code == 200
    assert "signed now" in shown.text
    assert "webhook-signature: v1," in shown.text
    assert "whsec_" not in shown.text


async def test_exactly_what_is_shown_is_sent_again(visitor: Visitor, proctor: Linked, house: House) -> None:
    """By the ids of the page; an order of another page stays as it is."""
    await webhook(proctor)
    first = await delivery_of(proctor, await proctor.send_test(1), "delivered")
    second = await delivery_of(proctor, await proctor.send_test(2), "delivered")
    path = await home(visitor)
    listed = await visitor.get(f"{path}/deliveries")
    assert set(re.findall(r'name="id" value="(dlv_\w+)"', listed.text)) == {first, second}
    assert (
        await visitor.submit(f"{path}/deliveries/retry", {"id": second}, on=f"{path}/deliveries")
    ).status_code == 303
    received = await house.vendor.receive(3)
    assert received[2].json["record_id"] == received[1].json["record_id"]
    assert (await visitor.submit(f"{path}/deliveries/retry", on=f"{path}/deliveries")).status_code == 422


async def test_a_replay_is_started_watched_and_listed(visitor: Visitor, proctor: Linked, house: House) -> None:
    """A refused form keeps its values."""
    path = await home(visitor)
    assert "No replays yet" in (await visitor.get(f"{path}/replays")).text
    hook = (await webhook(proctor))["id"]
    await delivery_of(proctor, await proctor.send_test(), "delivered")
    values = {"webhook": hook, "since": "2020-01-01T00:00", "until": "2019-01-01T00:00", "status": "delivered"}
    refused = await visitor.submit(f"{path}/replays/new", values, on=f"{path}/replays/new")
    assert refused.status_code == 422
    assert 'value="2019-01-01T00:00"' in refused.text
    started = await visitor.submit(f"{path}/replays/new", {**values, "until": ""}, on=f"{path}/replays/new")
    assert started.status_code == 303
    await house.vendor.receive(2)
    page = await visitor.get(started.headers["location"])
    assert "Replay to" in page.text
    assert "Queued: 1 of 1" in page.text or "is running" in page.text
    assert started.headers["location"] in (await visitor.get(f"{path}/replays")).text
    assert (await visitor.get(f"{path}/replays/rpl_none")).status_code == 404
