"""Reads of Harvest v3 over real sockets: pages, limits, and answers that cannot be used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from greenroom.errors import AccessError
from greenroom.settings import Settings
from tests.connectors.greenhouse.harvest.conftest import Northwind
from tests.house import Neighbour, neighbour

JSON = {"content-type": "application/json"}
TOKEN = (200, JSON, b'{"token_type": "Bearer", "access_token": "t1", "expires_in": 3600}')


async def refusal(northwind: Northwind, path: str = "users", **params: str) -> AccessError:
    with pytest.raises(AccessError) as refused:
        await northwind.harvest.read_all(path, params)
    return refused.value


async def test_reads_with_the_customers_own_client(northwind: Northwind) -> None:
    await northwind.use_customers_client()
    page = await northwind.harvest.read("jobs", {"ids": "4001"})
    assert [row["id"] for row in page.rows] == [4001]
    assert (page.cursor, page.status) == (None, 200)


async def test_follows_cursors_alone(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    rows = await northwind.harvest.read_all("users", {"per_page": "1"})
    assert len({row["id"] for row in rows}) == len(rows) > 1
    assert northwind.calls("harvest") == len(rows)


async def test_the_window_of_the_limit_is_kept(northwind: Northwind) -> None:
    """The account's requests of all processes stay within it, so Greenhouse refuses none."""
    await northwind.use_customers_client()
    northwind.greenhouse.settings(harvest_rate_limit=3)
    for _ in range(3):
        await northwind.harvest.read("jobs", {})
    limited = await refusal(northwind)
    assert limited.code == "hiring_team.rate_limited"
    assert limited.wait is not None
    assert 0 <= limited.wait.total_seconds() <= 30
    assert northwind.calls("harvest") == 3


async def test_the_wait_that_greenhouse_asks_for_is_kept(northwind: Northwind) -> None:
    """Also by other readers of the account, and no longer than that."""
    await northwind.use_customers_client()
    northwind.greenhouse.fault("status", "harvest", status=429, retry_after=21)
    first = await refusal(northwind)
    assert (first.code, first.status) == ("hiring_team.rate_limited", 429)
    again = await refusal(northwind, "jobs")
    assert again.code == "hiring_team.rate_limited"
    assert again.wait is not None
    assert again.wait.total_seconds() <= 21
    assert northwind.calls("harvest") == 1
    sql = "UPDATE account_api_windows SET blocked_until = 0, ends_at = 0"
    await northwind.ctx.store.write(lambda tx: tx.run(sql))
    assert (await northwind.harvest.read("jobs", {})).rows


async def test_many_readers_share_the_window(northwind: Northwind) -> None:
    """Of twenty requests at once, as many are made as the window has."""
    await northwind.use_customers_client()
    northwind.greenhouse.settings(harvest_rate_limit=5)
    await northwind.harvest.read("jobs", {})
    asked = [northwind.harvest.read("jobs", {}) for _ in range(20)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in answers) == 4
    assert {one.code for one in answers if isinstance(one, AccessError)} == {"hiring_team.rate_limited"}
    assert northwind.calls("harvest") == 5


@pytest.mark.parametrize("status", [422, 500, 503, 302, 410])
async def test_a_status_that_is_no_success_is_named(northwind: Northwind, status: int) -> None:
    await northwind.use_customers_client()
    northwind.greenhouse.fault("status", "harvest", status=status)
    refused = await refusal(northwind)
    assert (refused.code, refused.status) == ("hiring_team.unavailable", status)
    assert str(status) in refused.reason
    assert refused.wait is not None
    await northwind.ctx.store.write(lambda tx: tx.run("UPDATE account_api_windows SET blocked_until = 0"))
    assert (await northwind.harvest.read("jobs", {})).rows


@pytest.mark.parametrize(
    ("fault", "code"), [("reset", "unavailable"), ("timeout", "late"), ("malformed", "unavailable")]
)
async def test_a_broken_answer_is_named(northwind: Northwind, fault: str, code: str) -> None:
    await northwind.use_customers_client()
    await northwind.harvest.read("jobs", {})
    northwind.greenhouse.fault(fault, "harvest")
    with pytest.raises(AccessError) as refused:
        await northwind.harvest.read("jobs", {}, deadline=1.0)
    assert refused.value.code == f"hiring_team.{code}"
    assert (await northwind.harvest.read("jobs", {})).rows


@pytest.fixture
async def hostile(northwind: Northwind) -> AsyncIterator[tuple[Northwind, Neighbour]]:
    """An account whose Harvest sends the test's answers."""
    async with neighbour() as one:
        urls = {"greenhouse.harvest": one.url, "greenhouse.auth": one.url}
        given = " ".join(f"{name}={url}" for name, url in urls.items())
        settings = {"allow_http": True, "allow_private_networks": "127.0.0.0/8", "ats_urls": given}
        northwind.ctx = replace(northwind.ctx, settings=Settings.model_validate(settings))
        await northwind.configure()
        await northwind.link(harvest_client_id="c", harvest_client_secret="s")
        yield northwind, one


def rows(*ids: Any, **more: Any) -> bytes:
    return json.dumps([{"id": one, **more} for one in ids]).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>Sign in</html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"NaN", "array of objects"),
        (b'{"errors": []}', "array of objects"),
        (b"null", "array of objects"),
        (b"[1, 2]", "array of objects"),
        (b"[" * 100_000, "not JSON"),
        (b'[{"id": "901"}]', "integer id"),
        (b'[{"id": true}]', "integer id"),
        (b'[{"id": -1}]', "integer id"),
        (b'[{"id": 1e400}]', "integer id"),
        (b"[{}]", "integer id"),
        (rows(901, name="x" * 5_000_000), "too long"),
        (rows(*range(1, 600)), "more than 500"),
        (rows(901, 777), "not asked for"),
    ],
    ids=range(16),
)
async def test_an_answer_that_is_not_what_it_should_be_is_named(
    hostile: tuple[Northwind, Neighbour], body: bytes, said: str
) -> None:
    """Another customer's rows among them. A good answer afterwards is read."""
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (200, JSON, body), (200, JSON, rows(901)))
    refused = await refusal(northwind, ids="901,902")
    assert refused.code == "hiring_team.unavailable"
    assert said in refused.reason
    assert (await northwind.harvest.read("users", {"ids": "901,902"})).rows == [{"id": 901}]
    assert (await northwind.account()).status == "active"


async def test_another_jobs_owners_are_named(hostile: tuple[Northwind, Neighbour]) -> None:
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (200, JSON, rows(1, job_id=4002)))
    assert "another job_id" in (await refusal(northwind, "job_owners", job_ids="4001")).reason


@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/v3/users?cursor=same>; rel="next"',
        "<https://evil.example/v3/users?cursor=same>; rel=next",
    ],
)
async def test_a_list_without_an_end_is_named(hostile: tuple[Northwind, Neighbour], link: str) -> None:
    """The cursor alone is sent on, to the configured address."""
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (200, {**JSON, "link": link}, rows(1)))
    assert "without an end" in (await refusal(northwind)).reason
    assert [one.path for one in harvest.received[-2:]] == ["/v3/users", "/v3/users?cursor=same"]


@pytest.mark.parametrize("link", ['<https://x/v3?other=1>; rel="next"', '<http://[>; rel="next"'])
async def test_a_next_page_without_a_cursor_is_named(hostile: tuple[Northwind, Neighbour], link: str) -> None:
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (200, {**JSON, "link": link}, rows(1)))
    assert "without a cursor" in (await refusal(northwind)).reason


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-limit": "-1", "x-ratelimit-remaining": "x", "x-ratelimit-reset": "1"},
        {"x-ratelimit-limit": "9" * 30, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"},
        {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "999999999999", "x-ratelimit-reset": "999999999999"},
        {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "49", "x-ratelimit-reset": "0", "date": "yesterday"},
    ],
)
async def test_headers_of_the_limit_that_make_no_sense_do_no_harm(
    hostile: tuple[Northwind, Neighbour], headers: dict[str, str]
) -> None:
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (200, {**JSON, **headers}, rows(1)))
    for _ in range(3):
        assert (await northwind.harvest.read("users", {})).rows


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"errors": ["Insufficient scope"]}', "hiring_team.scope_missing"),
        (b'{"errors": ["Forbidden"]}', "hiring_team.permission"),
        (b"", "hiring_team.permission"),
    ],
)
async def test_a_refused_list_is_named(hostile: tuple[Northwind, Neighbour], body: bytes, code: str) -> None:
    """The account says so until the list is read."""
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, (403, JSON, body), (200, JSON, rows(1)))
    assert (await refusal(northwind)).code == code
    assert (await northwind.account()).status_reasons[0]["code"] == code
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


async def test_two_refusals_of_fresh_tokens_end_the_attempts(hostile: tuple[Northwind, Neighbour]) -> None:
    """401, refresh, 401: it is named, and Harvest is left alone for some minutes."""
    northwind, harvest = hostile
    harvest.will_answer(TOKEN, 401, TOKEN, 401)
    refused = await refusal(northwind)
    assert (refused.code, len(harvest.received)) == ("hiring_team.token_refused", 4)
    again = await refusal(northwind)
    assert again.code == "hiring_team.token_refused"
    assert again.wait is not None
    assert len(harvest.received) == 4
    assert (await northwind.account()).status == "error"
    harvest.will_answer(TOKEN, (200, JSON, rows(1)))
    await northwind.ctx.store.write(lambda tx: tx.run("UPDATE account_access SET retry_at = 0"))
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "a\\r\\nx: y"}',
        b'{"access_token": ""}',
        b'{"access_token": 5}',
        b'{"access_token": null}',
        b"[]",
        b"<html>",
        b'{"access_token": "' + b"x" * 100_000 + b'"}',
    ],
)
async def test_tokens_that_cannot_be_used_are_named(hostile: tuple[Northwind, Neighbour], body: bytes) -> None:
    northwind, harvest = hostile
    harvest.will_answer((200, JSON, body))
    refused = await refusal(northwind)
    assert refused.code == "hiring_team.unavailable"
    assert "access_token" in refused.reason


@pytest.mark.parametrize(
    "more",
    [
        '"expires_at": "2001-01-01T00:00:00Z"',
        '"expires_at": "never"',
        '"expires_at": 1e999',
        '"expires_in": -5',
        '"expires_in": "3600"',
        '"expires_in": 99999999999999999999',
        '"expires_in": {}, "scope": 5, "refresh_token": []',
        '"expires_at": "9999-12-31T23:59:59+00:00"',
    ],
)
async def test_a_validity_that_makes_no_sense_does_no_harm(hostile: tuple[Northwind, Neighbour], more: str) -> None:
    northwind, harvest = hostile
    token = (200, JSON, f'{{"access_token": "t", {more}}}'.encode())
    harvest.will_answer(token, (200, JSON, rows(1)))
    for _ in range(2):
        assert (await northwind.harvest.read("users", {})).rows
    assert len(harvest.received) == 3
