"""pytest fixtures for a simulator, started only when a test requests one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from greenroom_sandbox.testing.ashby import Ashby
    from greenroom_sandbox.testing.client import Greenhouse

READY = "Greenhouse simulator: "
#: the time at which the clock is frozen at the start of a test
MONDAY_MORNING = "2026-01-05T09:00:00Z"


@pytest.fixture(scope="session")
def greenhouse_arguments() -> list[str]:
    """Further arguments of ``greenroom-sandbox``.

    Override it in a ``conftest.py`` to change them.
    """
    return []


@pytest.fixture(scope="session")
def greenhouse_address(greenhouse_arguments: list[str]) -> Iterator[str]:
    """The address of the session's simulator, ``http://127.0.0.1:PORT``."""
    command = [sys.executable, "-m", "greenroom_sandbox", "--port", "0", *greenhouse_arguments]
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            said = process.stdout.readline()
            if not said.startswith(READY):
                process.wait()
                complaints.seek(0)
                pytest.fail(f"the simulator did not start: {complaints.read()[-2000:]}", pytrace=False)
            yield said.removeprefix(READY).strip()
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


@pytest.fixture
def _greenroom_sandbox_reset(greenhouse_address: str) -> None:
    """Resets the simulator once for a test, also for one with both ATSs."""
    from greenroom_sandbox.testing.http import Client

    Client(greenhouse_address).reset(now=MONDAY_MORNING)


@pytest.fixture
def greenhouse(greenhouse_address: str, _greenroom_sandbox_reset: None) -> Greenhouse:
    """A client of Greenhouse in the simulator, reset to its seed with a frozen clock.

    Every test sees the same ids.
    """
    from greenroom_sandbox.testing.client import Greenhouse

    return Greenhouse(greenhouse_address)


@pytest.fixture
def ashby(greenhouse_address: str, _greenroom_sandbox_reset: None) -> Ashby:
    """A client of Ashby in the same simulator, reset to its seed with a frozen clock."""
    from greenroom_sandbox.testing.ashby import Ashby

    return Ashby(greenhouse_address)
