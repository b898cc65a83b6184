"""`Idempotency-Key`: its scope, the stored response, and its lifetime."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenroom.errors import Conflict
from greenroom.services import idempotency
from greenroom.services.idempotency import Kept
from tests.house import House, Linked

BODY = {"name": "x", "url": "https://x.example.com/", "events": ["account.created"]}


async def test_a_key_is_the_projects_own(house: House, proctor: Linked) -> None:
    """Two projects may use the same key for different requests."""
    mallory = await house.link("mallory", tenant="mallory")
    headers = {"idempotency-key": "k"}
    first = await proctor.api("POST", "/v1/webhooks", json=BODY, headers=headers)
    second = await mallory.api("POST", "/v1/webhooks", json=BODY, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert "idempotent-replayed" not in second.headers


async def test_a_key_under_one_path_is_not_one_under_another(proctor: Linked) -> None:
    """The same key on another path is another request."""
    order = await proctor.send_test()
    headers = {"idempotency-key": "k"}
    first = await proctor.api("POST", f"/v1/orders/{order}/status", json={"status": "accepted"}, headers=headers)
    other = await proctor.api("POST", "/v1/orders/nope/status", json={"status": "accepted"}, headers=headers)

    assert first.status_code == 200
    assert (other.status_code, other.json()["errorCode"]) == (409, "IdempotencyKeyReused")


async def test_the_stored_response_is_encrypted(proctor: Linked) -> None:
    """The stored response is encrypted, since it may contain a secret."""
    made = await proctor.api("POST", "/v1/webhooks", json=BODY, headers={"idempotency-key": "k"})
    store = proctor.house.app.state.ctx.store
    rows = await store.read(lambda tx: tx.all("SELECT * FROM idempotency_keys"))

    assert made.json()["secret"].startswith("whsec_")
    assert len(rows) == 1
    assert made.json()["secret"] not in str([dict(row) for row in rows])


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_an_invalid_key_is_refused(proctor: Linked, key: str) -> None:
    """An invalid key gets 400 with the name of the header, and nothing is done."""
    answer = await proctor.api("POST", "/v1/webhooks", json=BODY, headers={"idempotency-key": key})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Idempotency-Key: ")
    assert (await proctor.api("GET", "/v1/webhooks")).json()["data"] == []


async def test_answers_are_kept_for_a_week_and_cleared_after_it(on_each_database: Linked) -> None:
    """A response is replayed for seven days; a later request deletes it a day after."""
    ctx = on_each_database.house.app.state.ctx
    project = (await ctx.store.read(lambda tx: tx.one("SELECT id FROM projects")))["id"]
    clearing = replace(ctx, chance=lambda: 0.0)
    for key in ("young", "old"):
        assert await idempotency.begin(ctx, project, key, "print") is None
        await idempotency.finish(ctx, project, key, Kept(201, "{}"))
    for key, hours in (("young", 7 * 24), ("old", 8 * 24 + 1)):
        sql = "UPDATE idempotency_keys SET created_at = created_at - $1 WHERE key = $2"
        await ctx.store.write(lambda tx, sql=sql, ms=hours * 3_600_000, key=key: tx.run(sql, ms, key))

    assert await idempotency.begin(clearing, project, "new", "print") is None
    assert await idempotency.begin(ctx, project, "young", "print") == Kept(201, "{}")
    assert await idempotency.begin(ctx, project, "old", "another print") is None


async def test_a_request_in_flight_holds_its_key(on_each_database: Linked) -> None:
    """A request in flight keeps its key until it ends or has been cut off."""
    ctx = on_each_database.house.app.state.ctx
    project = (await ctx.store.read(lambda tx: tx.one("SELECT id FROM projects")))["id"]
    assert await idempotency.begin(ctx, project, "k", "print") is None
    with pytest.raises(Conflict) as refused:
        await idempotency.begin(ctx, project, "k", "print")
    await ctx.store.write(lambda tx: tx.run("UPDATE idempotency_keys SET created_at = created_at - 61000"))

    assert refused.value.code == "RequestInFlight"
    assert await idempotency.begin(ctx, project, "k", "print") is None
