"""An installation of Greenroom to break: its database, its processes, one customer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from greenroom.bootstrap import open_context
from greenroom.engine.slots import LEASE
from greenroom.services import accounts, integrations, projects, webhooks
from greenroom.settings import Settings
from tests.chaos.neighbours import Neighbours
from tests.chaos.processes import Process
from tests.house import LOOPBACK, basic
from tests.support.ports import free_port
from tests.support.stem import Stem

TENANT = "proctor"
EVENT = "ats_assessments.created"
LEASED = "FROM deliveries WHERE state = 'pending' AND lease IS NOT NULL"
#: query for the attempts in flight, or that were when their worker or the database ended
IN_FLIGHT = f"SELECT lease || id {LEASED}"


@dataclass
class Installation:
    """One customer's gateways and workers; `serve` and `work` start processes, and `close` kills the remaining ones."""

    stem: Stem
    directory: Path
    database_url: str | None = None
    key: str = ""
    token: str = ""
    account_id: str = ""
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            "GREENROOM_DATA_DIR": str(self.directory / "data"),
            "GREENROOM_ALLOW_PRIVATE_NETWORKS": LOOPBACK,
            "GREENROOM_ALLOW_HTTP": "1",
            "GREENROOM_RATE_LIMIT": "0",
            **({"GREENROOM_DATABASE_URL": self.database_url} if self.database_url else {}),
        }

    async def link(self, neighbours: Neighbours) -> None:
        """Creates a vendor with a webhook and a package, and links a customer."""
        async with open_context(Settings.from_environment(self.environment)) as ctx:
            self.key = await projects.create_key(ctx, name="chaos", project=TENANT)
            project = await projects.ensure(ctx, TENANT)
            values: dict[str, Any] = {
                "tenant_id": TENANT,
                "package_id": "pkg_core_sql",
                "settings": {"partner_username": "u", "partner_password": "p", "callback_hosts": ["127.0.0.1"]},
            }
            await integrations.put(ctx, project.id, "greenhouse", values)
            await webhooks.create(ctx, project.id, name="hook", url=f"{neighbours.url}/hook", events=(EVENT,))
            northwind = accounts.NewAccount("greenhouse", origin_owner_id="n", origin_owner_name="Northwind")
            account, self.token = await accounts.link(ctx, project.id, northwind)
            self.account_id = account.id

    async def serve(self, name: str = "serve", *, port: int | None = None, clock: Path | None = None) -> Process:
        """Starts a gateway; `port` is one that it had before, and the file `clock` has the offset of its clock."""
        return await self._start(name, "serve", "--port", str(port or free_port()), ready="Greenroom:", clock=clock)

    async def work(self, name: str = "work") -> Process:
        """Starts a worker."""
        return await self._start(name, "work", ready="Delivering as")

    async def start(self, names: Sequence[str]) -> None:
        """Starts several at once: `serve-…` and `work-…`."""
        await asyncio.gather(*(self.serve(name) if name.startswith("serve") else self.work(name) for name in names))

    async def again(self, ended: Process) -> Process:
        """Starts a process like one that has ended, in its place."""
        self.processes.remove(ended)
        if not ended.url:
            return await self.work(ended.name)
        return await self.serve(ended.name, port=int(ended.url.rpartition(":")[2]))

    async def _start(self, name: str, *arguments: str, ready: str, clock: Path | None = None) -> Process:
        log = self.directory / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        environment = self.stem.environment | self.environment
        pid = await self.stem.ask(
            arguments=arguments, environment=environment, log=str(log), clock=str(clock) if clock else ""
        )
        process = Process(self.stem, name, pid, log)
        self.processes.append(process)
        await process.ready(ready, before)
        return process

    async def close(self) -> None:
        """Kills the processes that still run."""
        for process in self.processes:
            await process.kill()

    @property
    def urls(self) -> list[str]:
        """Returns the URLs of the running gateways."""
        return [process.url for process in self.processes if process.url and process.code is None]

    async def get(self, path: str, **parameters: Any) -> Any:
        """Returns the API's answer to a GET of the vendor."""
        return await self._ask("GET", path, params=parameters)

    async def post(self, path: str, asked: Any) -> Any:
        """Returns the API's answer to a POST of the vendor."""
        return await self._ask("POST", path, json=asked)

    async def _ask(self, method: str, path: str, **what: Any) -> Any:
        async with httpx2.AsyncClient(
            base_url=self.urls[0], timeout=60, verify=False, headers={"authorization": basic(self.key)}
        ) as api:
            answer = await api.request(method, path, **what)
        assert answer.is_success, answer.text
        return answer.json()

    async def all(self, path: str) -> list[Any]:
        """Returns every entry of a list."""
        found: list[Any] = []
        page = await self.get(path, page_size=100)
        while True:
            found += page["data"]
            if page["next"] is None:
                return found
            page = await self.get(path, page_size=100, next=page["next"])

    async def sql(self, text: str) -> list[Any]:
        """Runs a statement on the database itself; returns the first column."""
        if self.database_url is None:
            return await asyncio.to_thread(self._sqlite, text)
        return await ask(self.database_url, text)

    def _sqlite(self, text: str) -> list[Any]:
        with closing(sqlite3.connect(self.directory / "data" / "greenroom.db", timeout=30)) as connection, connection:
            return [row[0] for row in connection.execute(text)]

    async def leases(self) -> set[str]:
        """Returns the attempts of `IN_FLIGHT`."""
        return set(await self.sql(IN_FLIGHT))

    async def end_leases(self) -> None:
        """Moves the leases in the database back by their length, so that they have expired."""
        ms = int(LEASE.total_seconds() * 1000)
        await self.sql(f"UPDATE deliveries SET due_at = due_at - {ms} WHERE id IN (SELECT id {LEASED})")


async def ask(url: str, text: str) -> list[Any]:
    """Returns the first column of a query on a PostgreSQL database."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(text)]
    finally:
        await connection.close()


@asynccontextmanager
async def installed(
    stem: Stem, directory: Path, database_url: str | None, neighbours: Neighbours
) -> AsyncIterator[Installation]:
    """Runs an installation with its customer for the block."""
    made = Installation(stem, directory, database_url)
    await made.link(neighbours)
    try:
        yield made
    finally:
        await made.close()
