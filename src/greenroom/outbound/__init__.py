"""
The outbound client: every outgoing call goes through its egress guard.

A URL comes from a vendor, or with an order from an ATS, so its host may be anything. The guard checks a literal address
before the call, every address of a name after its look-up, and the peer's address again when the socket is created. The
connection goes to an address that was checked; there is no second look-up. Redirects are not followed, the
environment's proxies are not used (the operator may set one: `outbound.proxy`), and a total deadline covers look-up,
connection, TLS, headers and body.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from ipaddress import ip_address
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection
from yarl import URL

from greenroom.errors import GiveUp, LocalFault, RemoteError, TryLater
from greenroom.outbound.addresses import Network, is_allowed, literal
from greenroom.outbound.answers import (
    Answer,
    describe_refusal,
    judge_push,
    judge_webhook,
    redirect_target,
    retry_after,
)
from greenroom.outbound.call_log import OutgoingCall, is_recording, record, recording_calls
from greenroom.outbound.client import NotHttp, Origin, Pool, Reply, request_bytes
from greenroom.outbound.names import Resolver
from greenroom.outbound.proxy import Proxy, open_tunnel, unusable
from greenroom.outbound.urls import callable_problem, public_problem, without_user_info

__all__ = [
    "Answer",
    "Outbound",
    "OutgoingCall",
    "Proxy",
    "Request",
    "callable_problem",
    "describe_refusal",
    "judge_push",
    "judge_webhook",
    "public_problem",
    "recording_calls",
    "redirect_target",
    "retry_after",
]

MAX_BODY = 64 * 1024
#: concurrent calls, more than the engine has in flight. There is no limit per host: several destinations may share a
#: host, and one that hangs would block the others
CONNECTIONS = 512
#: seconds after which an idle connection is closed: sooner than most servers close it
KEEP_ALIVE_S = 10.0
#: seconds before the next address of a name is tried in parallel (RFC 8305)
NEXT_ADDRESS_S = 0.25
#: connection errors for lack of a resource of this process or machine: they are not the receiver's fault …
_PROCESS_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
#: … and the one that may concern a single destination, because local ports are limited per destination address
_LACKS = _PROCESS_LACKS | {errno.EADDRNOTAVAIL}
#: the characters of a URL in RFC 3986: a URL of these alone is called exactly as it was given
_AS_GIVEN = re.compile(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]*", re.ASCII)


@dataclass
class Request:
    """
    A request to send: absolute URL, headers, body bytes exactly as signed.

    `sign` returns the headers that depend on the time of sending. It is called once the connection is established,
    right before the first byte is written, and its headers are added to `headers`. `secret_headers` are sent as well,
    but are no part of any record; `headers` win over them.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    sign: Callable[[], Mapping[str, str]] | None = None
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Forbidden(OSError):
    """An address that must not be reached; an OSError, like any other connection that fails."""


class _Callee(NamedTuple):
    """The origin that a URL calls, the request target and the Host header."""

    origin: Origin
    target: str
    host: str


def vet(address: str, allowed: Sequence[Network], host: str) -> None:
    """Raises `_Forbidden` unless an address may be reached."""
    if not is_allowed(ip_address(address.partition("%")[0]), allowed):
        where = host if host == address else f"{host} ({address})"
        raise _Forbidden(
            f"{where} is a private or reserved address, which is not called. To permit it, add its network to "
            "GREENROOM_ALLOW_PRIVATE_NETWORKS."
        )


class Outbound:
    """
    Sends requests; created and used inside one event loop.

    `allowed_networks` are the operator's exceptions, `allow_http` is for development. `tls` replaces the system's
    certificate authorities and `resolver` its name look-ups (tests bring their own); verification is always on. Calls
    go through the `proxy`, except those to `allowed_networks`.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network] = (),
        allow_http: bool = False,
        user_agent: str = "Greenroom",
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._allowed = tuple(allowed_networks)
        self._proxy = proxy
        self._get_callee = lru_cache(maxsize=4096)(partial(_vetted, allowed=self._allowed, allow_http=allow_http))
        self._headers = {"user-agent": user_agent, "accept-encoding": "identity"}
        self._resolver = resolver or Resolver()
        self._pool = Pool(self._connect, tls=tls or _system_tls(), limit=CONNECTIONS, keep_s=KEEP_ALIVE_S)

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._pool.aclose()
        self._resolver.close()

    async def send(self, request: Request, *, deadline: float, max_body: int = MAX_BODY) -> Answer:
        """
        Sends one request, once; `deadline` in seconds covers all of it.

        Returns an answer of any status for the caller to judge. When the deadline passes while the body is still being
        received, returns the answer with the part that arrived and `truncated` set, since its status is known. Either
        way the call is added to the lists of every surrounding `recording_calls`.

        Raises:
            GiveUp: the URL cannot be called, or leads to an address that must not be reached.
            TryLater: no answer: look-up, connection, TLS, a broken connection, the deadline.
            LocalFault: this process or machine has no file descriptor, memory or port left for a connection.
            ValueError: a header contains a line break, a defect of the caller's; errors of `sign` are raised, too.
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
        callee = self._get_callee(request.url)
        reply, started = Reply(request.method, max_body), time.monotonic()
        try:
            until = asyncio.get_running_loop().time() + deadline
            await self._pool.ask(callee.origin, partial(self._serialize, request, callee), reply, until=until)
        except TimeoutError:
            if not reply.status:
                raise TryLater(
                    f"No answer from {callee.origin.host} within {deadline:.3g} s.", kind="timeout"
                ) from None
        except (OSError, ValueError, NotHttp) as error:
            if isinstance(error, ValueError) and reply.address is not None:
                raise  # the request is malformed; without a connection, the host name is
            raise _fault(error, callee.origin, connected=reply.address is not None) from error
        took_ms = (time.monotonic() - started) * 1000
        return Answer(reply.status, reply.headers, bytes(reply.body), not reply.whole, reply.address, took_ms)

    def _serialize(self, request: Request, callee: _Callee) -> bytes:
        """Returns the bytes of a request, signed at the time of this call."""
        if request.sign is not None:
            request.headers = {**request.headers, **request.sign()}
        own = {name.lower(): text for name, text in {**request.secret_headers, **request.headers}.items()}
        headers = {"host": callee.host, **self._headers, **own}
        headers.pop("content-length", None)
        return request_bytes(request.method, callee.target, headers, request.body)

    async def _connect(self, origin: Origin) -> socket.socket:
        found = await self._look_up(origin)
        for info in found:
            vet(str(info[4][0]), self._allowed, origin.host)
        if self._proxy is not None and not all(self._is_exception(info) for info in found):
            return await self._connect_by_proxy(self._proxy, origin, found)
        lacking: list[OSError] = []
        make = partial(self._socket, lacking=lacking)
        try:
            return await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S, socket_factory=make)
        except OSError as error:
            # the error that sums up the failures of several addresses has no errno
            raise lacking[0] if lacking else error from None

    def _is_exception(self, info: AddrInfoType) -> bool:
        """Returns whether the operator's exceptions have an address: such a network is reached without the proxy."""
        address = ip_address(str(info[4][0]).partition("%")[0])
        return any(address in network for network in self._allowed)

    async def _connect_by_proxy(self, proxy: Proxy, origin: Origin, found: list[AddrInfoType]) -> socket.socket:
        """Returns a tunnel to the first address, an IPv4 one if there is one, which more proxies reach."""
        address = min((str(info[4][0]) for info in found), key=lambda one: ":" in one)
        try:
            hops = await self._look_up(Origin(proxy.host, proxy.port, False))
            connected = await start_connection(hops, happy_eyeballs_delay=NEXT_ADDRESS_S)
        except OSError as error:
            raise unusable(proxy, "cannot be connected to") from error
        try:
            await open_tunnel(connected, proxy, address=address, port=origin.port, host=origin.host)
        except BaseException as error:
            connected.close()
            if isinstance(error, OSError):
                raise unusable(proxy, "broke the connection") from error
            raise
        return connected

    async def _look_up(self, origin: Origin) -> list[AddrInfoType]:
        """
        Returns the addresses of a host.

        Raises:
            socket.gaierror: the name does not exist, or no name server answered.
        """
        host, address = origin.host, literal(origin.host)
        if address is None:
            return [_address_info(one, origin.port) for one in await self._resolver.addresses(host)]
        if "%" in host:  # an IPv6 address with a zone: only the zone's number is looked up
            numeric = socket.AI_NUMERICHOST
            return list(socket.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM, flags=numeric))
        return [_address_info(str(address), origin.port)]

    def _socket(self, info: AddrInfoType, *, lacking: list[OSError]) -> socket.socket:
        """
        Returns a socket for one address, after the last check, which every connection passes.

        Appends the error to `lacking` when this process has no resource left for a socket.
        """
        vet(str(info[4][0]), self._allowed, str(info[4][0]))
        try:
            return socket.socket(family=info[0], type=info[1], proto=info[2])
        except OSError as error:
            if error.errno in _PROCESS_LACKS:
                lacking.append(error)
            raise


def _address_info(address: str, port: int) -> AddrInfoType:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


@cache
def _system_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _vetted(text: str, allowed: tuple[Network, ...], allow_http: bool) -> _Callee:
    """
    Returns the callee of a URL that may be called, judged by its text.

    The addresses of a name are checked later, for each connection.

    Raises:
        GiveUp: the URL may not be called.
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
    return _Callee(
        Origin(host, url.port or 0, url.scheme == "https"), url.raw_path_qs, url.host_port_subcomponent or ""
    )


def _step(request: Request, started_at: datetime, started: float, outcome: Answer | RemoteError) -> OutgoingCall:
    step = OutgoingCall(
        request.method,
        without_user_info(request.url),
        request.headers,
        request.body,
        started_at,
        (time.monotonic() - started) * 1000,
    )
    if isinstance(outcome, RemoteError):
        return replace(step, error=outcome.reason)
    return replace(
        step,
        status=outcome.status,
        response_headers=outcome.headers,
        response_body=outcome.body,
        truncated=outcome.truncated,
    )


def _fault(error: Exception, origin: Origin, *, connected: bool) -> RemoteError:
    """
    Returns the error for a failure of the HTTP client.

    Its text has no query, header or credential.
    """
    host = origin.host
    if isinstance(error, _Forbidden):
        return GiveUp(str(error), kind="forbidden_address")
    if isinstance(error, socket.gaierror):
        unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        said = "does not exist: check the URL" if unknown else "cannot be looked up now"
        return TryLater(f"The name {host} {said}.", kind="dns_unknown" if unknown else "dns")
    if isinstance(error, ssl.SSLError) and not connected:
        return TryLater(_tls_problem(error, host), kind="tls")
    if isinstance(error, OSError) and not connected and error.errno in _LACKS:
        return LocalFault(
            f"Greenroom cannot open a connection to {host}: {os.strerror(error.errno)}. The cause is on Greenroom's "
            "machine: raise the limit that is reached (file descriptors, memory or local ports).",
            kind="no_resources",
            process_wide=error.errno in _PROCESS_LACKS,
        )
    if isinstance(error, OSError) and not connected:
        return TryLater(f"No connection to {host}:{origin.port}: {_connect_problem(error)}.", kind="connect")
    if isinstance(error, OSError):
        return TryLater(f"{host} broke the connection before it had answered.", kind="reset")
    return TryLater(f"{host} did not answer in HTTP/1.1.", kind="protocol")


def _tls_problem(error: ssl.SSLError, host: str) -> str:
    said = str(getattr(error, "verify_message", "")).rstrip(".")
    if said:
        return f"The certificate of {host} is not trusted: {said}."
    reason = (getattr(error, "reason", None) or "").replace("_", " ").lower()
    return f"The TLS handshake with {host} failed{f': {reason}' if reason else ''}."


def _connect_problem(error: OSError) -> str:
    if error.errno:
        return os.strerror(error.errno)
    # several addresses were tried, each failed with an error of its own
    return "none of its addresses accepts one" if error.args else "it broke while it was made"
