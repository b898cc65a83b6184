"""No connection is opened to a forbidden address, as seen by an audit hook on sockets."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest

from greenroom.errors import GiveUp, TryLater
from greenroom.outbound import Outbound, Request
from greenroom.outbound.names import Resolver
from tests.house import Neighbour, neighbour

_watched: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watched:
        address = arguments[1]
        _watched[-1].append(str(address[0] if isinstance(address, tuple) else address))


sys.addaudithook(_hook)


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """Every address that any socket of this process connects to, as the interpreter reports it."""
    seen: list[str] = []
    _watched.append(seen)
    yield seen
    _watched.pop()


@pytest.fixture
async def guarded() -> AsyncIterator[Outbound]:
    """An outbound client without exceptions, as in production, but for http."""
    out = Outbound(allow_http=True)
    yield out
    await out.aclose()


@pytest.fixture
async def server() -> AsyncIterator[Neighbour]:
    """A server on loopback that would answer."""
    async with neighbour() as one:
        yield one


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """
    Replaces the resolver's answers, one list for each look-up; the last one repeats.

    Returns the names that were looked up.
    """
    asked: list[str] = []

    async def addresses(_: object, host: str) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr(Resolver, "addresses", addresses)
    return asked


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "localhost", "0.0.0.0",
     "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
     "[::ffff:0:127.0.0.1]", "[::]", "127.0.0.1.", "127.0.0.1%25x", "１２７.0.0.1",
     "127。0。0。1", "[::1%25lo]"],
)  # fmt: skip
async def test_literals_and_local_names(
    guarded: Outbound, server: Neighbour, connections: list[str], host: str
) -> None:
    """Loopback is refused in every notation."""
    port = server.url.rpartition(":")[2]
    with pytest.raises((GiveUp, TryLater)):
        await guarded.send(Request("POST", f"http://{host}:{port}/", {}, b"x"), deadline=5)

    assert connections == []
    assert server.received == []


async def test_the_refusal_names_the_address_and_the_setting(guarded: Outbound) -> None:
    """The refusal tells the operator which address was refused and which setting permits it."""
    with pytest.raises(GiveUp) as caught:
        await guarded.send(Request("GET", "http://10.1.2.3/?secret=canary", {}), deadline=5)

    assert caught.value.kind == "forbidden_address"
    assert "10.1.2.3" in caught.value.reason
    assert "GREENROOM_ALLOW_PRIVATE_NETWORKS" in caught.value.reason
    assert "canary" not in caught.value.reason


@pytest.mark.parametrize(
    "found", [["10.0.0.7"], ["93.184.215.14", "127.0.0.1"], ["::1"], ["fd00::1", "2606:4700::1111"]]
)
async def test_a_name_with_any_forbidden_address_is_refused(
    guarded: Outbound, connections: list[str], monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    """One forbidden address among several refuses the name."""
    resolves(monkeypatch, found)

    with pytest.raises(GiveUp) as caught:
        await guarded.send(Request("GET", "http://rebind.example.com/", {}), deadline=5)

    assert caught.value.kind == "forbidden_address"
    assert connections == []


async def test_the_vetted_address_is_the_one_connected_to(
    connections: list[str], monkeypatch: pytest.MonkeyPatch, server: Neighbour
) -> None:
    """There is one look-up, so a name cannot change its address between check and connection."""
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.1/32")])
    asked = resolves(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    port = server.url.rpartition(":")[2]

    answer = await out.send(Request("POST", f"http://rebind.example.com:{port}/", {}, b"x"), deadline=5)

    assert (asked, connections) == (["rebind.example.com"], ["127.0.0.1"])
    assert answer.address == "127.0.0.1"
    assert server.received[0].headers["host"] == f"rebind.example.com:{port}"
    with pytest.raises(GiveUp):
        await out.send(Request("GET", "http://127.0.0.2/", {}), deadline=5)
    await out.aclose()


async def test_a_redirect_is_an_answer(connections: list[str], server: Neighbour) -> None:
    """A redirect is returned as an answer, and is not followed."""
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.1/32")])
    server.will_answer((302, {"location": "http://127.0.0.3/"}, b""))

    answer = await out.send(Request("GET", server.url, {}), deadline=5)

    assert answer.status == 302
    assert connections == ["127.0.0.1"]
    await out.aclose()


async def test_the_environments_proxies_are_not_used(
    connections: list[str], monkeypatch: pytest.MonkeyPatch, server: Neighbour
) -> None:
    """A proxy of the environment is no way around the guard."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, server.url)
    out = Outbound(allow_http=True)

    with pytest.raises(GiveUp):
        await out.send(Request("GET", "http://10.0.0.1/", {}), deadline=5)

    assert connections == []
    await out.aclose()


async def test_an_allowed_call_goes_past_the_environments_proxy(
    connections: list[str], monkeypatch: pytest.MonkeyPatch, server: Neighbour
) -> None:
    """A permitted call connects to the server itself, not to the proxy of the environment."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.9:9")
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.0/8")])

    assert (await out.send(Request("GET", server.url, {}), deadline=5)).status == 200

    assert connections == ["127.0.0.1"]
    await out.aclose()


async def test_an_exception_opens_only_its_address(connections: list[str], server: Neighbour) -> None:
    """An exception for one address leaves its neighbours closed, in every notation."""
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.1/32")])
    port = server.url.rpartition(":")[2]

    for host in ("127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"):
        with pytest.raises(GiveUp):
            await out.send(Request("GET", f"http://{host}:{port}/", {}), deadline=5)
    assert connections == []
    assert (await out.send(Request("GET", server.url, {}), deadline=5)).status == 200
    assert connections == ["127.0.0.1"]
    await out.aclose()


@pytest.mark.parametrize("host", ["rebind.example.com", "bücher.example.com", "xn--a.com"])
async def test_the_reported_address_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch, server: Neighbour, host: str
) -> None:
    """
    The answer reports the peer's address.

    Also when the name's first address did not answer, and when the connection was kept from the call before.
    """
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.0/8")])
    resolves(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    port = server.url.rpartition(":")[2]

    for _ in range(2):
        answer = await out.send(Request("POST", f"http://{host}:{port}/", {}, b"x"), deadline=5)
        assert answer.address == "127.0.0.1"
    await out.aclose()


@pytest.mark.parametrize(
    "url", ["http://93.184.215.14/", "https://u:p@x.example.com/", "file:///etc/passwd", "https://x y/"]
)
async def test_an_uncallable_url_is_refused_before_any_connection(connections: list[str], url: str) -> None:
    """A URL that cannot be called is refused; without allow_http, that includes http."""
    out = Outbound()
    with pytest.raises(GiveUp) as caught:
        await out.send(Request("GET", url, {}), deadline=5)

    assert caught.value.kind == "bad_url"
    assert connections == []
    await out.aclose()
