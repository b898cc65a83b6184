"""
The one door for every outgoing call.

A URL comes from a vendor, or with an order from an ATS: its host may be anything. So a literal address is vetted before
the call, a name's every address when it is looked up, and the socket's peer again when it is made; the connection goes
to an address that was vetted, there is no second look-up. Redirects are not followed, the environment's proxies are not
used, and a total deadline covers look-up, connection, TLS, headers and body.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.outbound.addresses import Network, is_allowed, literal
from greenroom.outbound.recorder import Step, is_recording, record, recording
from greenroom.outbound.urls import callable_problem, public_problem
from greenroom.outbound.verdicts import Answer, judge_push, judge_webhook, retry_after

__all__ = [
    "Answer",
    "Outbound",
    "Request",
    "Step",
    "callable_problem",
    "judge_push",
    "judge_webhook",
    "public_problem",
    "recording",
    "retry_after",
]

MAX_BODY = 64 * 1024
#: more than the engine has under way. A host has no limit of its own: many destinations may be there, and one that
#: hangs would hold the others' connections
CONNECTIONS = 512
#: idle connections are let go before most servers do
KEEP_ALIVE_S = 10.0
#: what is in front of the host of a URL that is refused for it
_USER_INFO = re.compile(r"^(\w[\w+.-]*:/*)?[^/?#]*@")
#: what a URL may be written with (RFC 3986): such a URL is called exactly as it was given
_AS_GIVEN = re.compile(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]*", re.ASCII)


@dataclass(frozen=True)
class Request:
    """A request to send: absolute URL, headers, body bytes exactly as signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class _Forbidden(OSError):
    """An address that must not be reached; an OSError, so that aiohttp treats it as a failed connection."""


class _Vetting(AbstractResolver):
    """Looks a name up and refuses it when any of its addresses is forbidden."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            vet(address, self._allowed, host)
        if not addresses:
            raise OSError(f"{host} has no address")
        return [
            ResolveResult(hostname=host, host=str(entry[4][0]), port=port, family=entry[0], proto=entry[2], flags=0)
            for entry in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Response(aiohttp.ClientResponse):
    """An answer that knows whom it came from; its connection may be back in the pool before we can ask."""

    peer: str | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        if connection.transport is not None:
            self.peer = str(connection.transport.get_extra_info("peername", ("",))[0]) or None
        return await super().start(connection)


def vet(address: str, allowed: Sequence[Network], host: str) -> None:
    """Raise `_Forbidden` unless an address may be reached."""
    if not is_allowed(ip_address(address.partition("%")[0]), allowed):
        where = host if host == address else f"{host} ({address})"
        raise _Forbidden(
            f"{where} is a private or reserved address. GREENROOM_ALLOW_PRIVATE_NETWORKS opens exceptions."
        )


class Outbound:
    """
    Sends requests; made and used inside one event loop.

    `allowed_networks` are the operator's exceptions, `allow_http` is for development. `tls` replaces the system's
    certificate authorities (tests bring their own); verification is always on.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network] = (),
        allow_http: bool = False,
        user_agent: str = "Greenroom",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = tuple(allowed_networks)
        self._vetted = lru_cache(maxsize=4096)(partial(_vetted, allowed=self._allowed, allow_http=allow_http))
        connector = aiohttp.TCPConnector(
            resolver=_Vetting(self._allowed),
            use_dns_cache=False,
            socket_factory=self._socket,
            limit=CONNECTIONS,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"user-agent": user_agent, "accept-encoding": "identity"},
            skip_auto_headers=("content-type", "accept"),
            response_class=_Response,
        )
        # otherwise a GET or PUT is sent again when a kept connection breaks
        self._session._retry_connection = False

    async def aclose(self) -> None:
        """Let go of every connection."""
        await self._session.close()

    async def send(self, request: Request, *, deadline: float, max_body: int = MAX_BODY) -> Answer:
        """
        One request on the wire, whatever comes of it; `deadline` in seconds is for all of it.

        An answer of any status is returned, for the caller to judge. When the deadline passes while the body is still
        coming, the answer is returned with what came, `truncated`: its status was heard. Either way the call is on
        record with whoever is `recording`.

        Raises:
            GiveUp: the URL cannot be called, or leads to an address that must not be reached.
            TryLater: no answer: look-up, connection, TLS, a broken connection, the deadline.
        """
        if not is_recording():
            return await self._send(request, deadline, max_body)
        started_at, started = datetime.now(UTC), time.monotonic()
        try:
            answer = await self._send(request, deadline, max_body)
        except RemoteError as error:
            record(_step(request, started_at, started, error))
            raise
        record(_step(request, started_at, started, answer))
        return answer

    async def _send(self, request: Request, deadline: float, max_body: int) -> Answer:
        url = self._vetted(request.url)
        started = time.monotonic()
        heard: list[tuple[int, dict[str, str]]] = []
        body = bytearray()
        address: str | None = None
        try:
            async with (
                asyncio.timeout(deadline),
                self._session.request(
                    request.method, url, headers=request.headers, data=request.body, allow_redirects=False
                ) as response,
            ):
                address = getattr(response, "peer", None)
                heard.append((response.status, {name.lower(): text for name, text in response.headers.items()}))
                whole = await _read(response, body, max_body)
                if not whole:
                    response.close()
        except TimeoutError:
            if not heard:
                raise TryLater(f"No answer from {url.raw_host} within {deadline:g} s.", kind="timeout") from None
            whole = False
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _fault(error, url) from error
        status, headers = heard[0]
        return Answer(status, headers, bytes(body), not whole, address, (time.monotonic() - started) * 1000)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last gate, which every connection passes, literal addresses too: aiohttp does not look those up."""
        vet(str(info[4][0]), self._allowed, str(info[4][0]))
        return socket.socket(family=info[0], type=info[1], proto=info[2])


def _vetted(text: str, allowed: tuple[Network, ...], allow_http: bool) -> URL:
    """
    A URL that may be called, as far as its text alone tells: what a name leads to is vetted anew with each connection.

    Raises:
        GiveUp: it may not.
    """
    problem = callable_problem(text, allow_http=allow_http)
    if problem:
        raise GiveUp(f"The URL cannot be called: {problem}.", kind="bad_url")
    try:
        url = URL(text, encoded=_AS_GIVEN.fullmatch(text) is not None)
        host = url.raw_host or ""
    except ValueError:
        raise GiveUp("The URL cannot be called: it is not a URL.", kind="bad_url") from None
    address = literal(host.rstrip("."))
    if address is not None:
        try:
            vet(str(address), allowed, host)
        except _Forbidden as error:
            raise GiveUp(str(error), kind="forbidden_address") from None
    return url


def _step(request: Request, started_at: datetime, started: float, came: Answer | RemoteError) -> Step:
    step = Step(
        request.method,
        _USER_INFO.sub(r"\1", request.url),
        request.headers,
        request.body,
        started_at,
        (time.monotonic() - started) * 1000,
    )
    if isinstance(came, RemoteError):
        return replace(step, error=came.reason)
    return replace(
        step,
        status=came.status,
        response_headers=came.headers,
        response_body=came.body,
        truncated=came.truncated,
    )


async def _read(response: aiohttp.ClientResponse, body: bytearray, most: int) -> bool:
    """Read into `body`; False when there is more than `most`."""
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > most:
            del body[most:]
            return False
    return True


def _fault(error: Exception, url: URL) -> RemoteError:
    """A client library's exception in our words: no query, no header, no credential."""
    host = url.raw_host
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _Forbidden):
            return GiveUp(str(cause), kind="forbidden_address")
        if isinstance(cause, socket.gaierror):
            unknown = cause.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            said = "does not exist" if unknown else "cannot be looked up now"
            return TryLater(f"The name {host} {said}.", kind="dns_unknown" if unknown else "dns")
        cause = getattr(cause, "os_error", None) or cause.__cause__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        detail = getattr(error, "certificate_error", error)
        said = getattr(detail, "verify_message", "") or "the TLS handshake failed"
        return TryLater(f"{host} cannot be trusted: {said}.", kind="tls")
    if isinstance(error, aiohttp.ClientConnectorError):
        said = error.os_error.strerror or "the connection broke while it was made"
        return TryLater(f"No connection to {host}:{url.port}: {said}.", kind="connect")
    if isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientPayloadError | OSError
    ):
        return TryLater(f"{host} broke the connection before it had answered.", kind="reset")
    return TryLater(f"{host} did not answer in HTTP as we accept it.", kind="protocol")
