"""The comparison after a fault of accepted orders, received requests and recorded attempts."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from greenroom.connectors.greenhouse.nudging import NUDGING
from greenroom.model.attempts import INTERRUPTED
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours

#: seconds until no delivery is pending: longer than a dead worker's lease and a breaker's first wait together, and shorter
#: than the wait before a nudge, since a delivery that waits for a nudge should have ended
PATIENCE_S = 0.75 * NUDGING.waits[0].total_seconds()


@dataclass(frozen=True)
class Books:
    """
    The counts of a scenario.

    `duplicates` are requests beyond the first about one subject. `unrecorded` are attempts without a recorded end: a kill or a
    database outage explains each.
    """

    accepted: int
    refused: int
    delivered: int
    requests: int
    duplicates: int
    unrecorded: int


async def balance(installation: Installation, load: Load, neighbours: Neighbours) -> Books:
    """
    Waits until no delivery is pending, then compares; returns the counts.

    Raises:
        AssertionError: an order or result was lost, changed its id or its bytes, or was sent without a record.
    """
    await all_delivered(installation)
    deliveries = await installation.all("/v1/deliveries")
    _nothing_lost(deliveries, load, neighbours)
    _ids_are_stable(deliveries, neighbours)
    _all_on_record(deliveries, neighbours)
    requests = len(neighbours.received)
    return Books(
        accepted=len(load.accepted),
        refused=load.refused.total(),
        delivered=len(deliveries),
        requests=requests,
        duplicates=requests - len({one.subject for one in neighbours.received}),
        unrecorded=sum(one["attempts_made"] - len(with_result(one)) for one in deliveries),
    )


def with_result(delivery: Any) -> list[Any]:
    """Returns the attempts of a delivery whose result is recorded."""
    return [attempt for attempt in delivery["attempts"] if attempt["error_kind"] != INTERRUPTED]


async def all_delivered(installation: Installation) -> None:
    """Waits until no delivery is pending."""
    waiting: Any = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while waiting := (await installation.get("/v1/deliveries", state="pending", page_size=5))["data"]:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"still on its way: {waiting}") from None


def _nothing_lost(deliveries: list[Any], load: Load, neighbours: Neighbours) -> None:
    states = Counter(one["state"] for one in deliveries)
    assert set(states) == {"delivered"}, states
    by_order: dict[str, set[str]] = {}
    for one in deliveries:
        by_order.setdefault(one["order_id"], set()).add(one["lane"])
    assert len(deliveries) == 2 * len(by_order), "an event is queued twice"
    assert by_order.keys() == set(load.accepted.values()), "orders on record are not those that were accepted"
    assert all(lanes == {"vendor", "ats"} for lanes in by_order.values())
    arrived = {one.subject for one in neighbours.received}
    expected = {f"/take_home_tests/{number}" for number in load.accepted} | set(load.accepted.values())
    assert arrived == expected, f"{len(expected - arrived)} never arrived, {len(arrived - expected)} nobody sent"
    assert len(load.accepted) == len(set(load.accepted.values())) == load.sent


def _ids_are_stable(deliveries: list[Any], neighbours: Neighbours) -> None:
    said = {(one.subject, one.event_id, one.digest) for one in neighbours.received}
    assert len(said) == len({one.subject for one in neighbours.received}), "a repeat had another id or other bytes"
    event_ids = {one["order_id"]: one["event_id"] for one in deliveries if one["lane"] == "vendor"}
    assert all(event_ids.get(subject, event_id) == event_id for subject, event_id, _ in said)


def _all_on_record(deliveries: list[Any], neighbours: Neighbours) -> None:
    """Checks that each request is a recorded attempt; an attempt without a recorded end counts."""
    requests = Counter(one.subject for one in neighbours.received)
    for one in deliveries:
        subject = one["order_id"]
        if one["lane"] == "ats":
            subject = "/take_home_tests/" + one["attempts"][-1]["request"]["url"].rpartition("/")[2]
        assert requests[subject] <= one["attempts_made"], f"{subject}: a request that is not on record"
        numbers = [attempt["number"] for attempt in one["attempts"]]
        assert len(numbers) == len(set(numbers)) <= one["attempts_made"]
