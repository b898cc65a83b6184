"""`/v1/accounts`: linking, pagination, and tokens that are shown only with `reveal=true`."""

from __future__ import annotations

import asyncio

from tests.house import Linked

NEW = {"provider": "greenhouse", "origin_owner_id": "acme", "origin_owner_name": "Acme"}


async def test_linking_the_same_owner_at_once_makes_one_account(on_each_database: Linked) -> None:
    """Concurrent requests for one owner get the same account with the same token."""
    answers = await asyncio.gather(*(on_each_database.api("POST", "/v1/accounts", json=NEW) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.json()["external_trigger_token"] for answer in answers}) == 1


async def test_rotating_at_once_leaves_two_live_tokens_at_the_most(on_each_database: Linked) -> None:
    """After concurrent rotations only the newest token and the one before it are valid."""
    path = f"/v1/accounts/{on_each_database.account_id}"
    answers = await asyncio.gather(*(on_each_database.api("POST", f"{path}/rotate-token") for _ in range(6)))
    tokens = {answer.json()["external_trigger_token"] for answer in answers} | {on_each_database.token}
    called = [await on_each_database.call("list_tests", token=token) for token in tokens]

    assert len(tokens) == 7
    assert sorted(answer.status_code for answer in called) == [200] * 2 + [401] * 5


async def test_a_token_is_shown_only_when_asked_for(proctor: Linked) -> None:
    """Lists and reads mask the token; `reveal=true` on one account shows it."""
    path = f"/v1/accounts/{proctor.account_id}"
    (listed,) = (await proctor.api("GET", "/v1/accounts")).json()["data"]
    read = (await proctor.api("GET", path)).json()
    revealed = (await proctor.api("GET", f"{path}?reveal=true")).json()

    assert listed | {"tokens": read["tokens"]} == read
    assert read["external_trigger_token"] == "********"
    assert revealed == {**read, "external_trigger_token": proctor.token}


async def test_paging_meets_every_account_once(proctor: Linked) -> None:
    """Pages list every account once, newest first; filters apply; a cursor of another list is refused."""
    made = [
        (await proctor.api("POST", "/v1/accounts", json={**NEW, "origin_owner_id": f"c{n}"})).json()["id"]
        for n in range(4)
    ]
    seen, following = [], ""
    while following is not None:
        page = (await proctor.api("GET", f"/v1/accounts?page_size=2&next={following}")).json()
        seen += [one["id"] for one in page["data"]]
        following = page["next"]
    one = (await proctor.api("GET", "/v1/accounts?origin_owner_id=c2&provider=greenhouse")).json()
    foreign = (await proctor.api("GET", "/v1/accounts?page_size=2")).json()["next"]

    assert len(seen) == 5
    assert set(seen) == {*made, proctor.account_id}
    assert [account["id"] for account in one["data"]] == [made[2]]
    assert (await proctor.api("GET", "/v1/accounts?provider=workday")).json() == {"data": [], "next": None}
    assert (await proctor.api("GET", f"/v1/orders?next={foreign}")).status_code == 400
