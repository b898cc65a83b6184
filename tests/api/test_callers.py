"""What every handler asks for: who calls, and what the gateway has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction, isfunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from greenroom.api import build_routers


def called(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """A handler, and all that it depends on."""
    if dependant.call is not None:
        yield dependant.call
    for one in dependant.dependencies:
        yield from called(one)


def test_no_request_goes_to_a_thread() -> None:
    """There and back takes longer than what is done there, and whatever else is being answered waits for it."""
    routes = [route for router in build_routers() for route in router.routes if isinstance(route, APIRoute)]
    functions = {one for route in routes for one in called(route.dependant)}

    assert len(functions) > len(routes)
    assert [one for one in functions if not iscoroutinefunction(one if isfunction(one) else type(one).__call__)] == []
