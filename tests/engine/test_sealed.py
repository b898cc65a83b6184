"""A secret that this process cannot open: deliveries wait for it, and requests are answered 503."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import postponed
from greenroom.security.vault import Vault
from greenroom.services import breakers, installation
from greenroom.store.installation import SEALED
from tests.house import House, Linked, open_house, webhook

OURS, OTHER = os.urandom(32), os.urandom(32)
#: more than the retry schedule has attempts, and than open a breaker
OFTEN = 12


@pytest.fixture
async def any_house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A gateway with one key, on each database."""
    url = database_url if database_url.startswith("postgresql") else None
    async with open_house(tmp_path, url, secret_key=(base64.b64encode(OURS).decode(),)) as one:
        yield one


async def seal_under(ctx: Context, table: str, *keys: bytes) -> None:
    """Put a table's secrets under another key, as a process does that has more keys than this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "SEALED", [where for where in SEALED if where.table == table])
        columns = await installation.reseal(ctx.store, Vault(keys))
    assert sum(one.resealed for one in columns) > 0


def postponed_total() -> float:
    return REGISTRY.get_sample_value("greenroom_attempts_postponed_total", {"kind": "sealed"}) or 0.0


async def deliver(linked: Linked, lane: str, destination: str) -> str:
    """Have something sent to a webhook or to the ATS whose secret is unreadable; the delivery's id."""
    order = await linked.send_test() if lane == "vendor" else None
    if order is None:
        order = (await linked.api("GET", "/v1/orders")).json()["data"][0]["id"]
        assert (await linked.give_result(order)).status_code == 200
    found = (await linked.api("GET", f"/v1/deliveries?destination_id={destination}")).json()["data"]
    return str(found[0]["id"])


@pytest.mark.parametrize(("lane", "table"), [("vendor", "webhook_secrets"), ("ats", "account_tokens")])
async def test_a_delivery_waits_for_the_key_and_then_arrives(
    any_house: House, monkeypatch: pytest.MonkeyPatch, lane: str, table: str
) -> None:
    """Tried again and again without using up an attempt, logged once; then it goes as if nothing had been."""
    monkeypatch.setattr(postponed, "DESTINATION_PAUSE_S", 0.0)
    ctx: Context = any_house.app.state.ctx
    proctor = await any_house.link("proctor", package_id="pkg_core_sql")
    destination = (await webhook(proctor))["id"]
    if lane == "ats":
        await proctor.send_test()
        await any_house.vendor.receive(1)
        destination = proctor.account_id
    await seal_under(ctx, table, OTHER, OURS)

    before = postponed_total()
    with capture_logs() as lines:
        delivery = await deliver(proctor, lane, destination)
        async with asyncio.timeout(30):
            while postponed_total() - before < OFTEN:
                await asyncio.sleep(0.02)
        waiting = (await proctor.api("GET", f"/v1/deliveries/{delivery}")).json()
    await seal_under(ctx, table, OURS, OTHER)
    async with asyncio.timeout(20):
        while not (done := (await proctor.api("GET", f"/v1/deliveries/{delivery}")).json())["attempts"]:
            await asyncio.sleep(0.02)

    assert (waiting["state"], waiting["attempts"]) == ("pending", [])
    assert table in waiting["last_error"]
    assert "GREENROOM_SECRET_KEY" in waiting["last_error"]
    assert [(one["number"], one["status"]) for one in done["attempts"]] == [(1, 200)]
    condition = (await breakers.conditions(ctx, [destination]))[destination]
    assert (condition.state, condition.consecutive_failures) == ("closed", 0)
    (logged,) = [line for line in lines if line["event"] == "attempts_postponed"]
    assert (logged["kind"], logged["log_level"]) == ("sealed", "error")


async def test_a_request_that_needs_the_secret_gets_503(any_house: House) -> None:
    """Vendor's, ATS's and a customer's in the hub; the log names the cause, and then they are served."""
    ctx: Context = any_house.app.state.ctx
    proctor = await any_house.link("proctor", package_id="pkg_core_sql")
    session = {"origin_owner_id": "proctor-1", "origin_owner_name": "N", "provider": "greenhouse"}
    token = (await proctor.api("POST", "/connect_sessions", json=session)).json()["token"]
    customer = {"x-hub-session-token": token}
    for table in ("integrations", "account_tokens"):
        await seal_under(ctx, table, OTHER, OURS)

    with capture_logs() as lines:
        api = await proctor.api("GET", "/v1/integrations/greenhouse")
        ats = await proctor.call("send_test", json=proctor.test_body())
        hub = await any_house.client.get("/hub/connectors", headers=customer)
    for table in ("integrations", "account_tokens"):
        await seal_under(ctx, table, OURS, OTHER)

    for answer in (api, ats, hub):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "operator" in answer.text
    assert api.json()["errorCode"] == "SecretUnreadable"
    assert hub.json()["statusCode"] == 503
    causes = [line for line in lines if line["event"] == "secret_unreadable"]
    assert len(causes) == 3
    assert all("GREENROOM_SECRET_KEY" in line["cause"] for line in causes)
    assert token not in str(lines)
    assert (await proctor.api("GET", "/v1/integrations/greenhouse")).status_code == 200
    assert (await proctor.call("send_test", json=proctor.test_body())).status_code == 200
    assert (await any_house.client.get("/hub/connectors", headers=customer)).status_code == 200
