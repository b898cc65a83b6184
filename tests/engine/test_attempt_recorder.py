"""Recording of finished attempts: a problem with one attempt does not affect the others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import attempt_recorder
from greenroom.engine.attempt_recorder import AttemptRecorder
from greenroom.engine.slots import LEASE, LONGEST
from greenroom.errors import TryLater, Unavailable
from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import SHARES
from greenroom.services import claims, deliveries
from greenroom.services.claims import WorkerState
from greenroom.store.db import Store
from tests.house import House, Linked, webhook
from tests.support.queues import PROJECT, context, queue


async def ended(ctx: Context, count: int) -> list[FinishedAttempt]:
    """Returns this many attempts that ended successfully."""
    await queue(ctx.store, {"whk_1": count})
    turns = {name: Cursor() for name in SHARES}
    claimed = (await claims.claim(ctx, turns, SHARES, WorkerState("wrk"), lease=LEASE, longest=LONGEST)).claimed
    now, exchange = datetime.now(UTC), Exchange(status=200)
    return [FinishedAttempt(ctx.new_id("att"), one, now, timedelta(0), None, exchange) for one in claimed]


async def stands(ctx: Context, one: FinishedAttempt) -> tuple[str, bool, int]:
    found = await deliveries.get(ctx, PROJECT, one.claimed.id)
    return found.state, found.in_flight, len(found.attempts)


async def test_one_that_cannot_be_stored_keeps_nobody_from_it(store: Store) -> None:
    """Its lease expires and its slot is free; the attempts before and after it are recorded."""
    ctx = context(store)
    batch = await ended(ctx, 5)
    left: list[FinishedAttempt] = []

    async def settle(some: Sequence[FinishedAttempt]) -> list[Recorded | None]:
        if any(one.claimed.id == batch[2].claimed.id for one in some):
            raise ValueError
        return await deliveries.record_attempts(ctx, some, worker="w")

    written = AttemptRecorder(settle, left.append, worker="w")
    for one in batch:
        written.add(one)
    with capture_logs() as lines:
        await written.write()

    assert [await stands(ctx, one) for one in batch] == [
        ("pending", True, 0) if n == 2 else ("delivered", False, 1) for n in range(5)
    ]
    bare = replace(batch[2], exchange=Exchange(status=200, response_body=attempt_recorder.NOT_STORED))
    assert left == [*batch[:2], bare, *batch[3:]]
    logged = [line["delivery_id"] for line in lines if line["event"] == "attempt_not_recorded"]
    assert logged == [batch[2].claimed.id]
    for one in await ended(ctx, 3):  # together again
        written.add(one)
    await written.write()
    assert len(left) == 8


async def test_one_whose_exchange_cannot_be_stored_is_on_record_without_it(store: Store) -> None:
    """The attempt is recorded with its status, and its schedule continues, instead of being repeated for ever."""
    ctx = context(store)
    batch = await ended(ctx, 3)
    fault = TryLater("It answered 500.", kind="http_status")
    batch[1] = replace(batch[1], fault=fault, exchange=Exchange(status=500, address="\ud800"))
    written = AttemptRecorder(partial(deliveries.record_attempts, ctx, worker="w"), lambda _: None, worker="w")
    for one in batch:
        written.add(one)
    with capture_logs() as lines:
        await written.write()

    assert [(await stands(ctx, one))[::2] for one in batch] == [("delivered", 1), ("pending", 1), ("delivered", 1)]
    found = await deliveries.get(ctx, PROJECT, batch[1].claimed.id)
    assert (found.in_flight, found.due_at is not None) == (False, True)
    assert (found.attempts[0].status, found.attempts[0].error) == (500, "It answered 500.")
    assert found.attempts[0].response["body"] == attempt_recorder.NOT_STORED
    assert "exchange_not_recorded" in [line["event"] for line in lines]


async def test_a_lost_lease_is_told_of_and_the_others_are_settled(store: Store) -> None:
    """A delivery's lease was released while its attempt was in flight."""
    ctx = context(store)
    batch = await ended(ctx, 3)
    lost = batch[1].claimed
    await claims.release(ctx, [lost])
    left: list[FinishedAttempt] = []
    written = AttemptRecorder(partial(deliveries.record_attempts, ctx, worker="w"), left.append, worker="w")
    for one in batch:
        written.add(one)
    with capture_logs() as lines:
        await written.write()

    states = {line["delivery_id"]: line["state"] for line in lines if line["event"] == "attempt"}
    assert states == {one.claimed.id: "lease lost" if one.claimed is lost else "delivered" for one in batch}
    assert left == batch


async def test_an_outage_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage each attempt is recorded once, and its slot is free only then."""
    monkeypatch.setattr(attempt_recorder, "FIRST_PAUSE_S", 0.0)
    ctx = context(store)
    batch = await ended(ctx, 3)
    left: list[FinishedAttempt] = []
    away, late = 3, []

    async def settle(some: Sequence[FinishedAttempt]) -> list[Recorded | None]:
        nonlocal away
        late.append((written.late, len(left)))
        if away:
            away -= 1
            raise Unavailable
        return await deliveries.record_attempts(ctx, some, worker="w")

    written = AttemptRecorder(settle, left.append, worker="w")
    running = asyncio.create_task(written.run())
    for one in batch:
        written.add(one)
    written.stop()
    await running

    assert late == [(False, 0), (True, 0), (True, 0), (True, 0)]
    assert left == batch
    assert [await stands(ctx, one) for one in batch] == [("delivered", False, 1)] * 3


async def test_a_defect_in_what_is_told_ends_no_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing callback is logged, and later attempts are recorded."""
    monkeypatch.setattr(attempt_recorder, "FIRST_PAUSE_S", 0.0)
    ctx = context(store)
    first, second = await ended(ctx, 1), await ended(ctx, 1)

    def done(one: FinishedAttempt) -> None:
        if one is first[0]:
            raise KeyError(one.id)
        written.stop()

    written = AttemptRecorder(partial(deliveries.record_attempts, ctx, worker="w"), done, worker="w")
    with capture_logs() as lines:
        running = asyncio.create_task(written.run())
        written.add(first[0])
        async with asyncio.timeout(20):
            while not lines:
                await asyncio.sleep(0.01)
            written.add(second[0])
            await running

    assert [await stands(ctx, one) for one in (*first, *second)] == [("delivered", False, 1)] * 2
    assert "recording_failed_inside" in {line["event"] for line in lines}


async def test_a_stop_does_not_wait_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the database stays unavailable, the stop logs the attempts that will be repeated."""
    monkeypatch.setattr(attempt_recorder, "FIRST_PAUSE_S", 1e-6)
    monkeypatch.setattr(attempt_recorder, "LONGEST_PAUSE_S", 1e-5)
    ctx = context(store)

    async def settle(some: Sequence[FinishedAttempt]) -> list[Recorded | None]:
        raise Unavailable

    written = AttemptRecorder(settle, lambda _: None, worker="w")
    for one in await ended(ctx, 2):
        written.add(one)
    written.stop()
    with capture_logs() as lines:
        await written.run()

    assert [line["count"] for line in lines if line["event"] == "attempts_not_recorded"] == [2]


async def test_an_answer_that_never_got_on_record_is_repeated_under_the_same_id(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another attempt repeats a delivery whose result was not recorded in time; the late record changes nothing else."""
    settle: Any = deliveries.record_attempts
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stopped(*args: Any, **kwargs: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await settle(*args, **kwargs)

    monkeypatch.setattr(deliveries, "record_attempts", stopped)
    await webhook(proctor)
    await proctor.send_test()
    async with asyncio.timeout(20):
        await reached.wait()
    monkeypatch.setattr(deliveries, "record_attempts", settle)
    await claims.interrupt(house.app.state.ctx, lease=LEASE)
    received = await house.vendor.receive(2)
    assert received[0].headers["webhook-id"] == received[1].headers["webhook-id"]
    assert received[0].body == received[1].body
    go_on.set()

    async with asyncio.timeout(20):
        while True:
            (delivery,) = (await proctor.api("GET", "/v1/deliveries")).json()["data"]
            if len(delivery["attempts"]) == 2 and delivery["state"] == "delivered":
                break
            await asyncio.sleep(0.01)
    assert sorted(attempt["number"] for attempt in delivery["attempts"]) == [1, 2]


async def test_an_attempt_is_one_line_that_says_all(proctor: Linked) -> None:
    """The log line names worker, delivery, destination, outcome and next attempt, and contains nothing private."""
    hook = await webhook(proctor)
    proctor.house.vendor.will_answer(503, 200)
    with capture_logs() as lines:
        order = await proctor.send_test()
        (received,) = await proctor.house.vendor.receive(1)
        while not (logged := [line for line in lines if line["event"] == "attempt"]):
            await proctor.api("GET", "/healthz")
    line: dict[str, Any] = dict(logged[0])

    (delivery,) = (await proctor.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
    assert line["worker"].endswith(f":{os.getpid()}")
    assert line["address"].startswith("127.0.0.1")
    assert isinstance(line["ms"], int)
    assert line["next_attempt_at"] == delivery["attempts"][0]["next_due_at"]
    same = {
        "delivery_id": delivery["id"],
        "event_id": received.headers["webhook-id"],
        "order_id": order,
        "destination_id": hook["id"],
        "lane": "vendor",
        "trigger": "auto",
        "number": 1,
        "status": 503,
        "error": "http_status",
        "state": "pending",
    }
    assert {name: line[name] for name in same} == same
    assert [word for word in ("@", "http:", "Ada") if word in str(line)] == []
