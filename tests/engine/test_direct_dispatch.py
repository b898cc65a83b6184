"""Direct dispatch of orders by the accepting process, and orders that need a claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from greenroom.engine.slots import DIRECT_LIMIT
from greenroom.engine.worker import Engine
from greenroom.model.deliveries import PER_DESTINATION, SLOTS
from greenroom.services.claims import ClaimBatch
from greenroom.store import order_logs as order_log_rows
from greenroom.store.db import Tx, Work
from greenroom.store.load_shedding import LoadSheddingStore
from tests.engine.test_worker import deliveries, sql
from tests.house import House, Linked, open_house, webhook


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """A gateway on each database."""
    async with open_house(tmp_path, database_url if database_url.startswith("postgresql") else None) as one:
        yield one


async def only_what_is_taken_over(house: House, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Returns the house's engine, which dispatches directly but claims nothing from now on."""
    engine: Engine = house.app.state.engine
    async with asyncio.timeout(20):
        while engine.open_dispatch() is None:
            await asyncio.sleep(0.01)

    async def nothing() -> ClaimBatch:
        return ClaimBatch([], {})

    monkeypatch.setattr(engine._slots, "claim", nothing)
    async with asyncio.timeout(20):
        while engine._slots._claiming:  # a claim that began before
            await asyncio.sleep(0.01)
    return engine


async def only_delivery(proctor: Linked, hook: str) -> dict[str, Any]:
    """Returns the only delivery of a webhook."""
    (found,) = await deliveries(proctor, hook)
    return found


async def test_an_order_is_delivered_without_a_claim(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery is stored with a lease and recorded like any other."""
    hook = (await webhook(proctor))["id"]
    engine = await only_what_is_taken_over(house, monkeypatch)
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        seen.append(await only_delivery(proctor, hook))

    house.vendor.inside = look
    await proctor.send_test()
    await house.vendor.receive(1)
    async with asyncio.timeout(20):
        while (done := await only_delivery(proctor, hook))["state"] != "delivered":
            await asyncio.sleep(0.01)

    assert (seen[0]["state"], seen[0]["in_flight"], seen[0]["attempts_made"]) == ("pending", True, 1)
    assert [attempt["number"] for attempt in done["attempts"]] == [1]
    assert done["attempts"][0]["worker"] == engine.worker
    assert engine._slots._held.total() == 0
    assert len(house.vendor.received) == 1


async def test_what_is_in_the_way_is_waited_for(house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate limit, a breaker or an earlier delivery leaves the delivery to a claim."""
    limited = (await webhook(proctor, name="limited", rate_limit=5))["id"]
    troubled = (await webhook(proctor, name="troubled"))["id"]
    waited_for = (await webhook(proctor, name="waited-for", enabled=False))["id"]
    free = (await webhook(proctor, name="free", enabled=False))["id"]
    await only_what_is_taken_over(house, monkeypatch)
    await sql(
        house,
        "INSERT INTO breakers (destination_id, failures, trips, open_until, room, last_error) "
        "VALUES ($1, 1, 0, 0, 16, 'x')",
        troubled,
    )
    await proctor.send_test(1)
    await proctor.api("PATCH", f"/v1/webhooks/{waited_for}", json={"enabled": True})
    await sql(house, "UPDATE deliveries SET state = 'cancelled' WHERE destination_id = $1", free)
    await proctor.api("PATCH", f"/v1/webhooks/{free}", json={"enabled": True})
    await proctor.send_test(2)
    await house.vendor.receive(1)

    for hook in (limited, troubled, waited_for):
        found = await deliveries(proctor, hook)
        assert [(one["state"], one["in_flight"], one["attempts_made"]) for one in found] == [("pending", False, 0)] * 2
    newest = (await deliveries(proctor, free))[0]
    assert newest["attempts_made"] == 1


@pytest.mark.parametrize("held", ["by the destination", "by everybody"])
async def test_without_room_it_waits(house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    """With few free slots, deliveries are left to a claim, which allocates the slots fairly."""
    hook = (await webhook(proctor))["id"]
    engine = await only_what_is_taken_over(house, monkeypatch)
    if held == "by everybody":
        engine._slots._held["again"] = SLOTS * 3 // 4
    else:
        engine._slots._in_flight[hook] = DIRECT_LIMIT
    await proctor.send_test(1)

    waiting = await only_delivery(proctor, hook)
    assert (waiting["state"], waiting["in_flight"], waiting["attempts_made"]) == ("pending", False, 0)
    assert DIRECT_LIMIT < PER_DESTINATION


async def watched(
    house: House, monkeypatch: pytest.MonkeyPatch, hook: str, *, behind: bool
) -> tuple[Engine, list[None]]:
    """Makes the engine of `only_what_is_taken_over` report a backlog or none; counts how often it is woken."""
    engine = await only_what_is_taken_over(house, monkeypatch)
    monkeypatch.setattr(engine._slots, "_behind", frozenset([hook] if behind else []))
    woken: list[None] = []
    monkeypatch.setattr(engine._awake, "set", lambda: woken.append(None))
    return engine, woken


@pytest.mark.parametrize("behind", [True, False])
async def test_an_engine_is_woken_for_what_it_may_claim(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    """A delivery to an endpoint at its concurrency limit does not wake the engine: that would cost a claim per order."""
    hook = (await webhook(proctor))["id"]
    engine, woken = await watched(house, monkeypatch, hook, behind=behind)
    engine._slots._in_flight[hook] = DIRECT_LIMIT
    await proctor.send_test()

    assert bool(woken) is not behind
    assert (await only_delivery(proctor, hook))["attempts_made"] == 0


@pytest.mark.parametrize("behind", [True, False])
async def test_an_attempt_on_record_wakes_the_engine_where_something_waits_for_its_place(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    """A recorded attempt causes a claim only if a delivery may be waiting for its slot."""
    hook = (await webhook(proctor))["id"]
    engine, woken = await watched(house, monkeypatch, hook, behind=behind)
    await proctor.send_test()
    await house.vendor.receive(1)
    async with asyncio.timeout(20):
        while (await only_delivery(proctor, hook))["state"] != "delivered" or engine._slots._unrecorded:
            await asyncio.sleep(0.01)

    assert bool(woken) is behind


async def test_a_stopped_engine_takes_nothing_over(house: House, proctor: Linked) -> None:
    """The order is left to another worker."""
    hook = (await webhook(proctor))["id"]
    await house.app.state.engine.stop()
    await proctor.send_test()

    assert (await only_delivery(proctor, hook))["in_flight"] is False


async def test_what_is_being_stored_at_a_stop_is_delivered_and_put_on_record(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop waits for a delivery that is being stored; later ones are not dispatched directly."""
    hook = (await webhook(proctor))["id"]
    engine = await only_what_is_taken_over(house, monkeypatch)
    stored, let_go = asyncio.Event(), asyncio.Event()
    write = LoadSheddingStore.batchable_write

    async def slowly(store: LoadSheddingStore, work: Work[Any]) -> Any:
        done = await write(store, work)
        stored.set()
        await let_go.wait()
        return done

    monkeypatch.setattr(LoadSheddingStore, "batchable_write", slowly)
    sending = asyncio.create_task(proctor.send_test())
    async with asyncio.timeout(20):
        await stored.wait()
    await engine.stop()
    for _ in range(20):  # an engine that did not wait would have ended by now
        await asyncio.sleep(0)
    let_go.set()
    await sending
    await house.vendor.receive(1)

    async with asyncio.timeout(20):
        while (done := await only_delivery(proctor, hook))["state"] != "delivered":
            await asyncio.sleep(0.01)
    assert [attempt["number"] for attempt in done["attempts"]] == [1]


async def test_what_is_not_stored_holds_no_place(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect after the delivery was accepted rolls the transaction back and frees the slot."""
    hook = (await webhook(proctor))["id"]
    engine = await only_what_is_taken_over(house, monkeypatch)
    written = order_log_rows.add

    async def fail(tx: Tx, *_: Any, **__: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(order_log_rows, "add", fail)
    assert (await proctor.call("send_test", json=proctor.test_body())).status_code == 500
    assert engine._slots._held.total() == 0
    assert await deliveries(proctor, hook) == []

    monkeypatch.setattr(order_log_rows, "add", written)
    await proctor.send_test()
    await house.vendor.receive(1)


async def test_orders_that_come_together_are_each_delivered_once(house: House, proctor: Linked) -> None:
    """Concurrent orders are each delivered once, by direct dispatch or by a claim."""
    await webhook(proctor)
    count = 5 * DIRECT_LIMIT
    await asyncio.gather(*(proctor.send_test(number) for number in range(1, count + 1)))
    received = await house.vendor.receive(count)

    assert len({one.headers["webhook-id"] for one in received}) == len(received) == count
