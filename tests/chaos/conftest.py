"""Real processes, real faults. The short form is part of every test run; `make chaos` runs the long one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.installation import Installation, installed
from tests.chaos.neighbours import Neighbours, open_neighbours
from tests.chaos.report import Report
from tests.support.postgres import Postgres, create_template, running_postgres
from tests.support.stem import Stem, open_stem

_report = pytest.StashKey[Report]()
Install = Callable[..., AbstractAsyncContextManager[Installation]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-json", metavar="PATH", help="Where to write what each scenario came to.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_report] = Report()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    report = config.stash[_report]
    if report.lines and "chaos" in config.option.markexpr:
        terminalreporter.section("chaos")
        for line in report.table():
            terminalreporter.write_line(line)
    if config.getoption("--chaos-json", None):
        report.write(Path(config.getoption("--chaos-json")))


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Returns the report to which scenarios add their results."""
    return request.config.stash[_report]


@pytest.fixture(scope="session")
def stem() -> Iterator[Stem]:
    """Runs the process that `greenroom` processes are forked from."""
    with open_stem() as one:
        yield one


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Runs a server that writes to the disk at each commit, as an operator's does."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Returns the name of a template database on this server."""
    return create_template(postgres)


@pytest.fixture
async def neighbours() -> AsyncIterator[Neighbours]:
    """Runs the vendor and Greenhouse."""
    async with open_neighbours() as both:
        yield both


@pytest.fixture
def install(request: pytest.FixtureRequest, stem: Stem, tmp_path: Path, neighbours: Neighbours) -> Install:
    """Makes the installation of a test, on "sqlite" or on "postgres"."""

    @asynccontextmanager
    async def make(database: str) -> AsyncIterator[Installation]:
        url = None
        if database == "postgres":
            server: Postgres = request.getfixturevalue("postgres")
            url = server.create_database(request.getfixturevalue("migrated"))
        async with installed(stem, tmp_path, url, neighbours) as one:
            yield one

    return make
