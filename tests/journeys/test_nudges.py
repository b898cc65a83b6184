"""An ATS that does not request a result is nudged three times; then the order has an alert."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from greenroom.connectors.greenhouse.nudging import NUDGING
from greenroom.model.deliveries import JITTER, SCHEDULES
from tests.house import House, Linked, neighbour, open_house
from tests.sandbox.conftest import simulator

NUDGES = NUDGING.waits
#: longer than any wait may be
EVER = timedelta(hours=3)


async def let_pass(house: House, time: timedelta = EVER) -> None:
    """Makes every waiting delivery due as if so much time had passed."""
    ms = int(time.total_seconds() * 1000)
    await house.app.state.ctx.store.write(
        lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1 WHERE lease IS NULL", ms)
    )
    house.app.state.engine.wake()


async def push_of(linked: Linked, order: str) -> dict[str, Any]:
    """Returns the order's delivery to the ATS."""
    (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]
    return dict(delivery)


async def recorded(linked: Linked, order: str, attempts: int, **expected: Any) -> dict[str, Any]:
    """Waits until so many attempts are recorded and none is in flight; returns the delivery."""
    async with asyncio.timeout(20):
        while True:
            push = await push_of(linked, order)
            if len(push["attempts"]) == attempts and not push["in_flight"]:
                assert {name: push[name] for name in expected} == expected
                return push
            await asyncio.sleep(0.02)


async def resulted(linked: Linked, **body: Any) -> str:
    """Places an order and sends its result; returns the order once the ATS was notified."""
    order = await linked.send_test(**body)
    assert (await linked.give_result(order)).status_code == 200
    await recorded(linked, order, 1, state="pending")
    return order


async def test_an_ats_that_never_reads_the_result_gets_three_nudges_and_an_alert(northwind: Linked) -> None:
    order = await resulted(northwind)
    waits = []
    for nudge in range(1, len(NUDGES) + 1):
        push = await recorded(northwind, order, nudge, state="pending")
        seen = await northwind.order(order)
        assert seen["delivery"] == "sent"
        assert f"notified again at {push['attempts'][-1]['next_due_at']}" in seen["delivery_detail"]
        waits.append(push["due_at"])
        await let_pass(northwind.house)

    push = await recorded(northwind, order, len(NUDGES) + 1, state="delivered", due_at=None)

    seen = await northwind.order(order)
    assert seen["delivery"] == "sent"
    assert "4 notifications" in seen["delivery_detail"]
    assert "test_status" in seen["delivery_detail"]
    moments = (await northwind.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    assert [moment["message"] for moment in moments if moment["kind"] == "alert"] == [seen["delivery_detail"]]
    assert [one["trigger"] for one in push["attempts"]] == ["auto", "nudge", "nudge", "nudge"]
    assert len(set(waits)) == len(NUDGES)
    await let_pass(northwind.house)
    assert await northwind.house.engine_once() == 0
    assert (await northwind.status(order))["partner_status"] == "complete"  # it requests the result at last
    assert (await northwind.order(order))["delivery"] == "acknowledged"


async def test_a_nudge_is_not_earlier_than_its_schedule(northwind: Linked) -> None:
    order = await resulted(northwind)
    await let_pass(northwind.house, NUDGES[0] - timedelta(seconds=30))

    assert await northwind.house.engine_once() == 0
    await let_pass(northwind.house, NUDGES[0] * JITTER + timedelta(seconds=31))
    await recorded(northwind, order, 2, state="pending")


async def test_reading_the_result_ends_the_nudges(northwind: Linked) -> None:
    order = await resulted(northwind)

    await northwind.status(order)

    push = await push_of(northwind, order)
    assert (push["state"], push["due_at"]) == ("delivered", None)
    await let_pass(northwind.house)
    assert await northwind.house.engine_once() == 0
    assert len(northwind.house.greenhouse.received) == 1


async def test_reading_during_the_first_push_ends_the_nudges(northwind: Linked) -> None:
    """The ATS requests the result before it answers the PATCH, as Greenhouse does."""
    order = await northwind.send_test()

    async def look() -> None:
        await northwind.status(order)

    northwind.house.greenhouse.inside = look
    await northwind.give_result(order)

    await recorded(northwind, order, 1, state="delivered", due_at=None)


async def test_an_ats_that_read_before_the_push_is_notified_once(northwind: Linked) -> None:
    order = await northwind.send_test()
    northwind.house.greenhouse.will_answer(503, 200)
    await northwind.give_result(order)
    await recorded(northwind, order, 1, state="pending")
    await northwind.status(order)
    await let_pass(northwind.house)

    await recorded(northwind, order, 2, state="delivered", due_at=None)


async def test_reading_during_a_nudge_ends_the_nudges_whatever_the_answer(northwind: Linked) -> None:
    order = await resulted(northwind)

    async def look() -> None:
        await northwind.status(order)

    northwind.house.greenhouse.inside = look
    northwind.house.greenhouse.will_answer(503)
    await let_pass(northwind.house)

    await recorded(northwind, order, 2, state="delivered")
    assert (await northwind.order(order))["delivery"] == "acknowledged"


async def test_a_failed_nudge_is_retried_on_a_fresh_schedule(northwind: Linked) -> None:
    order = await resulted(northwind)
    northwind.house.greenhouse.will_answer(503, 200)
    await let_pass(northwind.house)
    failed = await recorded(northwind, order, 2, state="pending")
    assert (await northwind.order(order))["delivery"] == "sent"
    started, due = (datetime.fromisoformat(text) for text in (failed["attempts"][-1]["started_at"], failed["due_at"]))
    assert due - started < SCHEDULES["ats"][2]  # the wait after a first failure, not after a second attempt

    await let_pass(northwind.house)

    push = await recorded(northwind, order, 3, state="pending")
    assert [one["trigger"] for one in push["attempts"]] == ["auto", "nudge", "nudge"]


async def test_a_refused_nudge_ends_the_delivery_with_its_reason(northwind: Linked) -> None:
    order = await resulted(northwind)
    northwind.house.greenhouse.will_answer(404)
    await let_pass(northwind.house)

    seen = await northwind.becomes(order, delivery="refused")

    assert "404" in seen["delivery_detail"]


async def test_a_manual_retry_resets_the_nudges(northwind: Linked) -> None:
    order = await resulted(northwind)
    for nudge in range(2, len(NUDGES) + 2):
        await let_pass(northwind.house)
        await recorded(northwind, order, nudge)
    ended = await push_of(northwind, order)

    await northwind.api("POST", f"/v1/deliveries/{ended['id']}/retry")

    push = await recorded(northwind, order, len(NUDGES) + 2, state="pending")
    assert push["event_id"] == ended["event_id"]


async def test_nudges_survive_a_restart(tmp_path: Path) -> None:
    async with neighbour() as greenhouse:
        async with open_house(tmp_path) as house:
            linked = await house.link("proctor", package_id="pkg_core_sql")
            order = await resulted(linked, url=f"{greenhouse.url}/take_home_tests/1")
        async with open_house(tmp_path) as house:
            await let_pass(house)
            linked.house = house
            await greenhouse.receive(2)
            await recorded(linked, order, 2, state="pending")


async def test_a_greenhouse_that_ignores_the_first_call_shows_the_result_after_the_next(house: House) -> None:
    """The simulator answers the first PATCH with 200 and ignores it, and shows the result after the nudge."""
    linked = await house.link("proctor", package_id="pkg_core_sql")
    gateway = str(house.client.base_url).rstrip("/")
    async with simulator() as address, httpx2.AsyncClient(base_url=f"{address}/api", timeout=40) as greenhouse:

        async def call(method: str, path: str, **body: Any) -> Any:
            answer = await greenhouse.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        urls = {
            f"{name}_url": f"{gateway}/external-trigger/greenhouse/{name}?tenant-id=proctor"
            for name in ("list_tests", "send_test", "test_status", "response_error")
        }
        partner = await call("POST", "/partners", name="Proctor", **urls, username="partner", password="correct horse")
        await call("PUT", f"/organizations/101/partners/{partner['id']}", key=linked.token)
        stage = await call("POST", "/jobs/4001/stages", kind="partner", partner_id=partner["id"])
        await call("POST", "/applications/26234702/move", stage_id=stage["id"])
        sent = await call("POST", "/applications/26234702/send-test", test_id="pkg_core_sql")
        take_home = sent["take_home"]
        order = take_home["partner_interview_id"]
        await call("PATCH", "/settings", status_check="never")
        await linked.give_result(order)
        await recorded(linked, order, 1, state="pending")
        assert (await greenhouse.get(f"/take-homes/{take_home['id']}")).json()["status"] == "sent"

        await call("PATCH", "/settings", status_check="after_answer")
        await let_pass(house)

        shown = await greenhouse.get(f"/take-homes/{take_home['id']}?status=received&wait=20")
        assert shown.json()["status"] == "received"
        await linked.becomes(order, delivery="acknowledged")
        await recorded(linked, order, 2, state="delivered")
