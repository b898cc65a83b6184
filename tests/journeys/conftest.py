"""A gateway with its neighbours for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, Linked, open_house


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Runs a gateway with its neighbours, on a database of its own."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    async with open_house(tmp_path, url) as opened:
        yield opened


@pytest.fixture
async def northwind(house: House) -> Linked:
    """Returns Proctor's project with Northwind linked, and two published packages."""
    linked = await house.link("proctor")
    packages = [{"id": "pkg_core_sql", "name": "SQL essentials (45 min)"}, {"id": "4711", "name": "Listening"}]
    answer = await linked.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    assert answer.status_code == 200, answer.text
    return linked


@pytest.fixture
async def mallory(house: House) -> Linked:
    """Returns another vendor's project with an account of its own."""
    linked = await house.link("mallory", tenant="mallory")
    packages = [{"id": "pkg_mallory", "name": "Mallory's"}]
    await linked.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    return linked
