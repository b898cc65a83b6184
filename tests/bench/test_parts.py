"""The receiver, the load and the null store are tested alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx2
import pytest
from aiohttp import web

from greenroom.api.stackone.orders import OrderBody, request_of
from greenroom.bench import payload
from greenroom.bench.chart import LEFT, MET, chart
from greenroom.bench.figures import Figure, table
from greenroom.bench.load import Job, Load, run_job
from greenroom.bench.null import NullStore
from greenroom.bench.receiver import Receiver
from greenroom.connectors.greenhouse import wire
from greenroom.store.db import Store, Tx, insert


@asynccontextmanager
async def listening(answer: Any) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[httpx2.AsyncClient]:
    async with listening(Receiver().answer) as url, httpx2.AsyncClient(base_url=url, timeout=20) as client:
        yield client


async def test_the_receiver_counts_and_remembers_while_it_watches(receiver: httpx2.AsyncClient) -> None:
    body = json.dumps({"raw_event": {"body": payload.send_test(42)}})
    await receiver.post("/hook-1", content=body)
    await receiver.post("/control/behave", json={"watching": True})
    await receiver.post("/hook-2", content=body)

    count = (await receiver.post("/control/count")).json()
    arrived = (await receiver.post("/control/arrivals")).json()
    assert count["answered"] == 2
    assert [(path, number) for path, number, _ in arrived] == [("/hook-2", 42)]
    assert arrived[0][2] <= count["at"]
    assert (await receiver.post("/control/last")).json() == {"body": body}


async def test_the_receiver_fails_at_the_given_rate(receiver: httpx2.AsyncClient) -> None:
    await receiver.post("/control/behave", json={"failing": 0.25})
    failing = [(await receiver.post("/hook")).status_code for _ in range(8)]
    await receiver.post("/control/behave", json={})
    after = [(await receiver.post("/hook")).status_code for _ in range(8)]

    assert (failing.count(500), after.count(500)) == (2, 0)


async def test_hanging_requests_are_answered_at_the_next_change(receiver: httpx2.AsyncClient) -> None:
    """Only the hanging path hangs, and its requests are not counted as answered."""
    await receiver.post("/control/behave", json={"hanging": ["/slow"]})
    hung = asyncio.create_task(receiver.post("/slow"))
    assert (await receiver.post("/quick")).status_code == 200
    async with asyncio.timeout(20):
        while (await receiver.post("/control/count")).json()["held"] < 1:
            await asyncio.sleep(0.01)
    assert not hung.done()

    await receiver.post("/control/behave", json={})
    assert (await hung).status_code == 200
    count = (await receiver.post("/control/count")).json()
    assert (count["answered"], count["held"]) == (1, 0)


async def test_orders_look_like_greenhouses_and_differ() -> None:
    """The bodies have 2 to 4 kB and are read by the gateway's own parser."""
    received: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.headers["authorization"].startswith("Basic ")
        received.append(await request.read())
        return web.Response()

    async with listening(answer) as url:
        load = await run_job(Job("open", url, 0.2, rate=100, token="gr_x"))

    assert load.done == len(load.due) == len(load.answered) == len(received) - 1
    assert len({wire.order_request(json.loads(body)).dedupe_key for body in received}) == len(received)
    assert all(2000 < len(body) < 4000 for body in received)
    assert Load.from_json(json.loads(json.dumps(load.__dict__))) == load


async def test_orders_for_an_account_fit_the_unified_api_and_differ() -> None:
    """The requests have the API key as a vendor sends it."""
    received: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.headers["authorization"].startswith("Basic ")
        assert request.headers["x-account-id"] == "acc_1"
        received.append(await request.read())
        return web.Response()

    async with listening(answer) as url:
        load = await run_job(Job("open", url, 0.2, rate=100, token="gk_x", account="acc_1"))

    assert load.done == len(received) - 1
    placed = [request_of(OrderBody.model_validate_json(body), json.loads(body)) for body in received]
    assert {order.package_id for order in placed} == {payload.PACKAGE}
    assert len({order.dedupe_key for order in placed}) == len(received)


async def test_only_a_429_with_retry_after_counts_as_refused() -> None:
    """
    A 429 without Retry-After is a failure like any other.

    The request that opens the connection is not counted.
    """
    received: list[int] = []

    async def answer(_: web.BaseRequest) -> web.Response:
        received.append(len(received))
        return web.Response(status=429, headers={} if received[-1] % 2 else {"Retry-After": "7"})

    async with listening(answer) as url:
        load = await run_job(Job("closed", url, 0.1))

    assert (load.done, load.failed) == (0, len(received) - 1)
    assert load.refused == load.failed // 2


@pytest.mark.parametrize("kind", ["closed", "open", "bare"])
async def test_a_request_that_is_not_answered_well_is_a_failure(kind: Any) -> None:
    """A failed request is not part of a rate."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=503)

    async with listening(answer) as url:
        load = await run_job(Job(kind, url, 0.05, rate=100, body="{}"))
        assert load.failed > 0
        assert load.done == 0
        assert load.answered == {}
    assert (await run_job(Job(kind, url, 0.05, rate=100, body="{}"))).failed > 0  # the server is closed


async def test_the_null_store_asks_once_and_writes_nothing(store: Store) -> None:
    """The null store answers like either database, from memory after the first time."""

    async def add(tx: Tx) -> bool:
        return await insert(tx, "projects", {"id": "prj_1", "name": "acme", "created_at": 1})

    async def name(tx: Tx) -> Any:
        row = await tx.one("SELECT name FROM projects WHERE id = $1", "prj_1")
        return row["name"] if row else None

    null = NullStore(store)
    assert await null.write(add)
    assert await store.read(name) is None

    await store.write(add)
    assert await null.read(name) == "acme"
    await store.write(lambda tx: tx.run("UPDATE projects SET name = 'other'"))
    assert await null.read(name) == "acme"
    assert await null.write(lambda tx: tx.all("UPDATE projects SET name = 'x' RETURNING id")) == []
    assert await store.read(name) == "other"


def figures() -> Iterator[Figure]:
    yield Figure("accept", "accepted", 1234.5, "orders/s", "null store", 2469, 0.5, bar=0.6)
    yield Figure("accept", "memory", 81.26, "MiB")
    yield Figure("latency", "p95", 3.456, "ms", "round trip", 1.0, 3.456, bar=10, at_most=True)
    yield Figure("latency", "others", 96.0, "ms", "none", 4.0, 24.0, bar=1.2, at_most=True)


def test_the_table_says_what_is_met_and_by_how_much_not() -> None:
    accept, memory, p95, others = figures()

    assert (accept.met, memory.met, p95.met) == (False, None, True)
    assert accept.missed_by == pytest.approx(1 / 6)
    assert p95.missed_by is None
    lines = [" ".join(line.split()) for line in table([accept, memory, p95, others]).splitlines()]
    assert lines == [
        "accept",
        "accepted 1,234 orders/s 0.50 × null store (2,469 orders/s) bar ≥ 0.6: missed by 17%",
        "memory 81.3 MiB",
        "",
        "latency",
        "p95 3.46 ms 3.46 × round trip (1.00 ms) bar ≤ 10: met",
        "others 96.0 ms 24.00 × none (4.00 ms) bar ≤ 1.2: 20.0 times the bar",
    ]


def test_the_chart_has_every_figure_with_a_bar_and_says_whether_it_is_met() -> None:
    """
    The chart is well-formed.

    A row is as long as the share of the bar that is reached, also where less is better.
    """
    drawn = chart(
        [
            Figure("s", "half <of> it", 1.0, "/s", "base", 2.0, 0.35, 0.7),
            Figure("s", "quicker", 1.0, "ms", "base", 2.0, 0.65, 1.3, at_most=True),
            Figure("s", "no bar", 1.0, "ms"),
        ],
        "A & B",
    )
    root = fromstring(drawn)
    rows = [rect.attrib for rect in root.iter("{http://www.w3.org/2000/svg}rect")][1:]

    assert [(row["class"], int(row["width"])) for row in rows] == [("missed", MET // 2), ("met", int(MET * 1.6))]
    assert {int(row["x"]) for row in rows} == {LEFT}
    assert "no bar" not in drawn
