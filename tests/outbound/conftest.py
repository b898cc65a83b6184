"""Calls go out on the event loop that `serve` has, and on the one that `pytest` has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each test of this folder twice: the two differ in how they connect, break off and look up."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
