"""
A whole gateway on a real socket, with both its neighbours: Greenhouse, and the vendor Proctor.

The cast: employer *Northwind* uses Greenhouse, vendor *Proctor* sells tests, *Ada* is the candidate, and *Mallory* has
a project and an account of her own and must not see those of Proctor.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from aiohttp import web

from greenroom.app import build_app
from greenroom.server import Server
from greenroom.services import projects
from greenroom.settings import Settings
from tests.support import event_bodies, sqlite

LOOPBACK = "127.0.0.0/8"
PACKAGES = [{"id": "pkg_core_sql", "name": "SQL essentials (45 min)"}, {"id": "4711", "name": "Listening"}]
ADA = {
    "first_name": "Ada",
    "last_name": "Nguyễn-O'Neill",
    "preferred_name": None,
    "resume_url": None,
    "phone_number": None,
    "email": "ada@example.test",
    "greenhouse_profile_url": "https://app.greenhouse.io/people/17681532?application_id=26234709",
}
RESULT = {
    "score": {"value": "82.5"},
    "start_date": "2026-11-03T09:05:00Z",
    "submission_date": "2026-11-03T09:51:00Z",
    "summary": "Strong on joins.",
    "result": {"value": "passed"},
    "result_url": "https://results.proctor-tests.com/r/1",
}


def basic(user: str, password: str = "") -> str:
    """Returns an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Received:
    """A request that a neighbour received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Neighbour:
    """An HTTP server under the control of a test: it sends `answers` in turn and repeats the last one."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [(200, {}, b"{}")])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    #: what is wrong with events, according to the OpenAPI document
    misfits: list[str] = field(default_factory=list)
    #: coroutine function that is awaited before the answer, to inspect the gateway during the call
    inside: Any = None

    def will_answer(self, *answers: int | tuple[int, dict[str, str], bytes]) -> None:
        self.answers = [one if isinstance(one, tuple) else (one, {}, b"") for one in answers]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.received.append(
            Received(request.method, request.path_qs, {k.lower(): v for k, v in request.headers.items()}, body)
        )
        if "webhook-id" in request.headers:
            self.misfits += event_bodies.find_misfits(body)
        self.arrived.set()
        if self.inside is not None:
            await self.inside()
        status, headers, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:  # break the connection
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200, headers=headers, body=content)

    async def receive(self, count: int) -> list[Received]:
        """Waits until this many requests have arrived."""
        async with asyncio.timeout(20):
            while len(self.received) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.received


@asynccontextmanager
async def neighbour() -> AsyncIterator[Neighbour]:
    """Runs a neighbour on a free loopback port."""
    one = Neighbour()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", one.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    one.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield one
    finally:
        await runner.cleanup()
    assert not one.misfits, one.misfits


@dataclass
class Linked:
    """A project with its key, its integration and one linked account."""

    house: House
    key: str
    tenant: str
    account_id: str = ""
    token: str = ""

    async def api(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        headers = {"authorization": basic(self.key), **kwargs.pop("headers", {})}
        return await self.house.client.request(method, path, headers=headers, **kwargs)

    async def unified(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.api(method, f"/unified/ats{path}", headers={"x-account-id": self.account_id}, **kwargs)

    async def call(self, name: str, query: str = "", *, json: Any = None, token: str | None = None) -> httpx2.Response:
        """Makes one of the calls of Greenhouse."""
        joined = f"?tenant-id={self.tenant}{'&' + query if query else ''}"
        headers = {"authorization": basic(self.token if token is None else token)}
        path = f"/external-trigger/greenhouse/{name}{joined}"
        if name in ("list_tests", "test_status"):
            return await self.house.client.get(path, headers=headers)
        return await self.house.client.post(path, headers=headers, json=json)

    def test_body(self, number: int = 900417, **changes: Any) -> dict[str, Any]:
        """Returns a send_test body; keyword arguments replace top-level fields."""
        body = {
            "partner_test_id": "pkg_core_sql",
            "candidate": ADA,
            "sent_by": "rina@northwind.example",
            "url": f"{self.house.greenhouse.url}/integrations/testing_partners/take_home_tests/{number}",
        }
        return {**body, **changes}

    async def send_test(self, number: int = 900417, **changes: Any) -> str:
        """Sends a test as a recruiter does and returns the partner_interview_id."""
        answer = await self.call("send_test", json=self.test_body(number, **changes))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["partner_interview_id"])

    async def status(self, interview_id: str) -> dict[str, Any]:
        answer = await self.call("test_status", f"partner_interview_id={interview_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def give_result(self, order_id: str, result: Any = None, category: str = "assessments") -> httpx2.Response:
        return await self.unified("PATCH", f"/{category}/orders/{order_id}/result", json=result or RESULT)

    async def order(self, order_id: str) -> dict[str, Any]:
        answer = await self.api("GET", f"/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def becomes(self, order_id: str, **expected: Any) -> dict[str, Any]:
        """Waits until the order has these values."""
        async with asyncio.timeout(20):
            while True:
                order = await self.order(order_id)
                if all(order[name] == value for name, value in expected.items()):
                    return order
                await asyncio.sleep(0.02)


@dataclass
class House:
    """The gateway and its neighbours."""

    app: Any
    client: httpx2.AsyncClient
    greenhouse: Neighbour
    vendor: Neighbour
    settings: Settings

    async def link(self, project: str, *, tenant: str = "proctor", **integration: Any) -> Linked:
        """Creates a project with a configured integration and an account."""
        key = await projects.create_key(self.app.state.ctx, name="tests", project=project)
        linked = Linked(self, key, tenant)
        body = {
            "enabled": True,
            "authentication_type": "partner",
            "partner_category": "assessments",
            "tenant_id": tenant,
            "partner_username": "partner",
            "partner_password": "correct horse",
            "callback_hosts": ["127.0.0.1"],
            **({} if "packages_url" in integration else {"package_id": "pkg_static"}),
            **integration,
        }
        answer = await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
        assert answer.status_code == 200, answer.text
        answer = await linked.api(
            "POST",
            "/v1/accounts",
            json={"provider": "greenhouse", "origin_owner_id": f"{project}-1", "origin_owner_name": "Northwind"},
        )
        assert answer.status_code in (200, 201), answer.text
        linked.account_id, linked.token = answer.json()["id"], answer.json()["external_trigger_token"]
        return linked

    async def engine_once(self) -> int:
        """Attempts all due deliveries now."""
        return int(await self.app.state.engine.run_once())


async def webhook(linked: Linked, events: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    """Adds a webhook to Proctor."""
    body = {
        "name": "orders",
        "url": f"{linked.house.vendor.url}/hooks",
        "events": events or ["ats_assessments.created"],
        **changes,
    }
    answer = await linked.api("POST", "/v1/webhooks", json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


class _Server(Server):
    """A server that starts and stops without delay; uvicorn polls every 0.1 s."""

    async def open(self, listener: socket.socket) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        async with asyncio.timeout(20):
            await self.startup([listener])
        await self.on_tick(0)  # builds the default headers

    async def close(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(60):
            while self.server_state.connections or self.server_state.tasks:
                await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@asynccontextmanager
async def open_house(
    data: Path, database_url: str | None = None, *, port: int = 0, **settings: Any
) -> AsyncIterator[House]:
    """Runs a gateway on a port, or a free one, and its neighbours; stops them in order at the end."""
    if database_url is None:
        sqlite.create_database(data / "greenroom.db")
    values = {"data_dir": data, "database_url": database_url, "allow_private_networks": LOOPBACK, "allow_http": True}
    values["rate_limit"] = 0  # tests poll the gateway often
    configured = Settings.model_validate({**values, **settings})
    app = build_app(configured)
    server, listener = _Server(app), socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    async with neighbour() as greenhouse, neighbour() as vendor:
        await server.open(listener)
        try:
            # loading certificates takes longer than a request, and this server speaks plain HTTP
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False) as client:
                yield House(app, client, greenhouse, vendor, configured)
        finally:
            await server.close(listener)
