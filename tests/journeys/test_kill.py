"""`kill -9` at random moments under load: nothing that was accepted is lost, ids stay, on both databases."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.house import ADA, LOOPBACK, RESULT, Neighbour, basic, neighbour
from tests.support.postgres import Postgres

ROUNDS = 3
ORDERS = 120


class Gateway:
    """`greenroom serve` as a process of its own, on a fixed port so that it can come back."""

    def __init__(self, data: Path, database_url: str | None) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")},
            "GREENROOM_DATA_DIR": str(data),
            "GREENROOM_ALLOW_PRIVATE_NETWORKS": LOOPBACK,
            "GREENROOM_ALLOW_HTTP": "1",
            "GREENROOM_RATE_LIMIT": "0",
            **({"GREENROOM_DATABASE_URL": database_url} if database_url else {}),
        }
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "greenroom", *arguments], capture_output=True, text=True, env=self.environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async def start(self) -> None:
        port = self.url.rpartition(":")[2] or "0"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "greenroom", "serve", "--port", port,
            env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            line = (await self._process.stdout.readline()).decode()
        assert line.startswith("Greenroom: http"), line
        self.url = line.split()[1]

    async def kill(self, number: int = signal.SIGKILL) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(30):
            code = await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]
        return code


@asynccontextmanager
async def gateway(data: Path, database_url: str | None) -> AsyncIterator[Gateway]:
    one = Gateway(data, database_url)
    try:
        yield one
    finally:
        await one.kill()


async def set_up(one: Gateway, vendor: Neighbour) -> tuple[str, str, str]:
    """Key, account and token of a project with a webhook and a static package."""
    key = one.run("keys", "create", "--name", "kill")
    await one.start()
    async with httpx2.AsyncClient(base_url=one.url, headers={"authorization": basic(key)}, timeout=20) as api:
        integration = {
            "tenant_id": "proctor",
            "package_id": "pkg_core_sql",
            "partner_username": "u",
            "partner_password": "p",
            "callback_hosts": ["127.0.0.1"],
        }
        assert (await api.put("/v1/integrations/greenhouse", json=integration)).status_code == 200
        hook = {"name": "h", "url": f"{vendor.url}/hook", "events": ["ats_assessments.created"]}
        assert (await api.post("/v1/webhooks", json=hook)).status_code == 201
        customer = {"provider": "greenhouse", "origin_owner_id": "n", "origin_owner_name": "Northwind"}
        account = (await api.post("/v1/accounts", json=customer)).json()
    return key, account["id"], account["external_trigger_token"]


class Recruiter:
    """Sends tests and gives results until each is accepted; remembers what was answered."""

    def __init__(self, one: Gateway, greenhouse: Neighbour, key: str, account: str, token: str) -> None:
        self.gateway, self.greenhouse = one, greenhouse
        self.key, self.account, self.token = key, account, token
        self.accepted: dict[int, str] = {}
        self.resulted: set[str] = set()

    async def play(self, number: int, client: httpx2.AsyncClient) -> None:
        body: dict[str, Any] = {"partner_test_id": "pkg_core_sql", "candidate": ADA}
        body["url"] = f"{self.greenhouse.url}/take_home_tests/{number}"
        path = "/external-trigger/greenhouse/send_test?tenant-id=proctor"
        answer = await client.post(self.gateway.url + path, json=body, headers={"authorization": basic(self.token)})
        if answer.status_code != 200:
            return
        order = answer.json()["partner_interview_id"]
        assert self.accepted.setdefault(number, order) == order
        path = f"/unified/ats/assessments/orders/{order}/result"
        headers = {"authorization": basic(self.key), "x-account-id": self.account}
        answer = await client.patch(self.gateway.url + path, json=RESULT, headers=headers)
        if answer.status_code == 200:
            self.resulted.add(order)

    async def load(self, numbers: list[int]) -> None:
        """All of them at once, each once; what is cut off is cut off."""
        async with httpx2.AsyncClient(timeout=20) as client:
            await asyncio.gather(*(self.play(number, client) for number in numbers), return_exceptions=True)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_kill_under_load(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Killed three times in the middle of 120 orders; every one that was answered is there, delivered and complete."""
    url = None
    if database == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database(request.getfixturevalue("migrated"))
    async with neighbour() as greenhouse, neighbour() as vendor, gateway(tmp_path / "data", url) as one:
        recruiter = Recruiter(one, greenhouse, *await set_up(one, vendor))
        for attempt in range(ROUNDS):
            loading = asyncio.create_task(recruiter.load(list(range(ORDERS))))
            reached = len(vendor.heard) + random.Random(attempt).randrange(5, 40)
            while len(vendor.heard) < reached and not loading.done():
                await asyncio.sleep(0.001)
            await one.kill()
            await loading
            await one.start()
        await recruiter.load(list(range(ORDERS)))

        assert len(recruiter.accepted) == ORDERS
        assert len(set(recruiter.accepted.values())) == ORDERS
        await all_delivered(recruiter, vendor, greenhouse)


async def all_delivered(recruiter: Recruiter, vendor: Neighbour, greenhouse: Neighbour) -> None:
    """Leases of killed workers run out, and then nothing is missing anywhere."""
    orders = set(recruiter.accepted.values())
    tests = {f"/take_home_tests/{number}" for number in recruiter.accepted}
    async with asyncio.timeout(100):
        while True:
            told = {heard.json["record_id"] for heard in vendor.heard}
            pushed = {heard.path for heard in greenhouse.heard}
            if told == orders and pushed == tests:
                break
            assert told <= orders
            await asyncio.sleep(0.1)
    assert recruiter.resulted == orders
    ids = {(heard.headers["webhook-id"], heard.json["record_id"]) for heard in vendor.heard}
    assert len(ids) == len(orders)  # a repeat carries the id of the first


async def test_a_stop_is_quiet_and_finishes_what_is_under_way(tmp_path: Path) -> None:
    """SIGTERM in the middle of a delivery: it ends well, is on record, and the process exits with 0."""
    async with neighbour() as vendor, gateway(tmp_path / "data", None) as one:
        key, account, token = await set_up(one, vendor)
        under_way, go_on = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            under_way.set()
            await go_on.wait()

        vendor.inside = hold
        recruiter = Recruiter(one, vendor, key, account, token)
        body = {"partner_test_id": "pkg_core_sql", "candidate": ADA}
        async with httpx2.AsyncClient(timeout=20) as client:
            path = f"{one.url}/external-trigger/greenhouse/send_test?tenant-id=proctor"
            assert (await client.post(path, json=body, headers={"authorization": basic(token)})).status_code == 200
        await under_way.wait()
        stopping = asyncio.create_task(one.kill(signal.SIGTERM))
        await asyncio.sleep(0)
        go_on.set()

        assert await stopping == 0
        vendor.inside = None
        await one.start()
        async with httpx2.AsyncClient(base_url=one.url, headers={"authorization": basic(recruiter.key)}) as api:
            (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
        assert (delivery["state"], len(delivery["attempts"])) == ("delivered", 1)
        assert len(vendor.heard) == 1
