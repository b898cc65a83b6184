"""Calls go out on the event loop that `serve` has, and on the one that `pytest` has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from ipaddress import IPv4Network

import pytest
import uvloop

from greenroom.outbound import Outbound
from tests.house import Neighbour, neighbour


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each test of this folder twice: the two differ in how they connect, break off and look up."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    """The door with loopback opened."""
    one = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.0/8")])
    yield one
    await one.aclose()


@pytest.fixture
async def peer() -> AsyncIterator[Neighbour]:
    """Somebody who answers."""
    async with neighbour() as one:
        yield one
