"""`GET /v1/funnel` and its metrics: every order is counted once at each stage that it reached."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from tests.api.test_health import samples
from tests.house import RESULT, Linked, webhook

STAGES = ("ordered", "notified", "invited", "started", "done", "acknowledged")
ONCE = dict.fromkeys(STAGES, 1)


async def test_an_order_is_counted_once_at_each_stage(on_each_database: Linked) -> None:
    """By API and metrics, with two webhooks and every step repeated; the histogram has each stage after the order."""
    linked = on_each_database
    before = await metrics(linked)
    assert all(f'greenroom_order_stages_total{{provider="ashby",stage="{stage}"}}' in before for stage in STAGES)
    for name in ("one", "two"):
        await webhook(linked, name=name)
    order = await linked.send_test()
    await has_delivered(linked, [1, 1])
    assert (await totals(linked)) == {**ONCE, "invited": 0, "started": 0, "done": 0, "acknowledged": 0}

    for _ in range(2):
        await linked.send_test()
        for status in ("invited", "in_progress"):
            await linked.api("POST", f"/v1/orders/{order}/status", json={"status": status})
    again = (await linked.api("GET", "/v1/deliveries?lane=vendor")).json()["data"][0]
    assert (await linked.api("POST", f"/v1/deliveries/{again['id']}/retry")).status_code == 200
    await has_delivered(linked, [1, 2])
    for _ in range(2):
        assert (await linked.give_result(order)).status_code == 200
        await linked.status(order)

    assert await totals(linked) == ONCE
    grown = {name: value - before.get(name, 0) for name, value in (await metrics(linked)).items()}
    assert {
        stage: grown[f'greenroom_order_stages_total{{provider="greenhouse",stage="{stage}"}}'] for stage in STAGES
    } == ONCE
    seconds = {stage: grown[f'greenroom_order_stage_seconds_count{{stage="{stage}"}}'] for stage in STAGES[1:]}
    assert seconds == dict.fromkeys(STAGES[1:], 1)


async def test_a_refused_change_is_not_counted(proctor: Linked) -> None:
    """A status that goes back, another result, an order of a package that does not exist."""
    order = await proctor.send_test()
    await proctor.give_result(order)
    before = await metrics(proctor)

    refused = [
        await proctor.api("POST", f"/v1/orders/{order}/status", json={"status": "invited"}),
        await proctor.give_result(order, {**RESULT, "score": {"value": "1"}}),
        await proctor.call("send_test", json=proctor.test_body(2, partner_test_id="pkg_unknown")),
    ]

    assert [answer.status_code for answer in refused] == [409, 409, 404]
    assert await metrics(proctor) == before
    assert await totals(proctor) == {**dict.fromkeys(STAGES, 0), "ordered": 1, "done": 1}


async def test_a_range_has_a_day_for_each_of_its_days(proctor: Linked) -> None:
    """Seven by default; the orders are the project's own."""
    await proctor.send_test()
    today = await current_day(proctor)

    week = (await proctor.api("GET", "/v1/funnel")).json()
    longest = (await proctor.api("GET", f"/v1/funnel?from={today - timedelta(days=91)}")).json()
    past = (await proctor.api("GET", f"/v1/funnel?to={today - timedelta(days=30)}")).json()

    assert [one["ordered"] for one in week["data"]] == [0, 0, 0, 0, 0, 0, 1]
    assert [one["day"] for one in week["data"]] == [str(today - timedelta(days=days)) for days in range(6, -1, -1)]
    assert (len(longest["data"]), longest["total"], longest["next"]) == (92, week["total"], None)
    assert (len(past["data"]), past["total"]["ordered"]) == (7, 0)
    assert (await totals(await proctor.house.link("mallory", tenant="mallory")))["ordered"] == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=2026-02-30", "from"),
        ("from=2026-01-01&to=2026-06-30", "from: 2026-01-01 to 2026-06-30 is 181 days; 92 is the most."),
        ("from=2026-01-02&to=2026-01-01", "from: 2026-01-02 is not between 2000-01-01 and `to`, which is 2026-01-01."),
        ("from=0001-01-01&to=0001-01-02", "from: 0001-01-01 is not between 2000-01-01 and `to`"),
        ("to=9999-12-31", "to: 9999-12-31 is in the future."),
        ("to=1999-12-31", "from: 2000-01-01 is not between 2000-01-01 and `to`"),
    ],
)
async def test_a_bad_range_is_refused_with_the_reason(proctor: Linked, query: str, said: str) -> None:
    """The message names the parameter, the range and the limit."""
    answer = await proctor.api("GET", f"/v1/funnel?{query}")

    assert answer.status_code == 400
    assert said in answer.text


async def totals(linked: Linked) -> dict[str, int]:
    """Returns the number of orders by stage of the last days."""
    answer = await linked.api("GET", "/v1/funnel")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["total"])


async def metrics(linked: Linked) -> dict[str, float]:
    """Returns the counters of the funnel."""
    found = samples((await linked.house.client.get("/metrics")).text)
    return {
        name: value
        for name, value in found.items()
        if "order_stage" in name and "_created" not in name and "_sum" not in name
    }


async def current_day(linked: Linked) -> date:
    """Returns the gateway's day in UTC."""
    return date.fromisoformat((await linked.api("GET", "/v1/funnel")).json()["data"][-1]["day"])


async def has_delivered(linked: Linked, attempts: list[int]) -> list[dict[str, Any]]:
    """Waits until the deliveries to webhooks are delivered, after so many attempts each."""
    async with asyncio.timeout(20):
        while True:
            found = (await linked.api("GET", "/v1/deliveries?lane=vendor")).json()["data"]
            if sorted(len(one["attempts"]) for one in found if one["state"] == "delivered") == attempts:
                return list(found)
            await asyncio.sleep(0.02)
