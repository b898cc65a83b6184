"""Webhook endpoints."""

from __future__ import annotations

import asyncio
import hmac
import json
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiohttp import web

from greenroom.model.events import NAMES, TEST
from greenroom.security.signatures import is_genuine, webhook_headers

SECRET = "whsec_" + b64encode(b"w" * 32).decode()


class Receiving:
    """A good webhook endpoint: verifies Standard Webhooks, stores each event once, ignores unknown names."""

    failing: ClassVar[set[str]] = set()
    warning: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.calls = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if request.method != "POST":
            return web.Response(status=405)
        body = await request.read()
        headers = {name.lower(): text for name, text in request.headers.items()}
        if not self.is_genuine(headers, body):
            return web.Response(status=401)
        try:
            event = json.loads(body)
        except ValueError:
            return web.Response(status=400)
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            return web.Response(status=400)
        return await self.take(event, headers.get("webhook-id", ""), len(body))

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        return is_genuine(headers, body, [SECRET], now=datetime.now(UTC))

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        self.events.add(event_id)
        return web.Response(status=204)


class StackoneOnly(Receiving):
    """A good webhook endpoint that knows x-stackone-signature only, which has no time."""

    warning: ClassVar = {f"webhook.signature-{one}" for one in ("old", "future", "id")}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        expected = urlsafe_b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode().rstrip("=")
        return hmac.compare_digest(expected.encode(), headers.get("x-stackone-signature", "").encode())


class Trusting(Receiving):
    failing: ClassVar = {
        f"webhook.signature-{one}" for one in ("missing", "empty", "wrong", "part", "body", "malformed")
    }
    warning: ClassVar = StackoneOnly.warning

    def is_genuine(self, _: Mapping[str, str], __: bytes) -> bool:
        return True


class Timeless(Receiving):
    failing: ClassVar = {"webhook.signature-old", "webhook.signature-future"}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        sent = headers.get("webhook-timestamp", "")
        if not sent.isdigit() or len(sent) > 12:
            return False
        return is_genuine(headers, body, [SECRET], now=datetime.fromtimestamp(int(sent), UTC))


class Reserialising(Receiving):
    failing: ClassVar = {"webhook.signature-bytes"}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            parsed = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
        except ValueError:
            return False
        return super().is_genuine(headers, parsed)


class FirstOnly(Receiving):
    failing: ClassVar = {"webhook.rotation-before", "webhook.signature-versions"}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        first = headers.get("webhook-signature", "").partition(" ")[0]
        return super().is_genuine({**headers, "webhook-signature": first}, body)


class Prefix(Receiving):
    failing: ClassVar = {"webhook.signature-part"}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        sent, given = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")
        if not sent.isdigit() or abs(int(sent) - datetime.now(UTC).timestamp()) > 300:
            return False
        right = webhook_headers(event_id=headers["webhook-id"], sent_at=int(sent), body=body, secrets=[SECRET])
        expected = right["webhook-signature"]
        return any(len(one) > 3 and expected.startswith(one) for one in given.split())


class TimestampCrash(Receiving):
    failing: ClassVar = {"webhook.signature-malformed"}

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        if headers.get("webhook-timestamp") == "yesterday":
            raise web.HTTPInternalServerError
        return super().is_genuine(headers, body)


class KnownNamesOnly(Receiving):
    failing: ClassVar = {"webhook.event-unknown"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        return web.Response(status=204 if event["event"] in (*NAMES, TEST) else 422)


class UniqueKey(Receiving):
    failing: ClassVar = {"webhook.repeated", "webhook.repeated-together"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        try:
            if event_id in self.events:
                raise sqlite3.IntegrityError("UNIQUE constraint failed: events.id")
        except sqlite3.IntegrityError:
            return web.Response(status=500)
        return await super().take(event, event_id, size)


class NeedsRequester(Receiving):
    failing: ClassVar = {"webhook.null-fields", "webhook.generated"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        try:
            if "event_data" in event:
                event["event_data"]["requester"]["email"]
        except TypeError:
            return web.Response(status=500)
        return await super().take(event, event_id, size)


class SmallBodies(Receiving):
    failing: ClassVar = {"webhook.large-body"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        return web.Response(status=413) if size > 100_000 else await super().take(event, event_id, size)


class LatinOnly(Receiving):
    failing: ClassVar = {"webhook.unicode-names", "webhook.generated"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        name = (event.get("event_data") or {}).get("candidate", {}).get("last_name") or ""
        try:
            name.encode("latin-1")
        except UnicodeEncodeError:
            return web.Response(status=500)
        return await super().take(event, event_id, size)


class StrictFields(Receiving):
    failing: ClassVar = {"webhook.unknown-fields"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        return web.Response(status=422) if "added_later" in event else await super().take(event, event_id, size)


class KnownOrdersOnly(Receiving):
    failing: ClassVar = {"webhook.event-updated", "webhook.out-of-order"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        if event["event"].endswith(".updated") and event["record_type"].startswith("ats_"):
            return web.Response(status=404)
        return await super().take(event, event_id, size)


class Templates(Receiving):
    failing: ClassVar = {"webhook.generated"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        title = (event.get("event_data") or {}).get("job", {}).get("title") or ""
        return web.Response(status=500) if "{{" in title else await super().take(event, event_id, size)


class Page(Receiving):
    warning: ClassVar = {"webhook.answer-small"}

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        return web.Response(text="<p>thank you</p>" * 500)


class Serial(Receiving):
    failing: ClassVar = {"webhook.concurrent"}

    def __init__(self) -> None:
        super().__init__()
        self.running = 0

    async def take(self, event: dict[str, Any], event_id: str, size: int) -> web.Response:
        self.running += 1
        try:
            await asyncio.sleep(0.3 if self.running > 1 else 0)
            return web.Response(status=503 if self.running > 3 else 204)
        finally:
            self.running -= 1


GOOD = [Receiving, StackoneOnly]
BROKEN = [
    Trusting, Timeless, Reserialising, FirstOnly, Prefix, TimestampCrash, KnownNamesOnly, UniqueKey, NeedsRequester,
    SmallBodies, LatinOnly, StrictFields, KnownOrdersOnly, Templates, Page, Serial,
]  # fmt: skip
