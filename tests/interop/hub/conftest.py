"""Fixtures: the vendor's built pages, a gateway that allows their origin, and a tab of the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.house import open_house
from tests.interop.hub.stage import Stage, open_stage
from tests.interop.hub.vendor import HERE, build, running_vendor
from tests.support.browser import chromium
from tests.support.ports import free_port
from tests.support.tools import missing_node, need, npm_install


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the bundled pages; without Node the tests are skipped, and fail in CI."""
    need(missing_node())
    npm_install(HERE)
    target = tmp_path_factory.mktemp("built")
    build(target)
    return target


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser for the tests of a file."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def stage(tmp_path: Path, built: Path, browser: Browser) -> AsyncIterator[Stage]:
    """A customer's tab, and the vendor whose pages it shows."""
    port = free_port()
    gateway = f"http://127.0.0.1:{port}"
    async with (
        open_house(tmp_path, port=port, public_url=gateway) as house,
        running_vendor(built, gateway) as vendor,
        open_stage(house, vendor, browser) as one,
    ):
        yield one
