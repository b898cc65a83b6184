"""What every test may ask for: a PostgreSQL server, a store on each database, a gateway with a project on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from greenroom.store import migrate
from greenroom.store.db import Store
from greenroom.store.postgres import PostgresStore
from greenroom.store.sqlite import SqliteStore
from tests.house import House, Linked, open_house
from tests.support.postgres import Postgres, in_thread, running_postgres

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests; each test has a database of its own on it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database at the newest revision, to be copied."""
    url = postgres.create_database()
    in_thread(migrate.upgrade(url))
    return url.rpartition("/")[2]


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of the test's own, as `store.migrate` names it."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.create_database(request.getfixturevalue("migrated"))
    url = migrate.sqlite_url(tmp_path / "greenroom.db")
    in_thread(migrate.upgrade(url))
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on each database."""
    opened: Store
    if database_url.startswith("postgresql"):
        opened = PostgresStore(database_url)
    else:
        opened = SqliteStore(Path(database_url.removeprefix("sqlite:///")))
    yield opened
    await opened.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway with its neighbours."""
    async with open_house(tmp_path) as one:
        yield one


@pytest.fixture
async def proctor(house: House) -> Linked:
    """A project with an integration, an account and a static package."""
    return await house.link("proctor", package_id="pkg_core_sql")
