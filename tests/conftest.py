"""Shared fixtures: a PostgreSQL server, a store on each database, a gateway with a project."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenroom.context import Context
from greenroom.security.tokens import new_id
from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store.db import Store
from greenroom.store.postgres import PostgresStore
from greenroom.store.sqlite import SqliteStore
from tests.doctor import matrix
from tests.house import House, Linked, open_house
from tests.support import sqlite
from tests.support.postgres import Postgres, create_template, running_postgres

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
#: folders and files whose tests take seconds each, the slowest first
SLOW = [
    "bench",
    "chaos",
    "demo",
    "cli",
    "docs",
    "journeys/test_canaries.py",
    "journeys/test_database_away.py",
    "sandbox",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that run for minutes unless a marker asks for them, and puts slow tests first."""
    for marker in ("scale", "chaos"):
        if marker not in config.option.markexpr:
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
    items.sort(key=_slowness)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the confusion matrix of the doctor's scenarios, from the reports of all workers."""
    # pytest keeps the reports of set-up and teardown, which have no outcome of their own, under the empty name
    reports = [one for one in terminalreporter.stats.get("", []) if one.when == "teardown"]
    properties = [one for report in reports for one in report.user_properties]
    if pairs := [pair for name, found in properties if name == matrix.PROPERTY for pair in found]:
        terminalreporter.section("findings expected and found")
        for line in matrix.draw(pairs):
            terminalreporter.line(line)


def _slowness(item: pytest.Item) -> int:
    """Returns a test's place in `SLOW`; with the slow tests first, parallel workers end at about the same time."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((place for place, slow in enumerate(SLOW) if path.startswith(slow)), len(SLOW))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Runs one server for a worker's tests; each test has a database of its own."""
    with running_postgres(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database at the newest revision, used as template."""
    return create_template(postgres)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the test's own migrated database."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.create_database(request.getfixturevalue("migrated"))
    return sqlite.create_database(tmp_path / "greenroom.db")


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


@pytest.fixture
def ctx(store: Store) -> Context:
    """A context for services, on each database."""
    return Context(
        settings=Settings(),
        store=store,
        vault=Vault([b"k" * 32]),
        pepper=b"p" * 32,
        now=lambda: datetime.now(UTC),
        new_id=new_id,
        chance=random.random,
    )
