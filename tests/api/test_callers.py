"""The dependencies of route handlers: the caller, and the shared objects of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction, isfunction
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from greenroom.api import build_routers
from greenroom.api.callers import KeyedRoute, get_project
from tests.house import House, basic

ROUTES = [route for router in build_routers() for route in router.routes if isinstance(route, APIRoute)]


def called(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yields the function of a dependant and of all its dependencies."""
    if dependant.call is not None:
        yield dependant.call
    for one in dependant.dependencies:
        yield from called(one)


def test_no_request_goes_to_a_thread() -> None:
    """Every handler and dependency is a coroutine function; a thread switch costs more than their work."""
    functions = {one for route in ROUTES for one in called(route.dependant)}

    assert len(functions) > len(ROUTES)
    assert [one for one in functions if not iscoroutinefunction(one if isfunction(one) else type(one).__call__)] == []


def test_whoever_needs_a_key_is_asked_for_it_first() -> None:
    """Every route that requires an API key checks it before it parses a body."""
    keyed = [route for route in ROUTES if get_project in called(route.dependant)]

    assert keyed
    assert [route.path for route in keyed if not isinstance(route, KeyedRoute)] == []


@pytest.mark.parametrize("path", ["/unified/ats/assessments/orders", "/v1/webhooks", "/connect_sessions"])
async def test_a_stranger_is_refused_before_his_body_is_read(house: House, path: str) -> None:
    """An unauthenticated caller is refused while its body is still missing, so that no large body is parsed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.client.base_url.port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nhost: greenroom\r\nauthorization: {basic('gk_wrong')}\r\n"
        "content-type: application/json\r\ncontent-length: 1000\r\n\r\n".encode()
    )
    async with asyncio.timeout(10):
        answer = await reader.readline()
    writer.close()

    assert answer.split()[1] == b"401"
