"""An installation of Greenroom that things are done to: its database, its processes, one customer."""

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
#: the attempts that are under way, or were when their worker ended or the database did
UNDER_WAY = f"SELECT lease || id {LEASED}"


@dataclass
class Installation:
    """Processes are made with `serve` and `work`; all that are left are killed at the end."""

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
        """A vendor with a webhook and a package, and a customer."""
        async with open_context(Settings.from_environment(self.environment)) as ctx:
            self.key = await projects.create_key(ctx, name="chaos", project=TENANT)
            project = await projects.ensure(ctx, TENANT)
            values: dict[str, Any] = {
                "tenant_id": TENANT,
                "package_id": "pkg_core_sql",
                "partner_username": "u",
                "partner_password": "p",
                "callback_hosts": ("127.0.0.1",),
            }
            await integrations.put(ctx, project.id, "greenhouse", values)
            await webhooks.create(ctx, project.id, name="hook", url=f"{neighbours.url}/hook", events=(EVENT,))
            northwind = accounts.NewAccount("greenhouse", origin_owner_id="n", origin_owner_name="Northwind")
            account, self.token = await accounts.link(ctx, project.id, northwind)
            self.account_id = account.id

    async def serve(self, name: str = "serve", *, port: int | None = None, clock: Path | None = None) -> Process:
        """A gateway; `port` is one that it had before, and its clock is off by what the file `clock` says."""
        return await self._start(name, "serve", "--port", str(port or free_port()), ready="Greenroom:", clock=clock)

    async def work(self, name: str = "work") -> Process:
        """A worker."""
        return await self._start(name, "work", ready="Delivering as")

    async def start(self, names: Sequence[str]) -> None:
        """Several at once: `serve-…` and `work-…`."""
        await asyncio.gather(*(self.serve(name) if name.startswith("serve") else self.work(name) for name in names))

    async def again(self, ended: Process) -> Process:
        """A process like one that has ended, in its place."""
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
        """Kill what still runs."""
        for process in self.processes:
            await process.kill()

    @property
    def urls(self) -> list[str]:
        """Where it is served now."""
        return [process.url for process in self.processes if process.url and process.code is None]

    async def get(self, path: str, **parameters: Any) -> Any:
        """What the API answers the vendor."""
        return await self._ask("GET", path, params=parameters)

    async def post(self, path: str, asked: Any) -> Any:
        """What it answers to something that the vendor asks for."""
        return await self._ask("POST", path, json=asked)

    async def _ask(self, method: str, path: str, **what: Any) -> Any:
        async with httpx2.AsyncClient(
            base_url=self.urls[0], timeout=60, verify=False, headers={"authorization": basic(self.key)}
        ) as api:
            answer = await api.request(method, path, **what)
        assert answer.is_success, answer.text
        return answer.json()

    async def all(self, path: str) -> list[Any]:
        """Every entry of a list."""
        found: list[Any] = []
        page = await self.get(path, page_size=100)
        while True:
            found += page["data"]
            if page["next"] is None:
                return found
            page = await self.get(path, page_size=100, next=page["next"])

    async def sql(self, text: str) -> list[Any]:
        """A statement on the database itself, as an operator at its console; the first column of what it gives."""
        if self.database_url is None:
            return await asyncio.to_thread(self._sqlite, text)
        return await ask(self.database_url, text)

    def _sqlite(self, text: str) -> list[Any]:
        with closing(sqlite3.connect(self.directory / "data" / "greenroom.db", timeout=30)) as connection, connection:
            return [row[0] for row in connection.execute(text)]

    async def leases(self) -> set[str]:
        """See `UNDER_WAY`."""
        return set(await self.sql(UNDER_WAY))

    async def end_leases(self) -> None:
        """Let the time of a lease pass in the database."""
        ms = int(LEASE.total_seconds() * 1000)
        await self.sql(f"UPDATE deliveries SET due_at = due_at - {ms} WHERE id IN (SELECT id {LEASED})")


async def ask(url: str, text: str) -> list[Any]:
    """The first column of what a PostgreSQL database answers."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(text)]
    finally:
        await connection.close()


@asynccontextmanager
async def installed(
    stem: Stem, directory: Path, database_url: str | None, neighbours: Neighbours
) -> AsyncIterator[Installation]:
    """An installation with its customer, for as long as the block runs."""
    made = Installation(stem, directory, database_url)
    await made.link(neighbours)
    try:
        yield made
    finally:
        await made.close()
