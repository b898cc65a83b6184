"""Causes of orders that make no progress."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.doctor.scenarios import Patient
from tests.house import House


async def test_an_order_without_progress(patient: Patient, house: House) -> None:
    """An order whose event was delivered and that made no progress is named, until its result comes."""
    for one in (await patient.linked.api("GET", "/v1/orders")).json()["data"]:
        await patient.linked.give_result(one["id"])
        await patient.linked.becomes(one["id"], delivery="sent")
    order_id = await patient.linked.send_test(2, partner_test_id="pkg_static")
    await house.vendor.receive(2)
    await patient.is_healthy()
    let_time_pass(house)
    async with asyncio.timeout(20):
        while not await patient.findings():
            await asyncio.sleep(0.01)
    found = await patient.has("order.stuck", order_id=order_id, status="received")
    assert found["proof"]["delivered_at"]
    assert (await patient.linked.give_result(order_id)).status_code == 200
    await patient.is_healthy()


async def test_an_order_that_was_not_delivered_is_not_stuck(patient: Patient, house: House) -> None:
    """What its webhook did not take is the webhook's finding alone."""
    for one in (await patient.linked.api("GET", "/v1/orders")).json()["data"]:
        await patient.linked.give_result(one["id"])
    await patient.linked.api("PATCH", f"/v1/webhooks/{patient.hook['id']}", json={"enabled": False})
    await patient.linked.send_test(2, partner_test_id="pkg_static")
    let_time_pass(house)
    await patient.has("webhook.disabled")


def let_time_pass(house: House) -> None:
    """Sets the limit to the shortest one: 4 ms."""
    ctx = house.app.state.ctx
    house.app.state.ctx = replace(ctx, settings=ctx.settings.model_copy(update={"stuck_after_hours": 1e-6}))
