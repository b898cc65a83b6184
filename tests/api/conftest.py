"""A project on each database, for tests whose behaviour depends on the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import Linked, open_house


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def on_each_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Linked]:
    """The project `proctor` on a gateway with its own database, once per kind of database."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    async with open_house(tmp_path, url) as one:
        yield await one.link("proctor", package_id="pkg_core_sql")
