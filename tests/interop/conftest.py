"""Fixtures: the SDK's process, once for all tests, and a project's SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.house import Linked
from tests.interop.sdk import HERE, Driver, Sdk, running_driver
from tests.support.tools import missing_node, need, npm_install


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """The official SDK in Node; without Node the tests are skipped, and fail in CI."""
    need(missing_node())
    npm_install(HERE)
    with running_driver() as one:
        yield one


@pytest.fixture
def sdk(driver: Driver, proctor: Linked) -> Sdk:
    """The SDK with Proctor's key."""
    return Sdk(driver, proctor)
