"""Without its database the gateway says so at once, on every surface, and is itself again when the database is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from greenroom.store import migrate
from tests.house import House, Linked, basic, open_house
from tests.support.postgres import Postgres, running_postgres

#: what asks nothing of the database
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
    """A PostgreSQL of this module's own, to be taken away."""
    with running_postgres() as one:
        yield one


@pytest.fixture
async def northwind(server: Postgres, tmp_path: Path) -> AsyncIterator[Linked]:
    """A gateway on it, with everything linked."""
    url = server.create_database()
    await migrate.upgrade(url)
    async with open_house(tmp_path, url) as house:
        yield await house.link("proctor", package_id="pkg_core_sql")


def calls(house: House) -> list[tuple[str, str]]:
    """Every call of the OpenAPI document, with ids that anybody could have made up, the ATS's calls, and the pages."""
    documented = [
        (method.upper(), re.sub(r"\{[^}]+\}", "greenhouse", path))
        for path, methods in house.app.openapi()["paths"].items()
        for method in methods
        if path not in ALONE
    ]
    return [*documented, *ATS_CALLS, *PAGES]


async def call(linked: Linked, method: str, path: str) -> httpx2.Response:
    """One of them, by somebody who may make it."""
    headers = {
        "authorization": basic(linked.token if path.startswith(ATS) else linked.key),
        "x-account-id": linked.account_id,
        "cookie": "greenroom_session=a-session",
    }
    body = None if method in ("GET", "DELETE") else {}
    return await linked.house.client.request(method, path, headers=headers, json=body)


def stop(server: Postgres) -> None:
    server.stop()


def freeze(server: Postgres) -> None:
    """Its connections stay open, and nothing answers: a machine that was paused, or a network that swallows all."""
    server.freeze()


#: what opens a session has no quick look-up in front of it: it waits as long as a statement may take
SLOW = [("GET", "/sign-in/a-code")]


@pytest.mark.parametrize("take_away", [stop, freeze])
@pytest.mark.postgres
async def test_every_surface_says_503_and_when_to_come_back(
    northwind: Linked, server: Postgres, take_away: Callable[[Postgres], None]
) -> None:
    house = northwind.house
    order = await northwind.send_test(1)
    take_away(server)

    made = [one for one in calls(house) if take_away is stop or one not in SLOW]
    async with asyncio.timeout(20):  # the contract is two seconds; a statement may take thirty
        answers = await asyncio.gather(*(call(northwind, method, path) for method, path in made))

    for (method, path), answer in zip(made, answers, strict=True):
        assert answer.status_code == 503, (method, path, answer.status_code, answer.text)
        assert int(answer.headers["retry-after"]) > 0, (method, path)
        if (method, path) not in PAGES:
            assert answer.json()["statusCode"] == 503
    assert [(await house.client.get(path)).status_code for path in sorted(ALONE)] == [200, 200]

    server.thaw() if take_away is freeze else server.start()
    async with asyncio.timeout(30):
        while (await house.client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
    assert await northwind.send_test(1) == order
    assert await northwind.send_test(2) != order
