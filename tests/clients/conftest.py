"""Fixtures: the clients as a user installs them, made once for all test workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.building import Python, build_python, build_typescript, once
from tests.support.tools import missing_node, need


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test workers have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "clients"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def python(shared: Path) -> Python:
    """The Python client in an environment without anything else."""
    return Python(once(shared / "for_python", build_python))


@pytest.fixture(scope="session")
def typescript(shared: Path) -> Path:
    """The built TypeScript client; without Node the tests are skipped, and fail in CI."""
    need(missing_node())
    if too_old := missing_node(20):  # Debian's is older, and does for the other tests
        pytest.skip(too_old)
    return once(shared / "for_typescript", build_typescript) / "typescript"
