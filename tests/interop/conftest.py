"""The SDK's process, once for all tests; a project's SDK for each."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.house import Linked
from tests.interop.sdk import Driver, Sdk, install, missing_tool, running_driver


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """The official SDK in Node; without Node its tests are skipped on a laptop and fail in CI."""
    missing = missing_tool()
    if missing and os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)
    install()
    with running_driver() as one:
        yield one


@pytest.fixture
def sdk(driver: Driver, proctor: Linked) -> Sdk:
    """The SDK with Proctor's key."""
    return Sdk(driver, proctor)
