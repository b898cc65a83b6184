"""Each outbound test runs on the event loop of `serve` and on that of `pytest`."""

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
    """Runs each test on two event loops: they connect, abort and look up differently."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    """An outbound client that may reach loopback."""
    one = Outbound(allow_http=True, allowed_networks=[IPv4Network("127.0.0.0/8")])
    yield one
    await one.aclose()


@pytest.fixture
async def peer() -> AsyncIterator[Neighbour]:
    """A server that answers."""
    async with neighbour() as one:
        yield one
