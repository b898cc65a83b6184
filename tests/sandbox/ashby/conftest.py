"""Ashby in its own process, and a partner whose replies a test can choose."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from aiohttp import web

TOKEN = "gr_partner_token"
TYPE = "5f9a3c1e-7a55-4f10-9d55-0c5f2d1b7a01"
#: candidate Zoë's application at Juniper Labs
ZOE = "a5b10005-0000-4000-8000-000000000002"
JUNIPER = "a5b10001-0000-4000-8000-000000000001"
FIELDS = [
    {"id": "language", "name": "Language", "type": "ValueSelect", "possible_values": [{"key": "en", "value": "English"}]},
    {"id": "note", "name": "Note to the vendor", "type": "LongText", "isRequired": False},
]  # fmt: skip


def value(identifier: str, kind: str, of: Any) -> dict[str, Any]:
    """Returns a labelled value of an update."""
    return {"identifier": identifier, "label": identifier.capitalize(), "type": kind, "value": of}


def started(timestamp: int) -> dict[str, Any]:
    return {"timestamp": timestamp, "assessment_status": value("status", "string", "Started")}


def scored(timestamp: int, score: float = 82.5) -> dict[str, Any]:
    return {
        "timestamp": timestamp,
        "assessment_status": value("status", "string", "Completed"),
        "assessment_result": value("score", "numeric_score", score),
        "assessment_profile_url": value("report", "url", "https://results.proctor-tests.com/r/1"),
        "metadata": [value("duration", "numeric_duration_minutes", 45), value("passed", "boolean_success", True)],
    }


@dataclass
class Partner:
    """A partner that gives the configured replies and records the requests."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)

    def get_bodies(self, call: str) -> list[Any]:
        """Returns the bodies of one call."""
        return [body for name, _, body in self.requests if name == call]

    async def answer(self, request: web.Request) -> web.Response:
        raw, call = await request.read(), request.path.rpartition("/")[2]
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
        self.requests.append((call, {name.lower(): text for name, text in request.headers.items()}, body))
        usual: dict[str, Any] = {
            "assessment.list": {"success": True, "results": [{"assessment_type_id": TYPE, "name": "SQL essentials"}]},
            "assessment.start": {"success": True, "results": {"assessment_id": str(uuid.uuid4())}},
            "assessment.cancel": {"success": True, "results": {"assessment_id": (body or {}).get("assessment_id")}}
            if isinstance(body, dict)
            else {},
            "customFields.fetch": {"success": True, "fields": FIELDS},
            "customField.list": {"success": True, "fields": FIELDS},
        }
        reply = self.replies.get(call, usual.get(call, {}))
        status = 200
        if isinstance(reply, tuple):
            status, reply = reply
        if isinstance(reply, bytes):
            return web.Response(status=status, body=reply)
        return web.json_response(reply, status=status)


@dataclass
class Ashby:
    """A client of the simulator's API."""

    client: httpx2.AsyncClient
    url: str
    partner: Partner
    partner_id: str = ""
    api_key: str = ""

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = await self.client.request(method, f"/api{path}", content=None if body is None else json.dumps(body))
        assert answer.status_code == status if status else answer.is_success, answer.text
        return answer.json()

    @property
    def integration(self) -> str:
        """The path of Juniper Labs' integration."""
        return f"/ashby/organizations/{JUNIPER}/partners/{self.partner_id}"

    async def connect(self, **partner: Any) -> None:
        """Enters a partner; the admin of Juniper Labs pastes its key and makes an API key."""
        values = {"name": "Codely", "base_url": f"{self.partner.url}/external-trigger/ashby/codely", **partner}
        self.partner_id = (await self.call("POST", "/ashby/partners", values, status=201))["id"]
        await self.call("PUT", self.integration, {"key": TOKEN})
        self.api_key = (await self.call("POST", f"{self.integration}/api-keys", {}, status=201))["key"]

    async def start(self, application: str = ZOE, **form: Any) -> Any:
        wanted = {"partner_id": self.partner_id, "assessment_type_id": TYPE, **form}
        return await self.call("POST", f"/ashby/applications/{application}/assessments", wanted)

    async def order(self) -> Any:
        """Starts an assessment and returns it."""
        answer = await self.start()
        assert answer["ok"], answer
        return answer["assessment"]

    async def assessment(self, of: Any) -> Any:
        return await self.call("GET", f"/ashby/assessments/{of['id']}")

    async def send(self, call: str, body: Any, key: str | None = None) -> httpx2.Response:
        """Makes a partner's call of Ashby's API."""
        headers = {"accept": "application/json; version=1", "content-type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        auth = (self.api_key if key is None else key, "")
        return await self.client.post(f"/ashby/api/{call}", content=content, auth=auth, headers=headers)

    async def update(self, of: Any, body: dict[str, Any]) -> Any:
        """Sends an update about an assessment and returns the answer's JSON."""
        answer = await self.send("assessment.update", {"assessment_id": of["partner_assessment_id"], **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def log(self, query: str) -> Any:
        return (await self.call("GET", f"/traffic?{query}"))["data"]

    async def inject(self, kind: str, **fault: Any) -> Any:
        return await self.call("POST", "/faults", {"kind": kind, "count": 1, **fault}, status=201)


@asynccontextmanager
async def listening_partner() -> AsyncIterator[Partner]:
    """Runs the partner's server."""
    partner = Partner()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", partner.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield partner
    await runner.cleanup()


@asynccontextmanager
async def running_ashby(address: str) -> AsyncIterator[Ashby]:
    """Yields Ashby at its seed with a frozen clock; the partner is not connected yet."""
    async with listening_partner() as partner, httpx2.AsyncClient(base_url=address, timeout=40, verify=False) as client:
        one = Ashby(client, address, partner)
        await one.call("POST", "/reset", {"now": "2026-11-24T10:00:00Z"})
        yield one


@pytest.fixture
async def ashby(address: str) -> AsyncIterator[Ashby]:
    """Ashby with a connected partner."""
    async with running_ashby(address) as one:
        await one.connect()
        yield one
