"""Tests that store and migrations connect alike: TLS, Unix sockets, several hosts, passwords."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
import trustme
from sqlalchemy import Connection, text

from greenroom.errors import Unavailable
from greenroom.store import migrate
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx
from greenroom.store.migrations import apply
from greenroom.store.postgres import PostgresStore
from tests.support.ports import free_port
from tests.support.postgres import Postgres, running_postgres
from tests.support.processes import environment

pytestmark = pytest.mark.postgres
PASSWORD = "p@ss:/w?rd#100% +é"
SESSION = """
    SELECT usename || ' ' || regexp_replace(application_name, '^greenroom [0-9a-f]+$', '') || ' tls=' || ssl AS session
    FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE pid = pg_backend_pid()
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Returns the certificate authority of the server's certificate."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the file with the authority's certificate."""
    path = tmp_path_factory.mktemp("ca") / "root.crt"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[Postgres]:
    """Runs a server with a certificate for `localhost`, not for 127.0.0.1, and a user `scram` with a password."""
    issued = authority.issue_cert("localhost")
    with running_postgres(durable=False) as one:
        try:
            one.use_tls(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
        except RuntimeError as error:
            if "SSL is not supported by this build" in str(error):
                pytest.skip("these programs of PostgreSQL were built without TLS")
            raise
        one.execute(f"CREATE ROLE scram LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        yield one


async def sessions(url: str) -> list[str]:
    """Returns the server's description of a migration's session, and of the store's."""

    def migration(connection: Connection) -> str:
        return str(connection.execute(text(SESSION)).scalar_one())

    async def unit(tx: Tx) -> str:
        row = await tx.one(SESSION)
        assert row is not None
        return str(row["session"])

    await migrate.missing(url)
    store = PostgresStore(url)
    try:
        return [await apply.run(url, migration), await store.read(unit)]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("url", "session"),
    [
        ("greenroom@localhost:{port}/postgres", "greenroom  tls=true"),
        ("greenroom@localhost:{port}/postgres?sslmode=disable", "greenroom  tls=false"),
        ("greenroom@127.0.0.1:{port}/postgres?sslmode=require&application_name=g+1", "greenroom g+1 tls=true"),
        ("greenroom@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}", "greenroom  tls=true"),
        ("greenroom@127.0.0.1:{port}/postgres?sslmode=verify-ca&sslrootcert={ca}", "greenroom  tls=true"),
        ("scram:{password}@localhost:{port}/postgres", "scram  tls=true"),
        ("greenroom@/postgres?host={sockets}&port={port}", "greenroom  tls=false"),
        ("greenroom@127.0.0.1:{closed},localhost:{port}/postgres?sslmode=require", "greenroom  tls=true"),
    ],
)
async def test_store_and_migrations_connect_in_the_same_way(url: str, session: str, server: Postgres, ca: Path) -> None:
    """User, application name and TLS are the same in the server's list of sessions."""
    values = {"port": server.port, "closed": free_port(), "ca": ca, "sockets": server.sockets}
    filled = f"postgresql://{url.format(**values, password=quote(PASSWORD, safe=''))}"

    assert await sessions(filled) == [session, session]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("greenroom@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={other}", "TLS certificate is not accepted"),
        ("greenroom@localhost:{port}/postgres?sslmode=verify-ca&sslrootcert={other}", "TLS certificate is not accepted"),
        ("greenroom@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={ca}", "not valid for '127.0.0.1'"),
        ("greenroom@localhost:{port}/postgres?sslmode=verify-full", "root.crt.* does not exist"),
        ("scram:wrong@localhost:{port}/postgres", "password authentication failed"),
    ],
)  # fmt: skip
async def test_an_untrusted_server_is_refused(
    url: str, message: str, server: Postgres, ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrations and store refuse a wrong authority, host name or password; no password is in the message."""
    monkeypatch.setenv("HOME", str(tmp_path))
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(other)
    filled = f"postgresql://{url.format(port=server.port, ca=ca, other=other)}"

    with pytest.raises(Unavailable, match=message) as caught:
        await migrate.upgrade(filled)
    assert "wrong" not in str(caught.value)
    store = PostgresStore(filled)
    with pytest.raises((Unavailable, asyncpg.InvalidPasswordError)) as refused:
        await store.read(project_rows.list_projects)
    assert "wrong" not in str(refused.value)
    await store.close()


async def test_required_tls_fails_on_a_server_without_tls(postgres: Postgres) -> None:
    """`require` fails on a server without TLS, and `prefer` connects."""
    with pytest.raises(Unavailable, match="rejected SSL upgrade"):
        await migrate.upgrade(f"{postgres.url()}?sslmode=require")

    assert await sessions(f"{postgres.url()}?sslmode=prefer") == ["greenroom  tls=false"] * 2


def test_a_command_over_verified_tls(server: Postgres, ca: Path, tmp_path: Path) -> None:
    """A command migrates an empty database and creates a key; no message has the password."""
    database = server.create_database().rpartition("/")[2]
    place = f"scram:{quote(PASSWORD, safe='')}@localhost:{server.port}/{database}"
    url = f"postgresql://{place}?sslmode=verify-full&sslrootcert={ca}"
    command = [sys.executable, "-m", "greenroom", "keys", "create", "--name", "ci"]
    made = subprocess.run(command, env=environment(url, tmp_path), capture_output=True, text=True, timeout=60)
    refused = subprocess.run(
        command, env=environment(f"{url}&x=1", tmp_path), capture_output=True, text=True, timeout=60
    )

    assert (made.returncode, made.stderr) == (0, f"Stored in PostgreSQL: localhost:{server.port}/{database}\n")
    assert made.stdout.startswith("gk_")
    assert refused.returncode == 1
    assert "GREENROOM_DATABASE_URL: 'x' is not a parameter" in refused.stderr
    assert "p%40ss" not in refused.stderr
