"""What an API key may do: its scope and its expiry."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.routing import APIRoute

from greenroom.api import build_routers
from greenroom.api.callers import KeyedRoute
from greenroom.api.scopes import ADMINISTERING, READING, needed_scope
from greenroom.model.projects import Scope
from greenroom.services import projects
from tests.house import House, Linked, basic, webhook

ROUTES = [route for router in build_routers() for route in router.routes if isinstance(route, APIRoute)]
KEYED = [route for route in ROUTES if isinstance(route, KeyedRoute)]


async def with_scope(house: House, scope: Scope, project: str = "proctor") -> Linked:
    """A key of a project with a scope."""
    key = await projects.create_key(house.app.state.ctx, name=scope, project=project, scope=scope)
    return Linked(house, key, "proctor")


def test_every_listed_operation_exists() -> None:
    """A renamed one would silently need less."""
    assert {route.operation_id for route in KEYED} >= READING | ADMINISTERING


async def test_each_route_refuses_a_lesser_key(house: House, proctor: Linked) -> None:
    """Before it reads a body or looks anything up; the message names the scope. An admin key is never refused so."""
    keys: dict[Scope, Linked] = {scope: await with_scope(house, scope) for scope in ("read", "write", "admin")}
    refused = {"read": 0, "write": 0, "admin": 0}
    for route in KEYED:
        path = re.sub(r"\{\w+:int\}", "1", route.path)
        path = re.sub(r"\{\w+(:path)?\}", "greenhouse", path)
        for method in route.methods:
            needed = needed_scope(method, route.operation_id)
            for scope, linked in keys.items():
                answer = await linked.api(method, path, headers={"x-account-id": proctor.account_id})
                is_enough = ["read", "write", "admin"].index(scope) >= ["read", "write", "admin"].index(needed)
                assert (answer.status_code == 403) is not is_enough, (method, path, scope, answer.text)
                if not is_enough:
                    refused[scope] += 1
                    assert f"needs {needed}" in answer.json()["message"]
                    assert answer.json()["errorCode"] == "ScopeMissing"

    assert refused["read"] > refused["write"] > refused["admin"] == 0


async def test_a_reveal_needs_an_admin_key(house: House, proctor: Linked) -> None:
    """However `true` is spelled; the masked view does not."""
    writer = await with_scope(house, "write")
    path = f"/v1/accounts/{proctor.account_id}"

    for spelling in ("true", "1", "YES", "on", "t"):
        assert (await writer.api("GET", f"{path}?reveal={spelling}")).status_code == 403, spelling
    assert (await writer.api("GET", f"{path}?reveal=false&reveal=true")).status_code == 403
    assert (await writer.api("GET", "/v1/integrations/greenhouse?reveal=true")).status_code == 403
    assert (await writer.api("GET", f"{path}?reveal=false")).json()["external_trigger_token"] == "********"
    assert (await proctor.api("GET", f"{path}?reveal=true")).json()["external_trigger_token"] == proctor.token


async def test_a_repeated_answer_is_not_shown_to_a_lesser_key(house: House, proctor: Linked) -> None:
    """Its `Idempotency-Key` may be known, and the answer has a secret."""
    writer = await with_scope(house, "write")
    body = {"name": "x", "url": f"{house.vendor.url}/x", "events": ["ats_assessments.created"]}
    headers = {"idempotency-key": "one"}

    made = await proctor.api("POST", "/v1/webhooks", json=body, headers=headers)
    refused = await writer.api("POST", "/v1/webhooks", json=body, headers=headers)
    again = await proctor.api("POST", "/v1/webhooks", json=body, headers=headers)

    assert (made.status_code, refused.status_code) == (201, 403)
    assert "secret" not in refused.json()
    assert again.json() == made.json()


async def test_a_write_key_does_a_vendors_work(house: House, proctor: Linked) -> None:
    """It takes an order's result; a read key only looks."""
    await webhook(proctor)
    order_id = await proctor.send_test()
    writer, reader = await with_scope(house, "write"), await with_scope(house, "read")
    writer.account_id = reader.account_id = proctor.account_id

    assert (await reader.give_result(order_id)).status_code == 403
    assert (await writer.give_result(order_id)).status_code == 200
    assert (await reader.order(order_id))["status"] == "completed"


async def test_an_expired_key_is_unknown(house: House, proctor: Linked) -> None:
    """With the same answer as a wrong one; a time that has passed is refused when the key is created."""
    ctx = house.app.state.ctx
    soon = datetime.now(UTC) + timedelta(hours=1)
    key = await projects.create_key(ctx, name="short", project="proctor", expires_at=soon)

    before = await house.client.get("/v1/orders", headers={"authorization": basic(key)})
    await ctx.store.write(lambda tx: tx.run("UPDATE api_keys SET expires_at = created_at WHERE name = 'short'"))
    after = await house.client.get("/v1/orders", headers={"authorization": basic(key)})
    wrong = await house.client.get("/v1/orders", headers={"authorization": basic("gk_wrong")})

    assert before.status_code == 200
    assert after.status_code == wrong.status_code == 401
    assert after.json()["message"] == wrong.json()["message"]
    with pytest.raises(Exception, match="expires_at"):
        await projects.create_key(ctx, name="late", expires_at=soon - timedelta(days=1))
