"""The endpoints for an operator's monitoring."""

from __future__ import annotations

import asyncio

from greenroom.model.deliveries import SHARES
from tests.house import Linked, webhook
from tests.support.queues import queue


def samples(text: str) -> dict[str, float]:
    """Returns every sample by its name with labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("greenroom_")]
    return {name: float(value) for name, _, value in lines}


async def test_metrics(on_each_database: Linked) -> None:
    """Metrics have the counters of this process and the gauges of all workers; no label contains an id."""
    linked = on_each_database
    before = samples((await linked.house.client.get("/metrics")).text)
    assert before["greenroom_deliveries_in_flight"] == 0
    hook = await webhook(linked)
    linked.house.vendor.will_answer(410)
    order = await linked.send_test()
    while (await linked.api("GET", "/v1/deliveries")).json()["data"][0]["state"] != "dead":
        await asyncio.sleep(0.02)
    await linked.send_test(2)
    linked.house.app.state.overview_at = None
    text = (await linked.house.client.get("/metrics")).text
    after = samples(text)

    refused = 'greenroom_attempts_total{lane="vendor",result="http_status"}'
    assert after[refused] == before.get(refused, 0) + 1
    # two orders, the disabled webhook and the dead-lettered delivery
    assert after["greenroom_events_accepted_total"] == before["greenroom_events_accepted_total"] + 4
    assert after['greenroom_deliveries_stuck{state="dead"}'] == 1
    assert after['greenroom_deliveries_stuck{state="held"}'] == 1
    assert after['greenroom_breakers{state="open"}'] == 0
    for name in SHARES:
        assert after[f'greenroom_oldest_due_seconds{{queue="{name}"}}'] == 0
    assert not [identifier for identifier in (order, hook["id"], linked.account_id) if identifier in text]


async def test_the_age_of_the_backlog_by_queue(on_each_database: Linked) -> None:
    """Each queue has its own age, and the readiness answer has the largest one."""
    linked = on_each_database
    assert (await linked.house.client.get("/readyz")).json()["backlog_age_s"] == 0
    await linked.house.app.state.engine.stop()
    await queue(linked.house.app.state.ctx.store, {"whk_1": 3}, waits_in="again", wait_ms=-60_000)
    await queue(linked.house.app.state.ctx.store, {"whk_1": 3}, waits_in="first", wait_ms=-5_000)
    await queue(linked.house.app.state.ctx.store, {"whk_1": 3}, waits_in="hand", wait_ms=600_000)

    seen = samples((await linked.house.client.get("/metrics")).text)
    age = (await linked.house.client.get("/readyz")).json()["backlog_age_s"]

    ages = {name: seen[f'greenroom_oldest_due_seconds{{queue="{name}"}}'] for name in SHARES}
    assert ages["hand"] == ages["replay"] == 0
    assert 5 <= ages["first"] < 60 <= ages["again"] <= age
