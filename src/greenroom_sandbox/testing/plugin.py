"""pytest fixtures: a simulator on a free port, at its seed for each test. Nothing happens until one is asked for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from greenroom_sandbox.testing.client import Greenhouse

READY = "Greenhouse simulator: "
#: where the clock stands at the start of a test
MONDAY_MORNING = "2026-01-05T09:00:00Z"


@pytest.fixture(scope="session")
def greenhouse_arguments() -> list[str]:
    """Arguments of ``greenroom-sandbox`` besides the port; override it in a ``conftest.py`` to change them."""
    return []


@pytest.fixture(scope="session")
def greenhouse_address(greenhouse_arguments: list[str]) -> Iterator[str]:
    """The address of a simulator that runs until the last test is over, ``http://127.0.0.1:PORT``."""
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
def greenhouse(greenhouse_address: str) -> Greenhouse:
    """The simulator back at its seed, its clock standing still on a Monday morning: every test sees the same ids."""
    from greenroom_sandbox.testing.client import Greenhouse

    client = Greenhouse(greenhouse_address)
    client.reset(now=MONDAY_MORNING)
    return client
