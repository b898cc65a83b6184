"""The simulator in its own process, and a partner whose replies a test can choose."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web

KEY = "gr_key"
STATUS: dict[str, Any] = {
    "partner_status": "complete",
    "partner_profile_url": "https://results.proctor-tests.com/r/1",
    "partner_score": 82.5,
    "metadata": {"Started At": "09:05 AM", "Completed At": "09:51 AM", "Notes": "fine", "Rank": 3},
}


@dataclass
class Partner:
    """A partner that gives the configured replies and records the requests."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)
    interviews: int = 0

    def get_requests(self, call: str) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Returns the requests of one call: method, path with query, headers, body."""
        return [one for one in self.requests if one[1].split("?")[0] == f"/{call}"]

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): text for name, text in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers, await request.read()))
        call = request.path.strip("/")
        if call == "send_test":
            self.interviews += 1
        usual: dict[str, Any] = {
            "list_tests": [{"partner_test_id": "sql", "partner_test_name": "SQL"}],
            "send_test": {"partner_interview_id": f"int/{self.interviews}"},
            "test_status": {"partner_status": "sent"},
        }
        reply = self.replies.get(call, usual.get(call, {}))
        if isinstance(reply, web.Response):
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        return web.json_response(reply) if not isinstance(reply, bytes) else web.Response(body=reply)


@dataclass
class Greenhouse:
    """A client of the simulator's API."""

    client: httpx2.AsyncClient
    url: str
    partner: Partner
    partner_id: int = 0
    username: str = ""
    password: str = ""
    stage_id: int = 0

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = await self.client.request(method, f"/api{path}", content=None if body is None else json.dumps(body))
        assert answer.status_code == status if status else answer.is_success, answer.text
        return answer.json()

    async def connect(self, **partner: Any) -> None:
        """Adds a partner with a key and a stage, and moves candidate 26234702 into it."""
        urls = {
            f"{call}_url": f"{self.partner.url}/{call}?tenant-id=acme"
            for call in ("list_tests", "send_test", "test_status", "response_error")
        }
        made = await self.call("POST", "/partners", {"name": "Codely", **urls, **partner}, status=201)
        self.partner_id, self.username, self.password = made["id"], made["username"], made["password"]
        await self.call("PUT", f"/organizations/101/partners/{self.partner_id}", {"key": KEY})
        stage = await self.call(
            "POST", "/jobs/4001/stages", {"kind": "partner", "partner_id": self.partner_id}, status=201
        )
        self.stage_id = stage["id"]
        await self.call("POST", "/applications/26234702/move", {"stage_id": self.stage_id})

    async def send(self, application: int = 26234702, **form: Any) -> Any:
        return await self.call("POST", f"/applications/{application}/send-test", {"test_id": "sql", **form})

    async def sent(self) -> int:
        """Sends a test and returns its take-home id."""
        answer = await self.send()
        assert answer["ok"], answer
        return int(answer["take_home"]["id"])

    async def inject(self, kind: str, **fault: Any) -> Any:
        """Injects a fault, by default for one call."""
        return await self.call("POST", "/faults", {"kind": kind, "count": 1, **fault}, status=201)

    async def complete(self, take_home: int, user: str | None = None, password: str | None = None) -> int:
        """Sends the partner's PATCH and returns the status of the answer."""
        path = f"/integrations/testing_partners/take_home_tests/{take_home}"
        auth = (self.username if user is None else user, self.password if password is None else password)
        return (await self.client.patch(path, auth=auth)).status_code

    async def take_home(self, take_home: int) -> Any:
        return await self.call("GET", f"/take-homes/{take_home}")

    async def kit_rows(self, take_home: int) -> dict[str, Any]:
        return {row["label"]: row["text"] for row in (await self.call("GET", f"/take-homes/{take_home}/kit"))["rows"]}


async def open_dialog(greenhouse: Greenhouse) -> Any:
    """Opens the *Send test* dialog of candidate 26234702."""
    return await greenhouse.call("POST", "/applications/26234702/send-test/open", {})


@asynccontextmanager
async def simulator(*arguments: str) -> AsyncIterator[str]:
    """Runs `greenroom-sandbox` on a free port and yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "greenroom_sandbox", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    try:
        assert line.startswith("Greenhouse simulator: http://127.0.0.1:"), line
        yield line.split()[2]
    finally:
        process.terminate()
        assert await process.wait() == 0
        process._transport.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def listening_partner() -> AsyncIterator[Partner]:
    """Runs the partner's server."""
    partner = Partner()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", partner.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield partner
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    """The address of one simulator for a module's tests."""
    async with simulator() as url:
        yield url


@pytest.fixture
async def greenhouse(address: str, tmp_path: Path) -> AsyncIterator[Greenhouse]:
    """The simulator at its seed with a frozen clock; the partner is not connected yet."""
    async with listening_partner() as partner, httpx2.AsyncClient(base_url=address, timeout=40, verify=False) as client:
        one = Greenhouse(client, address, partner)
        await one.call("POST", "/reset", {"now": "2026-11-24T10:00:00Z"})
        yield one


@pytest.fixture
async def connected(greenhouse: Greenhouse) -> Greenhouse:
    """The simulator with a connected partner and a candidate in its stage."""
    await greenhouse.connect()
    return greenhouse
