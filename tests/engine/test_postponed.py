"""Local faults: they use up no retry, open no breaker, and are repeated at a bounded pace."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import postponed
from greenroom.engine.postponed import Postponed
from greenroom.engine.slots import Slots
from greenroom.errors import LocalFault
from greenroom.model.deliveries import PER_DESTINATION
from greenroom.outbound import Outbound
from greenroom.services import breakers, deliveries
from tests.house import House, open_house, webhook
from tests.support.queues import PROJECT, queue

SHORTAGE = LocalFault("No descriptor is left.", kind="no_resources", process_wide=True)
#: a fault of a single destination
NO_PORT = LocalFault("No port is left.", kind="no_resources")


@pytest.fixture
async def any_house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A gateway on each database."""
    async with open_house(tmp_path, database_url if database_url.startswith("postgresql") else None) as one:
        yield one


def postponed_total() -> float:
    return REGISTRY.get_sample_value("greenroom_attempts_postponed_total", {"kind": "no_resources"}) or 0.0


async def test_without_descriptors_a_delivery_waits_and_then_arrives(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More faults than a schedule has attempts, or than open a breaker, do not prevent the delivery."""
    monkeypatch.setattr(postponed, "PROCESS_PAUSE_S", 0.0)
    proctor = await any_house.link("proctor", package_id="pkg_core_sql")
    hook = (await webhook(proctor))["id"]
    refused, before = 0, postponed_total()
    enough = asyncio.Event()

    def no_socket(*_: Any, lacking: list[OSError], **__: Any) -> socket.socket:
        nonlocal refused
        refused += 1
        if refused == 12:
            enough.set()
        lacking.append(OSError(errno.EMFILE, "Too many open files"))
        raise lacking[0]

    with capture_logs() as lines, monkeypatch.context() as patch:
        patch.setattr(Outbound, "_socket", no_socket)
        await proctor.send_test()
        async with asyncio.timeout(30):
            await enough.wait()
        waiting = (await proctor.api("GET", f"/v1/deliveries?destination_id={hook}")).json()["data"][0]
    await any_house.vendor.receive(1)
    async with asyncio.timeout(20):
        while (done := (await proctor.api("GET", f"/v1/deliveries/{waiting['id']}")).json())["state"] == "pending":
            await asyncio.sleep(0.02)

    assert (waiting["state"], waiting["attempts"]) == ("pending", [])
    assert "Too many open files" in waiting["last_error"]
    assert (done["state"], done["attempts_made"], done["last_error"]) == ("delivered", 1, None)
    assert [one["number"] for one in done["attempts"]] == [1]
    condition = (await breakers.conditions(any_house.app.state.ctx, [hook]))[hook]
    assert (condition.state, condition.consecutive_failures) == ("closed", 0)
    assert [line["event"] for line in lines].count("attempts_postponed") == 1
    assert postponed_total() - before >= 12


async def claimed(places: Slots) -> list[str]:
    """Claims now and returns the destinations; every slot stays occupied."""
    return sorted(one.destination_id for one in (await places.claim()).claimed)


async def test_a_shortage_pauses_the_worker_and_is_probed_by_one(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process-wide fault limits the worker to one probe, and one successful attempt ends the pause."""
    await queue(ctx.store, {"whk_a": 100, "whk_b": 100})
    places = Slots(ctx)
    first = (await places.claim()).claimed
    for one in first:
        await places.postpone(one, SHORTAGE)
        places.leave(one)

    assert await claimed(places) == []
    assert not places.has_spare_slot(first[0])
    monkeypatch.setattr(postponed, "PROCESS_PAUSE_S", 0.0)
    await places.postpone(first[0], SHORTAGE)
    probe = (await places.claim()).claimed
    assert [(one.attempt, one.step) for one in probe] == [(1, 1)]
    places.ended(probe[0])
    assert len(await claimed(places)) == PER_DESTINATION


async def test_a_destinations_fault_pauses_it_alone(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """New and manual deliveries to the destination wait; those to another destination are claimed."""
    await queue(ctx.store, {"whk_a": 100})
    await queue(ctx.store, {"whk_a": 1}, waits_in="hand")
    places = Slots(ctx)
    for one in (first := (await places.claim()).claimed):
        await places.postpone(one, NO_PORT)
        places.leave(one)
    await queue(ctx.store, {"whk_b": 2})

    assert await claimed(places) == ["whk_b", "whk_b"]
    monkeypatch.setattr(postponed, "DESTINATION_PAUSE_S", 0.0)
    await places.postpone(first[0], NO_PORT)
    assert await claimed(places) == ["whk_a"]
    places.ended(first[0])
    assert len(await claimed(places)) == PER_DESTINATION
    found = await deliveries.get(ctx, PROJECT, first[0].id)
    assert found.last_error == "No port is left."


def test_it_is_logged_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log line has the number of faults since the last one."""
    pauses = Postponed()
    with capture_logs() as lines:
        for _ in range(5):
            pauses.add("whk_a", SHORTAGE)
        monkeypatch.setattr(postponed, "LOG_S", 0.0)
        pauses.add("whk_a", SHORTAGE)

    assert [(line["event"], line["count"]) for line in lines] == [("attempts_postponed", 1), ("attempts_postponed", 5)]


def test_a_destination_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of remembered destinations is bounded."""
    monkeypatch.setattr(postponed, "DESTINATION_PAUSE_S", -postponed.FORGET_S)
    pauses = Postponed()
    pauses.add("whk_a", NO_PORT)

    assert pauses.limits() == {}
    assert not pauses.is_limited("whk_a")
