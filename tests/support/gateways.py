"""`greenroom serve` as a process, and a project on it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from tests.house import LOOPBACK, Neighbour, basic
from tests.support import processes, stem


class Gateway:
    """`greenroom serve` as a process, on a fixed port so that it can be restarted."""

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
        """Runs a command, and returns its output."""
        done = stem.greenroom(*arguments, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async def start(self) -> None:
        """Starts the process, and waits until it answers."""
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

    def send(self, number: int) -> None:
        """Sends a signal to the process."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def pause(self) -> None:
        """Suspends the process; SIGCONT resumes it."""
        assert self._process is not None
        await processes.pause(self._process.pid)

    async def kill(self, number: int = signal.SIGKILL) -> int:
        """Ends the process; returns its exit code."""
        self.send(number)
        assert self._process is not None
        async with asyncio.timeout(30):
            code = await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]
        return code


@asynccontextmanager
async def gateway(data: Path, database_url: str | None) -> AsyncIterator[Gateway]:
    """Yields a gateway that is not started yet, and kills it at the end."""
    one = Gateway(data, database_url)
    try:
        yield one
    finally:
        await one.kill()


async def set_up(one: Gateway, vendor: Neighbour) -> tuple[str, str, str]:
    """
    Starts the gateway with a project, a webhook and a static package.

    Returns the project's key, account and token.
    """
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
