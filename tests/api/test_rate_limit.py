"""The rate limit: drawing and spending permits in one and several processes, and the 429 responses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from greenroom.api.rate_limit import UNCOUNTED_S, RateLimit
from greenroom.context import Context
from greenroom.errors import TooManyRequests, Unauthorized, Unavailable
from greenroom.model.projects import Project
from greenroom.security.tokens import new_id
from greenroom.security.vault import Vault
from greenroom.services import projects
from greenroom.settings import Settings
from greenroom.store.db import Store, Tx, Work
from greenroom.store.postgres import PostgresStore
from greenroom.store.sqlite import SqliteStore
from tests.house import House, Linked, basic, open_house

WINDOW_MS = 60_000
OWNER = Project("prj_1", "p")


@dataclass
class Counting:
    """A store that counts its writes and can fail them."""

    store: Store
    writes: int = 0
    away: bool = False

    async def write(self, work: Work[Any]) -> Any:
        self.writes += 1
        if self.away:
            raise Unavailable
        return await self.store.write(work)

    async def read(self, work: Work[Any]) -> Any:
        return await self.store.read(work)

    async def short_write(self, work: Work[Any]) -> Any:
        return await self.write(work)

    async def batchable_write(self, work: Work[Any]) -> Any:
        return await self.write(work)

    async def batchable_read(self, work: Work[Any]) -> Any:
        return await self.read(work)

    async def close(self) -> None:
        await self.store.close()


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[Store]:
    """Another process's store on the same database."""
    opened: Store
    if database_url.startswith("postgresql"):
        opened = PostgresStore(database_url)
    else:
        opened = SqliteStore(Path(database_url.removeprefix("sqlite:///")))
    yield opened
    await opened.close()


def context(store: Store, limit: int) -> Context:
    """Returns the context of a process."""
    return Context(
        settings=Settings(rate_limit=limit),
        store=store,
        vault=Vault([bytes(32)]),
        pepper=b"pepper",
        now=lambda: datetime.now(UTC),
        new_id=new_id,
        chance=lambda: 1.0,
    )


async def create_key(store: Store) -> str:
    """Creates an API key."""
    return await projects.create_key(context(store, 1), name="k")


async def spend(limit: RateLimit, key: str) -> bool:
    """Returns whether one more request is allowed."""
    try:
        await limit.spend(key, OWNER)
    except TooManyRequests:
        return False
    return True


async def count_allowed(limit: RateLimit, key: str, requests: int) -> int:
    """Returns how many of this many concurrent requests are allowed."""
    return sum(await asyncio.gather(*(spend(limit, key) for _ in range(requests))))


async def move_windows(store: Store, ms: int) -> None:
    """Moves every window this far into the past."""
    await store.write(lambda tx: tx.run("UPDATE api_keys SET window_started_at = window_started_at - $1", ms))


@pytest.mark.parametrize("limit", [1, 7, 8, 100, 1000])
async def test_one_process_gets_every_permit_and_no_more(store: Store, limit: int) -> None:
    """Concurrent requests get exactly the limit; the refusal says when to retry."""
    one, key = RateLimit(context(store, limit)), await create_key(store)

    assert await count_allowed(one, key, limit + 30) == limit
    with pytest.raises(TooManyRequests, match=f"its {limit} requests") as refused:
        await one.spend(key, OWNER)
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60


async def test_a_request_costs_no_write_on_average(store: Store) -> None:
    """Permits are drawn in blocks, and singly only near the limit; a refused request writes nothing."""
    counting = Counting(store)
    one, key = RateLimit(context(counting, 1000)), await create_key(store)

    assert await count_allowed(one, key, 800) == 800
    assert counting.writes == 40
    assert await count_allowed(one, key, 200) == 200
    assert counting.writes < 100
    before = counting.writes
    assert await count_allowed(one, key, 500) == 0
    assert counting.writes == before


async def test_many_at_once_draw_one_block(store: Store) -> None:
    """Requests that wait for a draw spend the permits that it brings."""
    counting = Counting(store)
    one, key = RateLimit(context(counting, 1000)), await create_key(store)

    assert await count_allowed(one, key, 20) == 20
    assert counting.writes == 1


@pytest.mark.parametrize("turns", [1, 3, 50])
async def test_two_processes_share_the_limit(store: Store, second: Store, turns: int) -> None:
    """Two processes together get exactly the limit, alternating or concurrent."""
    key = await create_key(store)
    pair = RateLimit(context(store, 300)), RateLimit(context(second, 300))
    made = 0
    for _ in range(600 // turns):
        made += sum(await asyncio.gather(*(count_allowed(one, key, turns) for one in pair)))

    assert made == 300


@pytest.mark.parametrize(("limit", "block"), [(1000, 20), (160, 20), (40, 5), (4, 1)])
async def test_an_idle_process_keeps_one_block_at_most(store: Store, second: Store, limit: int, block: int) -> None:
    """An idle process keeps at most one block, an eighth of the remaining permits."""
    key = await create_key(store)
    silent, busy = RateLimit(context(store, limit)), RateLimit(context(second, limit))
    assert await count_allowed(silent, key, 1) == 1

    assert await count_allowed(busy, key, limit) == limit - block


async def test_the_next_window_begins_with_its_first_request(store: Store, second: Store) -> None:
    """The database's clock decides; a new process notices at once, the old one when its own minute has passed."""
    key, late = await create_key(store), 0.0
    one = RateLimit(context(store, 10), clock=lambda: time.monotonic() + late)
    assert await count_allowed(one, key, 20) == 10
    await move_windows(store, WINDOW_MS - 30_000)
    assert not await spend(RateLimit(context(second, 10)), key)
    await move_windows(store, 30_000)

    assert not await spend(one, key)
    late = 61.0
    assert await count_allowed(one, key, 20) == 10


async def test_permits_end_with_their_window(store: Store, second: Store) -> None:
    """Unspent permits are not carried over into the next window."""
    key, late = await create_key(store), 0.0
    one = RateLimit(context(store, 160), clock=lambda: time.monotonic() + late)
    assert await spend(one, key)
    await move_windows(store, WINDOW_MS)
    late = 61.0

    other = RateLimit(context(second, 160))
    assert await count_allowed(other, key, 140) == 140
    assert await count_allowed(one, key, 100) + await count_allowed(other, key, 100) == 20


async def test_a_window_in_the_future_is_ignored(store: Store) -> None:
    """A window that lies more than a minute ahead is ignored."""
    key = await create_key(store)
    assert await count_allowed(RateLimit(context(store, 5)), key, 6) == 5
    await move_windows(store, -2 * WINDOW_MS)

    assert await count_allowed(RateLimit(context(store, 5)), key, 6) == 5


async def test_requests_pass_while_the_database_cannot_be_written(store: Store) -> None:
    """Without a writable database, requests pass uncounted, and the database is tried again after a while."""
    counting, late = Counting(store), 0.0
    one = RateLimit(context(counting, 5), clock=lambda: time.monotonic() + late)
    key, counting.away = await create_key(store), True
    assert await count_allowed(one, key, 50) == 50
    assert counting.writes == 1
    counting.away, late = False, UNCOUNTED_S

    assert await count_allowed(one, key, 50) == 5


async def test_without_a_limit_a_keys_use_is_still_noted(store: Store) -> None:
    """The last use of a key is written at most once a minute."""
    counting = Counting(store)
    one, key = RateLimit(context(counting, 0)), await create_key(store)

    assert await count_allowed(one, key, 3000) == 3000
    assert counting.writes == 1
    (noted,) = await projects.list_keys(context(store, 0))
    assert noted.last_used_at is not None


async def test_an_unknown_key(store: Store) -> None:
    """An unknown key raises Unauthorized."""
    with pytest.raises(Unauthorized):
        await RateLimit(context(store, 5)).spend("gk_gone", OWNER)


# over HTTP


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def limited(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Linked]:
    """A project on a gateway with 20 requests per key and minute; the requests of its set-up are not counted."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    async with open_house(tmp_path, url, rate_limit=20) as house:
        linked = await house.link("proctor", package_id="pkg_core_sql")
        await next_minute(house)
        yield linked


async def next_minute(house: House) -> None:
    """Ends every window, in the database and by the process's clock."""
    await house.app.state.ctx.store.write(end_windows)
    limit = house.app.state.rate_limit
    limit._clock = lambda before=limit._clock: before() + 61.0


async def end_windows(tx: Tx) -> int:
    return await tx.run("UPDATE api_keys SET window_started_at = window_started_at - $1", WINDOW_MS)


async def test_a_key_makes_its_requests_and_then_waits_for_the_next_minute(limited: Linked) -> None:
    """A key over its limit gets 429 until the next minute; the project's other key and Greenhouse are not affected."""
    first = [await limited.api("GET", "/v1/orders") for _ in range(19)]
    unified = await limited.unified("GET", "/assessments/packages")
    over = await limited.api("GET", "/v1/orders")
    over_unified = await limited.unified("GET", "/assessments/packages")

    assert {answer.status_code for answer in [*first, unified]} == {200}
    for answer in (over, over_unified):
        said = answer.json()
        assert (answer.status_code, said["statusCode"], said["errorCode"]) == (429, 429, "TooManyRequests")
        assert "20 requests" in said["message"]
        assert said["timestamp"]
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    other = await projects.create_key(limited.house.app.state.ctx, name="second", project="proctor")
    headers = {"authorization": basic(other)}
    assert (await limited.house.client.get("/v1/orders", headers=headers)).status_code == 200
    for number in range(30):
        await limited.send_test(number)
    assert (await limited.house.client.get("/healthz")).status_code == 200
    await next_minute(limited.house)
    assert (await limited.api("GET", "/v1/orders")).status_code == 200


async def test_a_key_that_has_made_its_requests_is_refused_before_anything_is_done(
    limited: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The body is not read and the key is not looked up; the request is logged, and routes without a key still answer.
    """
    for _ in range(20):
        await limited.api("GET", "/v1/orders")
    looked_up: list[str | None] = []

    async def look_up(_: Context, key: str | None) -> None:
        looked_up.append(key)
        raise Unauthorized

    with monkeypatch.context() as patched:
        patched.setattr(projects, "authenticate", look_up)
        over = await limited.unified("POST", "/assessments/orders", content=b"{not JSON")
    key = {"authorization": basic(limited.key)}

    assert (over.status_code, over.json()["errorCode"], looked_up) == (429, "TooManyRequests", [])
    assert 1 <= int(over.headers["retry-after"]) <= 60
    assert (await limited.house.client.get("/healthz", headers=key)).status_code == 200
    await next_minute(limited.house)
    noted = await limited.api("GET", f"/requests/logs/{over.headers['x-request-id']}")
    assert noted.json()["data"]["status"] == 429


async def test_a_flood_leaves_its_first_refusals_in_the_request_log(
    limited: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request log has the first refusals of each minute."""
    monkeypatch.setattr("greenroom.api.rate_limit.LOGGED_REFUSALS", 3)
    for _ in range(2):
        for _ in range(40):
            await limited.unified("GET", "/assessments/packages")
        await next_minute(limited.house)
    refused = await limited.api("GET", "/requests/logs", params={"filter[status_codes]": "429"})

    assert len(refused.json()["data"]) == 2 * 3


async def test_every_request_counts_once(limited: Linked) -> None:
    """A refused, a replayed and a twice authenticated request each count once."""
    body = {"name": "x", "url": "https://x.example.com/", "events": ["account.created"]}
    headers = {"idempotency-key": "k"}
    answers = [await limited.api("POST", "/v1/webhooks", json=body, headers=headers) for _ in range(10)]
    answers += [await limited.api("GET", "/v1/orders/nope") for _ in range(10)]
    over = await limited.api("POST", "/v1/webhooks", json=body, headers=headers)

    assert [answer.status_code for answer in answers] == [201] * 10 + [404] * 10
    assert "idempotent-replayed" in answers[9].headers
    assert over.status_code == 429


async def test_a_wrong_key_is_401_and_not_counted(limited: Linked) -> None:
    """A wrong key is not counted and leaves nothing in memory."""
    for number in range(40):
        answer = await limited.house.client.get("/v1/orders", headers={"authorization": basic(f"gk_{number}")})
        assert answer.status_code == 401
    assert len(limited.house.app.state.rate_limit._windows) == 1
    assert (await limited.api("GET", "/v1/orders")).status_code == 200
