"""Look-ups at a real DNS server: slow names delay no others, answers are cached briefly."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from greenroom.errors import GiveUp, LocalFault, TryLater
from greenroom.outbound import Answer, Outbound, Request, names
from greenroom.outbound.names import Resolver
from tests.house import Neighbour
from tests.outbound.test_lacking import no_descriptor_left
from tests.support.dns import NameServer, name_server


@pytest.fixture
async def dns() -> AsyncIterator[NameServer]:
    """A name server for the test."""
    async with name_server() as one:
        yield one


@pytest.fixture
async def asking(dns: NameServer, tmp_path: Path) -> AsyncIterator[Outbound]:
    """An outbound client that uses this name server, with an empty hosts file."""
    resolver = Resolver([dns.server], hosts=tmp_path / "hosts")
    out = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.0/8")], resolver=resolver)
    yield out
    await out.aclose()


async def call(out: Outbound, host: str, peer: Neighbour, *, deadline: float = 15) -> Answer:
    """Calls a name over a new connection."""
    port = peer.url.rpartition(":")[2]
    headers = {"connection": "close"}
    return await out.send(Request("POST", f"http://{host}:{port}/", headers, b"x"), deadline=deadline)


async def test_a_hundred_names_that_hang_hold_up_nobody(asking: Outbound, peer: Neighbour, dns: NameServer) -> None:
    """Other names are looked up and called meanwhile; the slow ones are called once answered."""
    dns.addresses = {f"n{number}.slow.test": ["127.0.0.1"] for number in range(100)}
    dns.addresses |= {f"n{number}.sound.test": ["127.0.0.1"] for number in range(100)}
    dns.hold(".slow.test")
    slow = []
    for number in range(100):
        slow.append(asyncio.create_task(call(asking, f"n{number}.slow.test", peer)))
        if number % 10 == 9:  # a socket's buffer is smaller than a hundred questions
            await dns.hears(number + 1, ".slow.test")

    for number in range(100):
        assert (await call(asking, f"n{number}.sound.test", peer)).status == 200
    assert not any(task.done() for task in slow)

    dns.release()
    assert [answer.status for answer in await asyncio.gather(*slow)] == [200] * 100


async def test_callers_of_one_name_share_one_look_up(asking: Outbound, peer: Neighbour, dns: NameServer) -> None:
    """Callers of one name share a look-up, in any spelling."""
    dns.addresses = {"vendor.test": ["127.0.0.1"]}
    hosts = ["vendor.test", "VENDOR.test"] * 20

    answers = await asyncio.gather(*(call(asking, host, peer) for host in hosts))

    assert {answer.status for answer in answers} == {200}
    assert dns.asked == {"vendor.test": 1}


async def test_a_timeout_leaves_the_shared_look_up_to_others(
    asking: Outbound, peer: Neighbour, dns: NameServer
) -> None:
    """When one caller's deadline passes, the other still gets the answer."""
    dns.addresses = {"vendor.test": ["127.0.0.1"]}
    dns.hold(".test")
    patient = asyncio.create_task(call(asking, "vendor.test", peer))
    with pytest.raises(TryLater) as caught:
        await call(asking, "vendor.test", peer, deadline=0.05)
    assert caught.value.kind == "timeout"

    dns.release()
    assert (await patient).status == 200


async def test_an_answer_is_kept_for_a_moment_and_vetted_each_time(
    asking: Outbound, peer: Neighbour, dns: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long TTL does not keep an old address, and a new address passes the guard again."""
    dns.addresses, dns.ttl = {"vendor.test": ["127.0.0.1"]}, 86400
    for _ in range(3):
        await call(asking, "vendor.test", peer)
    assert dns.asked == {"vendor.test": 1}

    dns.addresses = {"vendor.test": ["10.0.0.7"]}
    monkeypatch.setattr(names, "CACHE_S", 0.0)
    asking._resolver._flush()

    async def until_refused() -> None:
        while True:
            await call(asking, "vendor.test", peer)

    with pytest.raises(GiveUp) as caught:
        await asyncio.wait_for(until_refused(), 20)
    assert caught.value.kind == "forbidden_address"


async def test_the_cache_is_emptied_by_itself(
    asking: Outbound, peer: Neighbour, dns: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached answer that a name does not exist is dropped after a while."""
    monkeypatch.setattr(names, "CACHE_S", 0.0)
    with pytest.raises(TryLater):
        await call(asking, "new.test", peer)
    dns.addresses = {"new.test": ["127.0.0.1"]}

    async with asyncio.timeout(20):
        while True:
            try:
                assert (await call(asking, "new.test", peer)).status == 200
                break
            except TryLater as error:
                assert error.kind == "dns_unknown"


async def test_no_such_name_and_no_answer(asking: Outbound, peer: Neighbour, dns: NameServer) -> None:
    """An unknown name and a failed look-up are different kinds of error."""
    dns.addresses = {"empty.test": []}
    for host, kind in (("nobody.test", "dns_unknown"), ("empty.test", "dns_unknown"), ("broken.test", "dns")):
        dns.failing = kind == "dns"
        with pytest.raises(TryLater) as caught:
            await call(asking, host, peer)
        assert (caught.value.kind, host in caught.value.reason) == (kind, True)

    dns.failing, dns.addresses = False, {"broken.test": ["127.0.0.1"]}
    assert (await call(asking, "broken.test", peer)).status == 200


async def test_without_a_name_server(peer: Neighbour, tmp_path: Path) -> None:
    """Without a name server the look-up fails at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{bound.getsockname()[1]}"
    out = Outbound(allow_http=True, resolver=Resolver([nobody], hosts=tmp_path / "hosts"))
    with pytest.raises(TryLater) as caught:
        await call(out, "vendor.test", peer)
    assert caught.value.kind == "dns"
    await out.aclose()


async def test_an_unanswered_look_up_ends_and_the_next_is_a_new_one(
    asking: Outbound, peer: Neighbour, dns: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next caller does not wait for the old look-up."""
    dns.addresses = {"vendor.test": ["127.0.0.1"]}
    dns.hold(".test")
    with monkeypatch.context() as patch:
        patch.setattr(names, "LOOK_UP_S", 0.01)
        with pytest.raises(TryLater) as caught:
            await call(asking, "vendor.test", peer)
    assert caught.value.kind == "dns"

    dns._holds = None  # the earlier query stays unanswered
    assert (await call(asking, "vendor.test", peer)).status == 200


async def test_a_look_up_over_the_limit_is_a_local_fault(
    asking: Outbound, peer: Neighbour, dns: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the limit a name is not looked up, which uses up no attempt."""
    monkeypatch.setattr(names, "LOOK_UPS", 3)
    dns.addresses = {f"n{number}.test": ["127.0.0.1"] for number in range(4)}
    dns.hold(".test")
    slow = [asyncio.create_task(call(asking, f"n{number}.test", peer)) for number in (0, 1, 2, 2)]
    await dns.hears(3, ".test")
    with pytest.raises(LocalFault) as caught:
        await call(asking, "n3.test", peer)
    assert caught.value.kind == "no_resources"

    dns.release()
    assert {answer.status for answer in await asyncio.gather(*slow)} == {200}
    assert (await call(asking, "n3.test", peer)).status == 200


async def test_without_file_descriptors(asking: Outbound, peer: Neighbour, dns: NameServer) -> None:
    """A look-up without a file descriptor is a local fault, not the name's."""
    dns.addresses = {"first.test": ["127.0.0.1"], "vendor.test": ["127.0.0.1"]}
    await asking._resolver.addresses("first.test")
    with no_descriptor_left(), pytest.raises(LocalFault) as caught:
        await call(asking, "vendor.test", peer)
    assert caught.value.process_wide

    assert (await call(asking, "vendor.test", peer)).status == 200


async def test_the_first_look_up_without_file_descriptors(tmp_path: Path, dns: NameServer) -> None:
    """The resolver's own descriptors can be missing, too; it works once there are some."""
    resolver = Resolver([dns.server], hosts=tmp_path / "hosts")
    dns.addresses = {"vendor.test": ["127.0.0.1"]}
    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files") as caught:
        await resolver.addresses("vendor.test")
    assert caught.value.errno == errno.EMFILE

    assert await resolver.addresses("vendor.test") == ["127.0.0.1"]
    resolver.close()


async def test_the_hosts_file_comes_first_and_is_read_again(tmp_path: Path, dns: NameServer) -> None:
    """A listed name has exactly the listed addresses, even localhost, without a DNS query."""
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# ours\n127.0.0.1\tlocalhost vendor # here\n127.0.0.9 Vendor\n\nnonsense vendor\n::1 six\n127.0.0.1\n"
    )
    resolver = Resolver([dns.server], hosts=hosts)
    assert await resolver.addresses("localhost") == ["127.0.0.1"]
    assert await resolver.addresses("VENDOR.") == ["127.0.0.1", "127.0.0.9"]
    assert await resolver.addresses("six") == ["::1"]

    hosts.write_text("127.0.0.2 vendor other\n")
    assert await resolver.addresses("vendor") == ["127.0.0.2"]
    assert not dns.asked
    dns.addresses = {"six": ["127.0.0.6"]}
    assert await resolver.addresses("six") == ["127.0.0.6"]
    resolver.close()


async def test_localhost_of_this_machine(out: Outbound, peer: Neighbour) -> None:
    """localhost has the addresses of this machine's hosts file, as for the system's resolver."""
    found = {info[4][0] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    assert set(await Resolver().addresses("localhost")) == found


async def test_every_address_and_the_search_domains(
    dns: NameServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both families are found; a short name is also looked up in the system's search domains."""
    monkeypatch.setenv("LOCALDOMAIN", "vendors.test")
    resolver = Resolver([dns.server], hosts=tmp_path / "hosts")
    dns.addresses = {"short.vendors.test": ["127.0.0.3", "::1", "127.0.0.4"]}
    assert sorted(await resolver.addresses("short")) == ["127.0.0.3", "127.0.0.4", "::1"]
    resolver.close()


async def test_closing_the_resolver_ends_its_look_ups(dns: NameServer, tmp_path: Path) -> None:
    """A shutdown waits for no name."""
    resolver = Resolver([dns.server], hosts=tmp_path / "hosts")
    dns.hold(".test")
    waiting = asyncio.create_task(resolver.addresses("vendor.test"))
    await dns.hears(1, ".test")
    resolver.close()
    with pytest.raises(socket.gaierror):
        await waiting
