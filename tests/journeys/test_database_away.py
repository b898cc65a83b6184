"""Without its database the gateway answers 503 at once on every surface, and recovers with the database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from greenroom.store import migrate
from tests.house import House, Linked, basic, open_house
from tests.support.postgres import Postgres, running_postgres
from tests.support.road import Road, road

#: paths that need no database
ALONE = {"/healthz", "/metrics"}
ATS = "/external-trigger/greenhouse"
ATS_CALLS = [
    ("GET", f"{ATS}/list_tests?tenant-id=proctor"),
    ("POST", f"{ATS}/send_test?tenant-id=proctor"),
    ("GET", f"{ATS}/test_status?tenant-id=proctor&partner_interview_id=ord_1"),
    ("POST", f"{ATS}/response_error?tenant-id=proctor"),
]
PAGES = [("GET", "/"), ("GET", "/orders"), ("GET", "/sign-in/a-code"), ("GET", "/link/a-code")]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Runs a PostgreSQL server that the tests of this module stop."""
    with running_postgres(durable=True) as one:
        yield one


@pytest.fixture
async def way(server: Postgres) -> AsyncIterator[Road]:
    """Runs the network between the gateway and its database."""
    async with road(server.port) as one:
        yield one


@pytest.fixture
async def northwind(server: Postgres, way: Road, tmp_path: Path) -> AsyncIterator[Linked]:
    """Returns an account of a gateway on this database."""
    url = server.create_database()
    await migrate.upgrade(url)
    async with open_house(tmp_path, url.replace(f":{server.port}/", f":{way.port}/")) as house:
        yield await house.link("proctor", package_id="pkg_core_sql")


def calls(house: House) -> list[tuple[str, str]]:
    """Returns every call of the OpenAPI document, with made-up ids, the ATS's calls, and the pages."""
    documented = [
        (method.upper(), filled(path, operation))
        for path, methods in house.app.openapi()["paths"].items()
        for method, operation in methods.items()
        if path not in ALONE
    ]
    return [*documented, *ATS_CALLS, *PAGES]


def filled(path: str, operation: dict[str, Any]) -> str:
    """Returns the path with a made-up id, of the documented type, in place of each parameter."""
    numbers = {one["name"] for one in operation.get("parameters", ()) if one["schema"].get("type") == "integer"}
    return re.sub(r"\{([^}]+)\}", lambda found: "1" if found[1] in numbers else "greenhouse", path)


async def call(linked: Linked, method: str, path: str) -> httpx2.Response:
    """Makes one of the calls, with valid credentials."""
    headers = {
        "authorization": basic(linked.token if path.startswith(ATS) else linked.key),
        "x-account-id": linked.account_id,
        "cookie": "greenroom_session=a-session",
    }
    body = None if method in ("GET", "DELETE") else {}
    return await linked.house.client.request(method, path, headers=headers, json=body)


@dataclass(frozen=True)
class Fault:
    """A way to take the database away, and the way back."""

    begin: Callable[[Postgres, Road], None]
    end: Callable[[Postgres, Road], None]


stopped = Fault(lambda server, _: server.stop(), lambda server, _: server.start())
#: connections stay open without an answer, as of a suspended machine
frozen = Fault(lambda server, _: server.freeze(), lambda server, _: server.thaw())
#: no connection gets through; afterwards the old connections stay dead, as after a failover
unreachable = Fault(lambda _, way: way.swallow(), lambda _, way: way.open())


async def is_back(house: House) -> None:
    """Waits until the gateway has reconnected by itself."""
    async with asyncio.timeout(30):
        while (await house.client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


def refused(answer: httpx2.Response) -> bool:
    """Returns whether the answer is a 503 with Retry-After."""
    return answer.status_code == 503 and int(answer.headers.get("retry-after", 0)) > 0


@pytest.mark.parametrize("fault", [stopped, frozen, unreachable], ids=["stopped", "frozen", "unreachable"])
@pytest.mark.postgres
async def test_every_surface_answers_503_with_retry_after(
    northwind: Linked, server: Postgres, way: Road, fault: Fault
) -> None:
    house = northwind.house
    order = await northwind.send_test(1)
    fault.begin(server, way)

    made = calls(house)
    async with asyncio.timeout(10):  # the contract is two seconds; a statement may take thirty
        answers = await asyncio.gather(*(call(northwind, method, path) for method, path in made))

    for (method, path), answer in zip(made, answers, strict=True):
        assert refused(answer), (method, path, answer.status_code, answer.text)
        if (method, path) not in PAGES:
            assert answer.json()["statusCode"] == 503
    assert [(await house.client.get(path)).status_code for path in sorted(ALONE)] == [200, 200]

    fault.end(server, way)
    await is_back(house)
    assert await northwind.send_test(1) == order
    assert await northwind.send_test(2) != order


#: orders that are sent while the database goes
SENT = range(10, 15)


def in_flight(linked: Linked, order: str) -> list[Coroutine[Any, Any, httpx2.Response]]:
    """Returns requests of each kind of unit of work: batchable ones and others, reads and writes."""
    hook = {"name": "second", "url": f"{linked.house.vendor.url}/second", "events": ["ats_assessments.created"]}
    return [
        *(linked.call("send_test", json=linked.test_body(number)) for number in SENT),
        linked.call("test_status", f"partner_interview_id={order}"),
        linked.give_result(order),
        linked.unified("GET", "/assessments/orders"),
        linked.unified("GET", f"/assessments/orders/{order}"),
        linked.api("GET", "/v1/orders"),
        linked.api("POST", "/v1/webhooks", json=hook),
    ]


@pytest.mark.parametrize("fault", [frozen, unreachable], ids=["frozen", "unreachable"])
@pytest.mark.postgres
async def test_requests_in_flight_are_answered_and_take_effect_once(
    northwind: Linked, server: Postgres, way: Road, fault: Fault
) -> None:
    """Requests that the outage interrupts write all or nothing, and repeating them has no second effect."""
    order = await northwind.send_test(1)
    before = await northwind.status(order)
    async with blocked_by_a_lock(
        server, northwind, "LOCK TABLE orders, events, webhooks IN ACCESS EXCLUSIVE MODE"
    ) as waits:
        asked = [asyncio.create_task(one) for one in in_flight(northwind, order)]
        await waits(5)  # the orders are one group
        fault.begin(server, way)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*asked)
        fault.end(server, way)
    assert all(refused(answer) for answer in answers), [answer.status_code for answer in answers]

    await is_back(northwind.house)
    assert [one["id"] for one in (await northwind.api("GET", "/v1/orders")).json()["data"]] == [order]
    assert await northwind.status(order) == before
    assert (await northwind.api("GET", "/v1/webhooks")).json()["data"] == []
    again = await asyncio.gather(*in_flight(northwind, order))
    assert {answer.status_code for answer in again} <= {200, 201}, [answer.text for answer in again]
    assert len((await northwind.api("GET", "/v1/orders")).json()["data"]) == 1 + len(SENT)


#: a trigger that waits at the end of a transaction, so that the answer to COMMIT is late
LATE = """
CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION wait_for_it();
"""


@pytest.mark.parametrize("fault", [frozen, unreachable], ids=["frozen", "unreachable"])
@pytest.mark.postgres
async def test_an_order_whose_commit_was_not_answered_is_refused_and_found_again(
    northwind: Linked, server: Postgres, way: Road, fault: Fault
) -> None:
    """The order was committed although the caller got 503; sent again, it is the same order."""
    async with blocked_by_a_lock(server, northwind, "SELECT pg_advisory_xact_lock(1)", first=LATE) as waits:
        sent = asyncio.create_task(northwind.call("send_test", json=northwind.test_body(7)))
        await waits(1)
        fault.begin(server, way)
        async with asyncio.timeout(10):
            answer = await sent
        fault.end(server, way)
    assert refused(answer)

    await is_back(northwind.house)
    async with asyncio.timeout(20):  # until the database has completed the earlier transaction
        while not (found := (await northwind.api("GET", "/v1/orders")).json()["data"]):
            await asyncio.sleep(0.05)
    assert await northwind.send_test(7) == found[0]["id"]
    assert len((await northwind.api("GET", "/v1/orders")).json()["data"]) == 1


@asynccontextmanager
async def blocked_by_a_lock(
    server: Postgres, linked: Linked, locking_sql: str, *, first: str = "SELECT 1"
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Holds a lock for the block; the yielded function waits until so many statements wait for it in the database."""
    database = str(linked.house.settings.database_url).rpartition("/")[2]
    other, looking = [await asyncpg.connect(server.url(database)) for _ in range(2)]
    await other.execute(first)

    async def waits(count: int) -> None:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
        async with asyncio.timeout(20):
            while await looking.fetchval(asked, database) < count:
                await asyncio.sleep(0.02)

    try:
        async with other.transaction():
            await other.execute(locking_sql)
            yield waits
    finally:
        other.terminate()
        looking.terminate()
