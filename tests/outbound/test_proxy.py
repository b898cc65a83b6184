"""Outgoing calls through a real proxy on loopback; the guard's rules stay."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network

import pytest
import trustme

from greenroom.errors import GiveUp, LocalFault, RemoteError, TryLater
from greenroom.outbound import Outbound, Proxy, Request
from greenroom.outbound.names import Resolver
from tests.house import Neighbour
from tests.outbound.test_send import Peer, listening, request_of

PUBLIC = "93.184.215.14"
USER = "Basic dXNlcjpwYTpzcw=="


class SmallProxy:
    """A proxy that opens each tunnel to one local port and records the requests for them."""

    def __init__(self, leads_to: int = 0, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.asked: list[str] = []
        self.leads_to = leads_to
        self.answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one CONNECT, then passes the bytes of the tunnel on."""
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        await writer.drain()
        if not self.answer.startswith(b"HTTP/1.1 200"):
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        try:
            await asyncio.gather(self._pass(reader, outer), self._pass(inner, writer))
        finally:
            outer.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()


@asynccontextmanager
async def through(proxy: SmallProxy | Peer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Outbound]:
    """Runs a proxy and an outbound client that goes through it."""
    async with listening(proxy.serve if isinstance(proxy, SmallProxy) else proxy) as port:
        out = Outbound(allow_http=True, tls=tls, proxy=Proxy.read(f"http://user:pa%3Ass@127.0.0.1:{port}"))
        try:
            yield out
        finally:
            await out.aclose()


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes every name lead to one address."""

    def to(address: str) -> None:
        async def addresses(_: object, host: str) -> list[str]:
            return [address]

        monkeypatch.setattr(Resolver, "addresses", addresses)

    return to


async def test_the_tunnel_leads_to_the_address_that_was_checked(resolves: Callable[[str], None]) -> None:
    """TLS is with the endpoint, by its name; a kept connection needs no second tunnel; the endpoint sees no password."""
    authority, received = trustme.CA(), list[bytes]()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("vendor.example.com").configure_cert(served)
    authority.configure_trust(trusting)

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received.append(await request_of(reader))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    resolves(PUBLIC)
    async with listening(fine, served) as port, through(proxy := SmallProxy(port), tls=trusting) as out:
        for _ in range(2):
            answer = await out.send(Request("POST", "https://vendor.example.com:8443/hook", {}, b"x"), deadline=5)
            assert answer.status == 204
    (asked,) = proxy.asked
    target = f"{PUBLIC}:8443"
    assert asked == f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nproxy-authorization: {USER}\r\n\r\n"
    assert len(received) == 2
    assert received[0].startswith(b"POST /hook HTTP/1.1\r\nhost: vendor.example.com:8443\r\n")
    assert b"proxy" not in received[0].lower()


async def test_http_goes_through_a_tunnel_and_a_redirect_is_an_answer(
    peer: Neighbour, resolves: Callable[[str], None]
) -> None:
    """A redirect to a private address is not followed."""
    resolves(PUBLIC)
    peer.will_answer((302, {"location": "http://169.254.169.254/"}, b""))
    async with through(proxy := SmallProxy(int(peer.url.rpartition(":")[2]))) as out:
        assert (await out.send(Request("POST", "http://vendor.example.com/", {}, b"x"), deadline=5)).status == 302
    assert [one.split()[1] for one in proxy.asked] == [f"{PUBLIC}:80"]


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[::1]/", "http://0x7f.1/", "http://vendor.example.com/"])
async def test_a_private_address_is_refused_before_the_proxy_is_asked(
    url: str, resolves: Callable[[str], None]
) -> None:
    """A literal one, and one that a name leads to."""
    resolves("169.254.169.254")
    async with through(proxy := SmallProxy()) as out:
        with pytest.raises(GiveUp) as caught:
            await out.send(Request("GET", url, {}), deadline=5)
    assert (caught.value.kind, proxy.asked) == ("forbidden_address", [])


async def test_an_exception_of_the_operator_is_reached_without_the_proxy(peer: Neighbour) -> None:
    """The networks of GREENROOM_ALLOW_PRIVATE_NETWORKS are internal."""
    async with listening((proxy := SmallProxy()).serve) as port:
        networks = [IPv4Network("127.0.0.0/8")]
        out = Outbound(allow_http=True, allowed_networks=networks, proxy=Proxy.read(f"http://127.0.0.1:{port}"))
        assert (await out.send(Request("POST", peer.url, {}, b"x"), deadline=5)).status == 200
        await out.aclose()
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", LocalFault, "refuses its user name and password"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", LocalFault, "does not answer CONNECT in HTTP/1.1"),
        (b"", LocalFault, "does not answer CONNECT in HTTP/1.1"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", TryLater, "answered 403 for vendor.example.com"),
        (b"HTTP/1.1 503 x\r\n" + b"a: b\r\n" * 4000, LocalFault, "does not answer CONNECT"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_not_the_receivers_fault(
    answer: bytes, error: type[RemoteError], said: str, peer: Neighbour, resolves: Callable[[str], None]
) -> None:
    """Unless it is about this destination; once the proxy works, so does the call. No message has the password."""
    resolves(PUBLIC)
    async with through(proxy := SmallProxy(int(peer.url.rpartition(":")[2]), answer)) as out:
        with pytest.raises(error) as caught:
            await out.send(Request("POST", "http://vendor.example.com/", {}, b"x"), deadline=5)
        assert (caught.value.kind, said in caught.value.reason) == ("proxy", True), caught.value.reason
        assert not [word for word in ("user:", "pa:ss", "pa%3Ass", USER) if word in caught.value.reason]
        proxy.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        assert (await out.send(Request("POST", "http://vendor.example.com/", {}, b"x"), deadline=5)).status == 200


async def test_a_proxy_that_is_away_or_hangs(resolves: Callable[[str], None]) -> None:
    """Away is the process's fault; the call's deadline covers a proxy that does not answer."""
    resolves(PUBLIC)
    request = Request("POST", "http://vendor.example.com/", {}, b"x")
    away = Outbound(allow_http=True, proxy=Proxy.read("http://127.0.0.1:1"))
    with pytest.raises(LocalFault, match="cannot be connected to") as caught:
        await away.send(request, deadline=5)
    assert caught.value.process_wide
    await away.aclose()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with through(hangs) as out:
        with pytest.raises(TryLater) as late:
            await out.send(request, deadline=0.2)
    assert late.value.kind == "timeout"
