"""The documented key rotation with two gateways on one PostgreSQL under traffic."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import signal
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.house import ADA, RESULT, Neighbour, basic, neighbour
from tests.support.gateways import Gateway, gateway, set_up
from tests.support.postgres import Postgres

OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
#: orders that are placed at each gateway between two restarts
ORDERS = 3
#: between two orders while a gateway restarts
PAUSE_S = 0.1
INTEGRATION = {
    "tenant_id": "proctor",
    "package_id": "pkg_core_sql",
    "partner_username": "u",
    "callback_hosts": ["127.0.0.1"],
}


@dataclass
class Traffic:
    """Traffic of vendor and ATS over two gateways; each reads secrets that the other encrypted."""

    gateways: list[Gateway]
    client: httpx2.AsyncClient
    vendor: Neighbour
    key: str
    account: str
    token: str
    statuses: Counter[int] = field(default_factory=Counter)
    numbers: Any = field(default_factory=itertools.count)
    orders: int = 0
    kept: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)

    async def call(self, at: Gateway, method: str, path: str, *, user: str = "", **what: Any) -> httpx2.Response:
        headers = {"authorization": basic(user or self.key), "x-account-id": self.account, **what.pop("headers", {})}
        answer = await self.client.request(method, at.url + path, headers=headers, **what)
        self.statuses[answer.status_code] += 1
        assert answer.is_success, (method, path, answer.text)
        return answer

    async def round(self) -> None:
        """Each gateway encrypts secrets of every kind and the other reads them; then every stored answer is requested."""
        for here, there in (self.gateways, self.gateways[::-1]):
            password = {"partner_password": f"p{next(self.numbers)}"}
            await self.call(here, "PUT", "/v1/integrations/greenhouse", json=INTEGRATION | password)
            await self.call(there, "GET", "/v1/integrations/greenhouse")
            await self.keep(here)
            await asyncio.gather(*(self.order(here, there) for _ in range(ORDERS)))
        await self.ask_again()

    async def keep(self, at: Gateway) -> None:
        """Links a customer, whose token is in the stored answer."""
        number = next(self.numbers)
        customer = {"provider": "greenhouse", "origin_owner_id": f"n{number}", "origin_owner_name": "N"}
        headers = {"idempotency-key": f"key {number}"}
        answer = await self.call(at, "POST", "/v1/accounts", json=customer, headers=headers)
        self.kept[f"key {number}"] = customer, answer.text

    async def ask_again(self) -> None:
        for at, (key, (customer, text)) in itertools.product(self.gateways, self.kept.items()):
            again = await self.call(at, "POST", "/v1/accounts", json=customer, headers={"idempotency-key": key})
            assert (again.text, again.headers["idempotent-replayed"]) == (text, "true")

    async def order(self, here: Gateway, there: Gateway) -> None:
        """Places an order at one gateway and sends its result to the other."""
        test = {"partner_test_id": "pkg_core_sql", "candidate": ADA}
        test["url"] = f"{self.vendor.url}/take_home_tests/{next(self.numbers)}"
        path = "/external-trigger/greenhouse/send_test?tenant-id=proctor"
        placed = await self.call(here, "POST", path, user=self.token, json=test)
        order_id = placed.json()["partner_interview_id"]
        self.orders += 1
        await self.call(there, "PATCH", f"/unified/ats/assessments/orders/{order_id}/result", json=RESULT)
        path = f"/external-trigger/greenhouse/test_status?tenant-id=proctor&partner_interview_id={order_id}"
        await self.call(there, "GET", path, user=self.token)

    async def restart(self, one: Gateway, keys: str) -> None:
        """Restarts a gateway with other keys, while the other one accepts orders."""
        (other,) = [at for at in self.gateways if at is not one]
        over = asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                await self.order(other, other)
                await asyncio.sleep(PAUSE_S)

        meanwhile = asyncio.create_task(go_on())
        try:
            await self.nothing_was_postponed(one)
            assert await one.kill(signal.SIGTERM) == 0
            one.environment["GREENROOM_SECRET_KEY"] = keys
            await one.start()
        finally:
            over.set()
            await meanwhile

    async def nothing_was_postponed(self, at: Gateway) -> None:
        assert 'attempts_postponed_total{kind="sealed"}' not in (await self.call(at, "GET", "/metrics")).text

    async def delivered(self) -> list[dict[str, Any]]:
        """Returns every delivery, once none is pending."""
        async with asyncio.timeout(30):
            while True:
                found: list[dict[str, Any]] = []
                page: dict[str, Any] = {"next": ""}
                while page["next"] is not None:
                    path = f"/v1/deliveries?page_size=100{'&next=' + page['next'] if page['next'] else ''}"
                    page = (await self.call(self.gateways[0], "GET", path)).json()
                    found += page["data"]
                if all(one["state"] != "pending" for one in found):
                    return found
                await asyncio.sleep(0.1)


@pytest.mark.postgres
async def test_a_key_rotation_refuses_nothing(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """With old and new configuration side by side, no request is refused, no attempt used up, no stored answer lost."""
    url = postgres.create_database(migrated)
    async with AsyncExitStack() as stack:
        vendor = await stack.enter_async_context(neighbour())
        gateways = [await stack.enter_async_context(gateway(tmp_path / name, url)) for name in "ab"]
        for one in gateways:
            one.environment["GREENROOM_SECRET_KEY"] = OLD
        key, account, token = await set_up(gateways[0], vendor)
        await gateways[1].start()
        client = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        traffic = Traffic(gateways, client, vendor, key, account, token)

        await traffic.round()
        for keys in (f"{OLD},{NEW}", f"{NEW},{OLD}"):
            for one in gateways:
                await traffic.restart(one, keys)
                await traffic.round()
        resealed = await asyncio.gather(asyncio.to_thread(gateways[0].run, "keys", "reseal"), traffic.round())
        again = await asyncio.to_thread(gateways[0].run, "keys", "reseal")
        for one in gateways:
            await traffic.restart(one, NEW)
            await traffic.round()

        deliveries = await traffic.delivered()
        for one in gateways:
            await traffic.nothing_was_postponed(one)

    for table in ("installation", "account_tokens", "webhook_secrets", "idempotency_keys"):
        assert f"{table}." in resealed[0]
    assert again == "0 values resealed; the others were under the newest key already."
    assert not [status for status in traffic.statuses if status >= 400]
    assert len(deliveries) == 2 * traffic.orders  # to the webhook and to the ATS
    assert {(one["state"], one["attempts_made"]) for one in deliveries} == {("delivered", 1)}
    assert {attempt["status"] for one in deliveries for attempt in one["attempts"]} == {200}


@pytest.mark.postgres
async def test_a_worker_with_too_few_keys_leaves_deliveries_to_the_others(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> None:
    """After a skipped step the gateway without the new key answers 503, and every delivery arrives."""
    url = postgres.create_database(migrated)
    async with AsyncExitStack() as stack:
        vendor = await stack.enter_async_context(neighbour())
        behind, ahead = [await stack.enter_async_context(gateway(tmp_path / name, url)) for name in "ab"]
        behind.environment["GREENROOM_SECRET_KEY"] = OLD
        key, account, token = await set_up(behind, vendor)
        ahead.environment["GREENROOM_SECRET_KEY"] = f"{NEW},{OLD}"
        await ahead.start()
        client = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        traffic = Traffic([ahead, behind], client, vendor, key, account, token)
        ahead.run("keys", "reseal")

        refused = await client.get(f"{behind.url}/v1/integrations/greenhouse", headers={"authorization": basic(key)})
        for _ in range(20):
            await traffic.order(ahead, ahead)
        deliveries = await traffic.delivered()

    assert (refused.status_code, refused.json()["errorCode"]) == (503, "SecretUnreadable")
    assert {(one["state"], one["attempts_made"]) for one in deliveries} == {("delivered", 1)}
