"""`kill -9` in the middle of a replay: the replay continues, and each delivery is sent with the same bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Table

from greenroom.model.attempts import INTERRUPTED
from greenroom.model.deliveries import PER_DESTINATION
from greenroom.model.events import body
from greenroom.store import schema
from tests.chaos.books import PATIENCE_S, Books, all_delivered
from tests.chaos.conftest import Install
from tests.chaos.installation import EVENT, Installation
from tests.chaos.kills import Killed
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours, Received
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size

#: dead deliveries that were really sent before; the others are copies of them in the database
SENT_BEFORE = 20
#: the processes that are killed, in turn
PROCESSES = {"sqlite": ["serve"], "postgres": ["work-1", "serve-1", "work-2"]}
#: order id, event id and SHA-256 of a request's body
Identity = tuple[str, str, str]


class Replay:
    """A replay of all dead deliveries, as the vendor sees it."""

    def __init__(self, installation: Installation, path: str, total: int) -> None:
        self.total = total
        self._installation = installation
        self._path = path

    @classmethod
    async def start(cls, installation: Installation) -> Replay:
        """Starts a replay of the only webhook."""
        [webhook] = (await installation.get("/v1/webhooks"))["data"]
        path = f"/v1/webhooks/{webhook['id']}/replay"
        job = await installation.post(path, {"since": "2020-01-01T00:00:00Z", "status": "dead"})
        return cls(installation, f"{path}s/{job['id']}", job["total"])

    async def reaches(self, done: int) -> None:
        """Waits until so many deliveries have been started."""
        job = await self._job()
        while job["done"] < done:
            job = await self._after(job)

    async def ends(self) -> None:
        """Waits until the replay is completed; `done` equals `total` then."""
        job = await self._job()
        while job["state"] == "running":
            job = await self._after(job)
        assert (job["state"], job["done"], job["total"]) == ("done", self.total, self.total)

    async def _after(self, before: Any) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while (job := await self._job()) == before:
                await asyncio.sleep(0.05)
        return job

    async def _job(self) -> Any:
        return await self._installation.get(self._path)


@pytest.mark.parametrize(
    ("database", "size"),
    [
        pytest.param("sqlite", SHORT, id="sqlite-short"),
        pytest.param("postgres", SHORT, id="postgres-short", marks=pytest.mark.postgres),
        pytest.param("sqlite", LONG, id="sqlite-long", marks=pytest.mark.chaos),
        pytest.param("postgres", LONG, id="postgres-long", marks=[pytest.mark.chaos, pytest.mark.postgres]),
    ],
)
async def test_a_replay_is_killed(
    database: str, size: Size, install: Install, neighbours: Neighbours, report: Report
) -> None:
    """
    Every dead delivery is delivered with its id and bytes, and only those in flight at a kill arrive twice.

    An order accepted while replays are queued is delivered before the last of them. Nothing is left for another replay.
    """
    async with install(database) as installation:
        await installation.start(PROCESSES[database])
        load = Load(installation, neighbours, rate=1000)
        await load.run(60, until=lambda: load.sent == SENT_BEFORE)
        await load.finish()
        await all_delivered(installation)
        await add_dead_deliveries(installation, next(iter(load.accepted.values())), size.dead)
        promised = await expected_requests(installation)
        assert promised >= {get_identity(one) for one in neighbours.received if not one.is_result}
        heard_before, unrecorded_before = len(neighbours.received), await unrecorded(installation)

        began = time.monotonic()
        replay = await Replay.start(installation)
        assert replay.total == len(promised) == size.dead
        killed = Killed()
        new: dict[str, int] = {}  # requests that had arrived when each order was accepted, by the order's id
        for kill in range(1, size.kills + 1):
            await replay.reaches(size.dead * kill // (size.kills + 1))
            order_id, arrived = await order_during_replay(load, neighbours)
            new[order_id] = arrived
            await killed.one_of(installation, PROCESSES[database])
        await replay.ends()
        await load.finish()
        await all_delivered(installation)

        assert await installation.sql("SELECT DISTINCT state FROM deliveries") == ["delivered"]
        assert (await Replay.start(installation)).total == 0
        received = [one for one in neighbours.received[heard_before:] if not one.is_result]
        subjects = [one.subject for one in received]
        books = Books(
            accepted=len(promised) + len(new),
            refused=load.refused.total(),
            delivered=len(set(subjects)),
            requests=len(subjects),
            duplicates=len(subjects) - len(set(subjects)),
            unrecorded=await unrecorded(installation) - unrecorded_before,
        )
    assert {get_identity(one) for one in received if one.subject not in new} == promised
    for order_id, arrived in new.items():
        replayed_since = {one.subject for one in neighbours.received[arrived:] if not one.is_result} - set(new)
        is_queued = len(replayed_since) > PER_DESTINATION  # more than were in flight
        assert not is_queued or set(subjects[subjects.index(order_id) :]) - set(new), "an order waited for the replay"
    assert books.duplicates <= books.unrecorded <= len(killed.in_flight)
    report.add(
        f"replay of {size.dead:,} killed, {database}",
        books,
        allowed=len(killed.in_flight),
        faults=killed.times,
        since=began,
    )


async def add_dead_deliveries(installation: Installation, order_id: str, count: int) -> None:
    """Makes every webhook delivery dead, and copies one order, its event and its delivery until there are `count`."""
    own = {name: f"{name} || '-' || n" for name in ("id", "order_id", "event_id", "dedupe_key")}
    own["payload"] = f"replace(payload, order_id, {own['order_id']})"
    for table, which in (
        (schema.orders, f"id = '{order_id}'"),
        (schema.events, f"order_id = '{order_id}' AND type = '{EVENT}'"),
        (schema.deliveries, f"order_id = '{order_id}' AND lane = 'vendor'"),
    ):
        await installation.sql(_copied(table, which, count - SENT_BEFORE, own))
    await installation.sql("UPDATE deliveries SET state = 'dead' WHERE lane = 'vendor'")


def _copied(table: Table, which: str, count: int, changed: Mapping[str, str]) -> str:
    """Returns the statement that copies a row `count` times, with other values in some columns; n is the copy's number."""
    columns = [column.name for column in table.columns]
    return (
        f"INSERT INTO {table.name} ({', '.join(columns)}) WITH RECURSIVE numbers(n) AS "
        f"(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "
        f"SELECT {', '.join(changed.get(name, name) for name in columns)} FROM {table.name}, numbers WHERE {which}"
    )


async def expected_requests(installation: Installation) -> set[Identity]:
    """Returns the identities that the requests for all dead deliveries must have."""
    dead = "FROM events WHERE id IN (SELECT event_id FROM deliveries WHERE state = 'dead') ORDER BY id"
    ids, payloads = [await installation.sql(f"SELECT {column} {dead}") for column in ("id", "payload")]
    return {
        (json.loads(payload)["record_id"], event_id, hashlib.sha256(body(payload, EVENT)).hexdigest())
        for event_id, payload in zip(ids, payloads, strict=True)
    }


def get_identity(received: Received) -> Identity:
    """Returns the identity of a request."""
    return received.subject, received.event_id, received.digest


async def unrecorded(installation: Installation) -> int:
    """Returns the number of attempts without a recorded end."""
    recorded = f"SELECT count(*) FROM attempts WHERE coalesce(error_kind, '') <> '{INTERRUPTED}'"
    [count] = await installation.sql(f"SELECT sum(attempts) - ({recorded}) FROM deliveries")
    return int(count)


async def order_during_replay(load: Load, neighbours: Neighbours) -> tuple[str, int]:
    """Places an order and waits for its webhook; returns its id, and how many requests had arrived on acceptance."""
    number = load.sent + 1
    await load.run(60, until=lambda: load.sent == number)
    arrived = len(neighbours.received)
    async with asyncio.timeout(PATIENCE_S):
        while not neighbours.has_received(load.accepted[number]):
            await asyncio.sleep(0.02)
    return load.accepted[number], arrived
