"""A customer's browser at the hub: calls its API with a session's token, from a page of the vendor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.house import House, Linked

ORIGIN = "https://app.vendor.example"
OWNER = {"origin_owner_id": "cust-7", "origin_owner_name": "Hemlock & Rye"}


@dataclass
class Customer:
    """A browser with a session's token; `session` is the answer that created it."""

    house: House
    session: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    origin: str | None = ORIGIN

    @classmethod
    async def open(cls, linked: Linked, *, origin: str | None = ORIGIN, **session: Any) -> Customer:
        """Opens a connect session as the vendor's backend does."""
        answer = await linked.api("POST", "/connect_sessions", json={**OWNER, **session})
        assert answer.status_code == 201, answer.text
        return cls(linked.house, answer.json(), answer.json()["token"], origin)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """Calls the hub's API as a page does."""
        sent = {"x-hub-session-token": self.token, "origin": self.origin, **headers}
        given = {name: value for name, value in sent.items() if value is not None}
        more = {} if body is None else {"json": body}
        return await self.house.client.request(method, f"/hub{path}", headers=given, **more)

    async def get(self, path: str) -> Any:
        """Returns the JSON of a successful GET."""
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """Returns the JSON of a successful POST."""
        answer = await self.call("POST", path, {} if body is None else body)
        assert answer.status_code == 201, answer.text
        return answer.json()


async def allow(linked: Linked, *origins: str, **branding: str) -> None:
    """Allows origins to embed a project's hub."""
    body = {"allowed_origins": list(origins or (ORIGIN,)), "branding": branding}
    answer = await linked.api("PUT", "/v1/hub", json=body)
    assert answer.status_code == 200, answer.text
