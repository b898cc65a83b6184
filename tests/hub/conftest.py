"""The project `proctor` on each database, with a customer at its hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import Linked, open_house
from tests.hub.customers import Customer, allow


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Linked]:
    """The project on a gateway with its own database, once per kind of database."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    async with open_house(tmp_path, url) as one:
        linked = await one.link("proctor", package_id="pkg_core_sql")
        await allow(linked)
        yield linked


@pytest.fixture
async def customer(proctor: Linked) -> Customer:
    """A customer at the hub of a project with one integration, on SQLite."""
    await allow(proctor)
    return await Customer.open(proctor)
