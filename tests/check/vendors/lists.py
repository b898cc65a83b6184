"""List endpoints."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import traceback
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiohttp import web

from greenroom.security.signatures import is_genuine

KEY = "list-key-4711"
SECRET = "whsec_" + b64encode(b"l" * 32).decode()
NAMES = ("SQL essentials", "Écoute", "日本語", "Typing", "Logic")


class Listing:
    """A good list endpoint: knows its caller by key and signature, and has three pages."""

    #: ids of the checks that must fail
    failing: ClassVar[set[str]] = set()
    warning: ClassVar[set[str]] = set()
    page = 2

    def __init__(self) -> None:
        self.calls = 0
        self.running = 0
        self.packages: list[dict[str, Any]] = [
            {"id": f"pkg_{index}", "name": name, "description": None} for index, name in enumerate(NAMES)
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if request.method != "POST":
            return self.other_method(request)
        body = await request.read()
        if not (self.knows_key(request) and self.knows_signature(request, body)):
            return web.json_response({"error": "unauthorized"}, status=401)
        try:
            asked = json.loads(body)
        except ValueError:
            return self.bad_request(request)
        if not isinstance(asked, dict) or not isinstance(asked.get("account_id"), str):
            return web.json_response({"error": "account_id: expected a text"}, status=400)
        return await self.answer(asked)

    def other_method(self, _: web.Request) -> web.Response:
        return web.json_response({"error": "use POST"}, status=405)

    def bad_request(self, _: web.Request) -> web.Response:
        return web.json_response({"error": "not JSON"}, status=400)

    def key(self, request: web.Request) -> str | None:
        try:
            kind, _, encoded = request.headers.get("authorization", "").partition(" ")
            return b64decode(encoded, validate=True).decode().removesuffix(":") if kind == "Basic" else None
        except ValueError:
            return None

    def knows_key(self, request: web.Request) -> bool:
        return self.key(request) == KEY

    def knows_signature(self, request: web.Request, body: bytes) -> bool:
        headers = {name.lower(): text for name, text in request.headers.items()}
        return is_genuine(headers, body, [SECRET], now=datetime.now(UTC))

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        try:
            start = int(asked.get("next") or 0)
        except (ValueError, TypeError):
            return web.json_response({"error": "unknown cursor"}, status=400)
        following = start + self.page
        return self.render(self.packages[start:following], str(following) if following < len(self.packages) else None)

    def render(self, packages: list[dict[str, Any]], following: str | None) -> web.Response:
        return web.json_response({"data": packages, "next": following})


class OnePage(Listing):
    """A good list endpoint of background checks on one page; it is open, and takes any cursor."""

    page = 100

    def knows_key(self, _: web.Request) -> bool:
        return True

    def knows_signature(self, _: web.Request, __: bytes) -> bool:
        return True

    async def answer(self, _: dict[str, Any]) -> web.Response:
        tests = [{"id": "t1", "name": "Criminal record"}]
        return self.render([one | {"tests": tests} for one in self.packages], None)


class NoNames(Listing):
    failing: ClassVar = {"packages.name-present"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[3]["name"] = " "


class NewIds(Listing):
    failing: ClassVar = {"packages.id-stable", "packages.concurrency"}

    def render(self, packages: list[dict[str, Any]], following: str | None) -> web.Response:
        return super().render([one | {"id": secrets.token_hex(4)} for one in packages], following)


class SameId(Listing):
    failing: ClassVar = {"packages.id-unique"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[1]["id"] = "pkg_0"


class SameName(Listing):
    failing: ClassVar = {"packages.name-unique"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[4]["name"] = self.packages[0]["name"]


class BlankId(Listing):
    failing: ClassVar = {"packages.id-plain"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[2]["id"] = "pkg_2 "


class Markup(Listing):
    failing: ClassVar = {"packages.name-plain"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[2]["name"] = "R&amp;D basics"


class Mojibake(Listing):
    failing: ClassVar = {"packages.text-readable"}

    def __init__(self) -> None:
        super().__init__()
        self.packages[2]["name"] = "Müller".encode().decode("latin-1")


class BareArray(Listing):
    failing: ClassVar = {"packages.envelope"}

    def render(self, packages: list[dict[str, Any]], following: str | None) -> web.Response:
        return web.json_response(packages)


class FirstPageAlways(Listing):
    failing: ClassVar = {"packages.next-followed"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        return await super().answer(asked | {"next": None})


class Endless(Listing):
    failing: ClassVar = {"packages.next-ends"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        start = int(asked.get("next") or 0) if str(asked.get("next") or 0).isdigit() else 0
        return self.render([{"id": f"pkg_{start}", "name": f"Package {start}"}], str(start + 1))


class LastPageFails(Listing):
    failing: ClassVar = {"packages.next-followed"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        return web.Response(status=500) if asked.get("next") == "4" else await super().answer(asked)


class Overlapping(Listing):
    failing: ClassVar = {"packages.next-repeats"}

    def __init__(self) -> None:
        super().__init__()
        self.packages.insert(2, self.packages[1])


class AnyKey(Listing):
    failing: ClassVar = {"packages.key-wrong", "packages.key-whole"}

    def knows_key(self, request: web.Request) -> bool:
        return bool(self.key(request))


class KeyPrefix(Listing):
    failing: ClassVar = {"packages.key-whole"}

    def knows_key(self, request: web.Request) -> bool:
        return KEY.startswith(self.key(request) or "none")


class Unsigned(Listing):
    failing: ClassVar = {f"packages.signature-{one}" for one in ("missing", "wrong", "body")}

    def knows_signature(self, _: web.Request, __: bytes) -> bool:
        return True


class FirstSignature(Listing):
    failing: ClassVar = {"packages.signature-rotation"}

    def knows_signature(self, request: web.Request, body: bytes) -> bool:
        headers = {name.lower(): text for name, text in request.headers.items()}
        headers["webhook-signature"] = headers.get("webhook-signature", "").partition(" ")[0]
        return is_genuine(headers, body, [SECRET], now=datetime.now(UTC))


class Crashing(Listing):
    """Ends with the connection when it cannot read a body, as a process that panics."""

    failing: ClassVar = {"packages.invalid-json"}

    def bad_request(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)


class ColdStart(Listing):
    failing: ClassVar = {"packages.time"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        await asyncio.sleep(2.6 if self.calls == 1 else 0)
        return await super().answer(asked)


class KnownAccountsOnly(Listing):
    failing: ClassVar = {"packages.unknown-account", "packages.generated"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        if asked["account_id"] != "acc_conformance_check":
            return web.Response(status=500)
        return await super().answer(asked)


class AsciiProvider(Listing):
    failing: ClassVar = {"packages.generated"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        if not str(asked.get("provider")).isascii():
            return web.Response(status=500)
        return await super().answer(asked)


class GetFails(Listing):
    failing: ClassVar = {"packages.get"}

    def other_method(self, request: web.Request) -> web.Response:
        return web.Response(status=500 if request.method == "GET" else 405)


class TextHtml(Listing):
    failing: ClassVar = {"packages.content-type"}

    def render(self, packages: list[dict[str, Any]], following: str | None) -> web.Response:
        return web.Response(text=json.dumps({"data": packages, "next": following}), content_type="text/html")


class Zipped(Listing):
    failing: ClassVar = {"packages.encoding"}

    def render(self, packages: list[dict[str, Any]], following: str | None) -> web.Response:
        content = gzip.compress(json.dumps({"data": packages, "next": following}).encode())
        return web.Response(body=content, content_type="application/json", headers={"content-encoding": "gzip"})


class Echo(Listing):
    failing: ClassVar = {"packages.credentials-echo"}

    def bad_request(self, request: web.Request) -> web.Response:
        return web.json_response({"error": "not JSON", "headers": dict(request.headers)}, status=400)


class Debug(Listing):
    failing: ClassVar = {"packages.no-trace"}

    def bad_request(self, _: web.Request) -> web.Response:
        return web.Response(text=traceback.format_exc(), status=400)


class Redirecting(Listing):
    failing: ClassVar = {"packages.redirect"}

    async def answer(self, _: dict[str, Any]) -> web.Response:
        return web.Response(status=308, headers={"location": "/packages/"})


class OneAtATime(Listing):
    failing: ClassVar = {"packages.concurrency"}

    async def answer(self, asked: dict[str, Any]) -> web.Response:
        self.running += 1
        try:
            await asyncio.sleep(0.05)
            return await super().answer(asked) if self.running == 1 else web.Response(status=503)
        finally:
            self.running -= 1


GOOD = [Listing, OnePage]
BROKEN = [
    NoNames, NewIds, SameId, SameName, BlankId, Markup, Mojibake, BareArray, FirstPageAlways, Endless, LastPageFails, Overlapping,
    AnyKey, KeyPrefix, Unsigned, FirstSignature, ColdStart, KnownAccountsOnly, AsciiProvider, GetFails, TextHtml,
    Zipped, Echo, Debug, Redirecting, OneAtATime, Crashing,
]  # fmt: skip
