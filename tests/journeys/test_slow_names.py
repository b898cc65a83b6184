"""A host name without a DNS answer delays no other vendor's delivery and uses up none of its attempts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from greenroom.engine.worker import Engine
from greenroom.outbound import Outbound
from greenroom.outbound.names import Resolver
from tests.house import House, Linked, webhook
from tests.support.dns import NameServer, name_server

#: more than a thread pool has threads
NAMES = 12


@pytest.fixture
async def dns(house: House) -> AsyncIterator[NameServer]:
    """Runs a name server, and replaces the gateway's engine with one that uses it."""
    await house.app.state.engine.stop()
    async with name_server() as server:
        networks = house.settings.allow_private_networks
        out = Outbound(allow_http=True, allowed_networks=networks, resolver=Resolver([server.server]))
        ctx = house.app.state.ctx
        engine = Engine(ctx, out)
        running = asyncio.create_task(engine.run())
        yield server
        await engine.stop()
        await running
        await out.aclose()


async def deliveries(linked: Linked) -> list[dict[str, Any]]:
    return list((await linked.api("GET", "/v1/deliveries?limit=50")).json()["data"])


async def delivered(linked: Linked, count: int) -> list[dict[str, Any]]:
    """Returns the project's deliveries, once so many are delivered."""
    async with asyncio.timeout(30):
        while len(done := [one for one in await deliveries(linked) if one["state"] == "delivered"]) < count:
            await asyncio.sleep(0.02)
    return done


async def test_a_silent_dns_server_delays_no_other_vendor(house: House, dns: NameServer) -> None:
    """A vendor with a name in the hosts file is not delayed either."""
    port = house.vendor.url.rpartition(":")[2]
    slow = await house.link("slow", tenant="slow", package_id="pkg_core_sql")
    sound = await house.link("sound", tenant="sound", package_id="pkg_core_sql")
    for number in range(NAMES):
        dns.addresses[f"n{number}.slow.test"] = dns.addresses[f"n{number}.sound.test"] = ["127.0.0.1"]
        await webhook(slow, name=f"{number}", url=f"http://n{number}.slow.test:{port}/slow")
        await webhook(sound, name=f"{number}", url=f"http://n{number}.sound.test:{port}/sound")
    await webhook(sound, name="local", url=f"http://localhost:{port}/sound")
    dns.hold(".slow.test")
    await slow.send_test(1)
    await dns.hears(NAMES, ".slow.test")

    await sound.send_test(2)
    arrived = await delivered(sound, NAMES + 1)
    waiting = await deliveries(slow)

    assert [one["attempts_made"] for one in arrived] == [1] * (NAMES + 1)
    assert {(one["state"], len(one["attempts"])) for one in waiting} == {("pending", 0)}
    assert not any(one.path == "/slow" for one in house.vendor.received)

    dns.release()
    assert [one["attempts_made"] for one in await delivered(slow, NAMES)] == [1] * NAMES
