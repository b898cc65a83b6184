"""A signature has the time at which its request was written; the tests use no real clock."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from standardwebhooks import Webhook

from greenroom import outbound
from greenroom.errors import TryLater
from greenroom.outbound import Outbound, Request, recording_calls
from greenroom.outbound.names import Resolver
from greenroom.security.signatures import signing
from greenroom.security.tokens import new_webhook_secret
from tests.house import Neighbour
from tests.outbound.test_send import LOOPBACK, listening, request_of

SECRET = new_webhook_secret()
BODY = b'{"x":1}'


class Stepping:
    """A clock that the test advances, close to the receiver's."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self._now

    def step(self, seconds: int = 12) -> None:
        self._now += timedelta(seconds=seconds)

    @property
    def stamp(self) -> str:
        """The time as it is signed now."""
        return str(int(self._now.timestamp()))


@pytest.fixture
def clock() -> Stepping:
    """The sender's clock."""
    return Stepping()


def signed(url: str, clock: Callable[[], datetime]) -> Request:
    """Returns a request that is signed like a webhook."""
    sign = signing(event_id="evt_1", body=BODY, secrets=[SECRET], now=clock)
    return Request("POST", url, {"content-type": "application/json"}, BODY, sign)


def looked_up_late(monkeypatch: pytest.MonkeyPatch, clock: Stepping) -> None:
    """Makes every look-up take twelve seconds, and lead here."""

    async def addresses(_: object, host: str) -> list[str]:
        clock.step()
        return ["127.0.0.1"]

    monkeypatch.setattr(Resolver, "addresses", addresses)


async def test_the_time_is_that_after_a_slow_look_up(
    out: Outbound, peer: Neighbour, clock: Stepping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver verifies with the time of the write, and the recorded step has it, too."""
    begun = clock.stamp
    looked_up_late(monkeypatch, clock)
    port = peer.url.rpartition(":")[2]
    with recording_calls() as steps:
        await out.send(request := signed(f"http://slow.example.com:{port}/hook", clock), deadline=5)

    received = peer.received[0].headers
    assert begun < received["webhook-timestamp"] == clock.stamp
    assert Webhook(SECRET).verify(peer.received[0].body, received) == {"x": 1}
    assert steps[0].request_headers == request.headers
    assert request.headers.items() <= received.items()


async def test_the_time_is_that_after_a_slow_handshake(clock: Stepping) -> None:
    """The signature's time is later than the TLS handshake."""
    authority, received = trustme.CA(), list[bytes]()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(served)
    authority.configure_trust(trusting)
    served.sni_callback = lambda *_: clock.step()  # after the client's hello, before the server's

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(BODY))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    begun, out = clock.stamp, Outbound(allowed_networks=LOOPBACK, tls=trusting)
    async with listening(fine, served) as port:
        await out.send(signed(f"https://localhost:{port}/", clock), deadline=5)
    await out.aclose()

    assert clock.stamp != begun
    assert f"webhook-timestamp: {clock.stamp}\r\n".encode() in received[0]


async def test_the_time_is_that_after_a_wait_for_a_slot(
    peer: Neighbour, clock: Stepping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that waits for a concurrency slot is signed once it has the slot."""
    monkeypatch.setattr(outbound, "CONNECTIONS", 1)
    out = Outbound(allow_http=True, allowed_networks=LOOPBACK)
    stamps: list[str] = []

    async def takes_long() -> None:
        stamps.append(clock.stamp)
        clock.step()

    peer.inside = takes_long
    await asyncio.gather(*(out.send(signed(peer.url, clock), deadline=5) for _ in range(3)))
    await out.aclose()

    assert [one.headers["webhook-timestamp"] for one in peer.received] == stamps
    assert len(set(stamps)) == 3


async def test_a_reused_connection_gets_a_new_signature(out: Outbound, peer: Neighbour, clock: Stepping) -> None:
    """A request that is sent twice is signed twice, with different times."""
    request = signed(peer.url, clock)
    for _ in range(2):
        clock.step()
        await out.send(request, deadline=5)
        assert peer.received[-1].headers["webhook-timestamp"] == clock.stamp

    first, second = (one.headers["webhook-signature"] for one in peer.received)
    assert first != second
    assert request.headers["webhook-signature"] == second


async def test_a_replaced_connection_gets_a_new_signature(out: Outbound, clock: Stepping) -> None:
    """A request over a connection that replaces a closed one is signed for it."""
    received: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(BODY))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with listening(once) as port:
        for number in (1, 2, 3):
            clock.step()
            await out.send(signed(f"http://127.0.0.1:{port}/", clock), deadline=5)
            assert len(received) == number
            assert f"webhook-timestamp: {clock.stamp}\r\n".encode() in received[-1]
            while [one for one in out._pool._open if one.is_clean]:  # until the client has seen the peer's close
                await asyncio.sleep(0)


async def test_an_unsent_request_is_not_signed(out: Outbound, clock: Stepping) -> None:
    """Without a connection no signature is made."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        request = signed(f"http://127.0.0.1:{nobody.getsockname()[1]}/", clock)
        with recording_calls() as steps, pytest.raises(TryLater):
            await out.send(request, deadline=5)

    assert steps[0].request_headers == request.headers == {"content-type": "application/json"}


async def test_an_error_while_signing_is_raised_and_keeps_the_connection(out: Outbound) -> None:
    """An error in `sign` is raised as it is, and no request is sent."""
    received: list[bytes] = []

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received.append(await request_of(reader))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    def broken() -> dict[str, str]:
        raise ValueError("no key")

    async with listening(fine) as port:
        url = f"http://127.0.0.1:{port}/"
        for sign in (broken, lambda: {"x-signature": "a\r\nb"}):
            with pytest.raises(ValueError, match=r"no key|line break"):
                await out.send(Request("POST", url, {}, b"x", sign), deadline=5)
        await out.send(Request("POST", url, {}, b"x"), deadline=5)
        assert (len(received), len(out._pool._open)) == (1, 1)
