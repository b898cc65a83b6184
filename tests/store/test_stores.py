"""Tests of units of work: atomic, isolated in batches, limited to their transaction. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from greenroom.errors import Invalid, Unavailable
from greenroom.store import migrate
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx
from greenroom.store.installation import SEALED
from greenroom.store.migrations import apply
from greenroom.store.postgres import POOL, PostgresStore
from greenroom.store.schema import metadata
from greenroom.store.sqlite import SqliteStore
from greenroom.store.statement_batching import GROUP
from tests.support.postgres import Postgres


async def add(store: Store, name: str, *, fail: bool = False, batchable: bool = False) -> None:
    """Adds a project, and raises Invalid afterwards if `fail`."""

    async def work(tx: Tx) -> None:
        await project_rows.ensure(tx, f"prj_{name}", name)
        if fail:
            raise Invalid(name)

    await (store.batchable_write if batchable else store.write)(work)


async def names(store: Store) -> list[str]:
    """Returns the names of all projects."""
    return [project.name for project in await store.read(project_rows.list_projects)]


@asynccontextmanager
async def locking(url: str, table: str) -> AsyncIterator[None]:
    """Locks a table from another connection, so that statements on it wait in a healthy database."""
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    await other.close()


both_kinds = pytest.mark.parametrize("batchable", [False, True], ids=["ordinary", "batchable"])


@both_kinds
async def test_a_failed_unit_is_rolled_back(store: Store, batchable: bool) -> None:
    """The caller gets the exception, and the next unit of work succeeds."""
    with pytest.raises(Invalid):
        await add(store, "lost", fail=True, batchable=batchable)
    await add(store, "kept", batchable=batchable)

    assert await names(store) == ["kept"]


@both_kinds
async def test_a_failed_unit_does_not_affect_concurrent_ones(store: Store, batchable: bool) -> None:
    """Of a hundred concurrent units every third fails, and the others are committed."""
    works = [add(store, f"{number:03}", fail=number % 3 == 0, batchable=batchable) for number in range(100)]
    answers = await asyncio.gather(*works, return_exceptions=True)

    assert [isinstance(answer, Invalid) for answer in answers] == [number % 3 == 0 for number in range(100)]
    assert await names(store) == [f"{number:03}" for number in range(100) if number % 3]


@both_kinds
async def test_a_unit_that_the_database_refuses_does_not_affect_concurrent_ones(store: Store, batchable: bool) -> None:
    """Of two rows with the same id one is added, the other fails, and all other units are committed."""
    works = [add(store, f"{number:03}", batchable=batchable) for number in range(10)]

    async def again(tx: Tx) -> None:
        await tx.run("INSERT INTO projects (id, name, created_at) VALUES ('prj_005', 'another', now_ms())")

    refused = (store.batchable_write if batchable else store.write)(again)
    answers = await asyncio.gather(*works, refused, return_exceptions=True)

    assert len([answer for answer in answers if isinstance(answer, Exception)]) == 1
    assert len(await names(store)) == 10


@pytest.mark.parametrize("kind", ["batchable_read", "batchable_write"])
async def test_a_unit_that_fails_before_it_writes_does_not_restart_the_batch(store: Store, kind: str) -> None:
    """Each unit of the batch runs once, since there is nothing to roll back."""
    begun = list[int]()
    await add(store, "here")

    async def work(tx: Tx, number: int) -> str | None:
        begun.append(number)
        row = await tx.one("SELECT name FROM projects WHERE id = $1", "prj_here" if number % 3 else "prj_gone")
        if kind == "batchable_write":
            await tx.run("UPDATE projects SET name = name WHERE id = $1", "prj_gone")  # touches nothing
        if row is None:
            raise Invalid(str(number))
        return str(row["name"])

    answers = await asyncio.gather(
        *(getattr(store, kind)(lambda tx, number=number: work(tx, number)) for number in range(20)),
        return_exceptions=True,
    )

    assert [answer if isinstance(answer, str) else type(answer) for answer in answers] == [
        "here" if number % 3 else Invalid for number in range(20)
    ]
    assert sorted(begun) == list(range(20))


async def test_batched_units_get_their_own_answers(store: Store) -> None:
    """Each unit gets its own rows and counts, and sees its own writes."""

    async def work(tx: Tx, number: int) -> tuple[int, int, list[str], str | None]:
        mine = f"prj_{number}"
        if number % 2:  # units of a batch may differ in their statements
            await tx.one("SELECT id FROM projects WHERE id = $1", mine)
        added = await tx.run("INSERT INTO projects (id, name, created_at) VALUES ($1, $2, now_ms())", mine, mine)
        none = await tx.run("UPDATE projects SET name = name WHERE id = $1", f"{mine} of nobody")
        rows = await tx.all("SELECT name FROM projects WHERE id IN ($1, $2)", mine, "prj_none")
        missing = await tx.one("SELECT name FROM projects WHERE id = $1", "prj_none")
        return added, none, [row["name"] for row in rows], missing and missing["name"]

    answers = await asyncio.gather(
        *(store.batchable_write(lambda tx, number=number: work(tx, number)) for number in range(70))  # type: ignore[misc]
    )

    assert answers == [(1, 0, [f"prj_{number}"], None) for number in range(70)]


PROJECT = "INSERT INTO projects (id, name, created_at) SELECT id, name, now_ms() FROM {given}"
KEY = (
    "INSERT INTO api_keys (id, project_id, name, hint, key_hash, created_at) "
    "SELECT id, project_id, 'key', given.hint, id, now_ms() FROM {given}"
)


@both_kinds
async def test_added_rows_are_visible_to_the_next_statement(store: Store, batchable: bool) -> None:
    """Units may add different numbers of rows to several tables with foreign keys."""

    async def work(tx: Tx, number: int) -> tuple[int, int]:
        mine = f"prj_{number}"
        await tx.add(PROJECT, {"id": "TEXT", "name": "TEXT"}, (mine, mine))
        before = await tx.run("UPDATE projects SET name = name WHERE id = $1", mine)
        for key in range(number % 3):
            await tx.add(
                KEY, {"id": "TEXT", "project_id": "TEXT", "hint": "TEXT"}, (f"key_{number}_{key}", mine, "x" * key)
            )
        if number % 2:
            await tx.add(PROJECT, {"id": "TEXT", "name": "TEXT"}, (f"{mine} too", f"{mine} too"))
        row = await tx.one("SELECT COUNT(*) AS keys FROM api_keys WHERE project_id = $1", mine)
        return before, int(row["keys"]) if row else -1

    write = store.batchable_write if batchable else store.write
    answers = await asyncio.gather(
        *(write(lambda tx, number=number: work(tx, number)) for number in range(70))  # type: ignore[misc]
    )

    assert answers == [(1, number % 3) for number in range(70)]
    assert len(await names(store)) == 70 + 35


@both_kinds
async def test_a_refused_row_does_not_affect_concurrent_units(store: Store, batchable: bool) -> None:
    """Other units are committed even if the row is refused after its unit has ended."""

    async def work(tx: Tx, name: str) -> str:
        await tx.add(PROJECT, {"id": "TEXT", "name": "TEXT"}, (f"prj_{name}", name))
        return name

    write = store.batchable_write if batchable else store.write
    answers = await asyncio.gather(
        *(write(lambda tx, name=name: work(tx, name)) for name in ("a", "b", "a", "c")),  # type: ignore[misc]
        return_exceptions=True,
    )

    assert sorted(answer for answer in answers if isinstance(answer, str)) == ["a", "b", "c"]
    assert await names(store) == ["a", "b", "c"]


async def test_batched_reads_get_their_own_answers(store: Store) -> None:
    """Each read gets its row, or None."""
    await add(store, "here")

    async def find(tx: Tx, name: str) -> str | None:
        row = await tx.one("SELECT name FROM projects WHERE name = $1", name)
        return row and str(row["name"])

    wanted = ["here", "gone"] * 20
    found = await asyncio.gather(
        *(store.batchable_read(lambda tx, name=name: find(tx, name)) for name in wanted)  # type: ignore[misc]
    )

    assert found == ["here", None] * 20


@pytest.mark.postgres
async def test_a_read_is_one_snapshot(postgres: Postgres, migrated: str) -> None:
    """A read does not see commits made since it began."""
    store = PostgresStore(postgres.create_database(migrated))

    async def work(tx: Tx) -> list[str]:
        await project_rows.list_projects(tx)
        await add(store, "meanwhile")
        return [project.name for project in await project_rows.list_projects(tx)]

    assert await store.read(work) == []
    assert await names(store) == ["meanwhile"]
    await store.close()


@pytest.mark.postgres
async def test_concurrent_batchable_units_share_a_transaction(postgres: Postgres, migrated: str) -> None:
    """Twenty concurrent units have the same transaction id."""
    store = PostgresStore(postgres.create_database(migrated))

    async def transaction(tx: Tx) -> int:
        row = await tx.one("SELECT txid_current() AS id")
        return int(row["id"]) if row else 0

    ids = await asyncio.gather(*(store.batchable_write(transaction) for _ in range(20)))
    await store.close()

    assert len(set(ids)) == 1


async def test_concurrent_units_create_one_project_of_a_name(store: Store) -> None:
    """The unique constraint makes creation idempotent."""

    async def make(number: int) -> str:
        return (await store.write(lambda tx: project_rows.ensure(tx, f"prj_{number}", "same")))[0].id

    ids = await asyncio.gather(*(make(number) for number in range(20)))

    assert len(set(ids)) == 1


async def test_text_that_cannot_be_stored_is_invalid(store: Store) -> None:
    """A lone surrogate raises Invalid, and the store stays usable."""
    for batchable in (False, True):
        with pytest.raises(Invalid, match="cannot be stored"):
            await add(store, "\ud800", batchable=batchable)
    await add(store, "fine")
    assert await names(store) == ["fine"]


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    """A closed SQLite store raises Unavailable."""
    await add(store, "before")
    await store.close()
    if isinstance(store, SqliteStore):
        with pytest.raises(Unavailable):
            await add(store, "after")


async def test_a_unit_of_work_awaits_only_its_transaction(tmp_path: Path) -> None:
    """A unit of work that awaits anything else raises RuntimeError."""
    store = SqliteStore(tmp_path / "x.db")

    async def wait(_: Tx) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not its transaction"):
        await store.write(wait)
    await store.close()


@pytest.mark.postgres
async def test_the_store_recovers_when_the_database_is_back(postgres: Postgres, migrated: str) -> None:
    """A killed database raises Unavailable; after its restart the store works, and no data is lost."""
    store = PostgresStore(postgres.create_database(migrated))
    await add(store, "before")
    await asyncio.to_thread(postgres.kill)
    try:
        with pytest.raises(Unavailable) as caught:
            await add(store, "during")
        batchable = await asyncio.gather(
            *(add(store, f"q{n}", batchable=True) for n in range(5)), return_exceptions=True
        )
        assert all(isinstance(answer, Unavailable) for answer in batchable)
    finally:
        await asyncio.to_thread(postgres.start)
    assert caught.value.retry_after
    await add(store, "after")

    assert await names(store) == ["after", "before"]
    await store.close()


@pytest.mark.postgres
async def test_a_frozen_database_is_unavailable_to_all_callers(postgres: Postgres, migrated: str) -> None:
    """Callers in a transaction, in a batch, behind it or without a connection get Unavailable."""
    store = PostgresStore(postgres.create_database(migrated))
    await asyncio.gather(*(add(store, f"before{number}") for number in range(POOL)))
    await asyncio.to_thread(postgres.freeze)
    try:
        async with asyncio.timeout(10):
            kinds = [*[names(store) for _ in range(POOL)], *[add(store, f"n{number}") for number in range(POOL)]]
            batchable = [add(store, f"q{number}", batchable=True) for number in range(3 * GROUP)]
            results = await asyncio.gather(*kinds, *batchable, return_exceptions=True)
    finally:
        await asyncio.to_thread(postgres.thaw)
    assert {type(one) for one in results} == {Unavailable}

    async with asyncio.timeout(20):  # neither connections nor queued units are left over
        await asyncio.gather(*(add(store, f"after{number}") for number in range(2 * POOL)))
    assert {name for name in await names(store) if not name.startswith(("n", "q"))} == {
        *(f"before{number}" for number in range(POOL)), *(f"after{number}" for number in range(2 * POOL))
    }  # fmt: skip
    await store.close()


@pytest.mark.postgres
async def test_a_long_statement_is_not_cut_off(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements that wait for a lock go on while the database answers probes."""
    url = postgres.create_database(migrated)
    store, asked = PostgresStore(url), asyncio.Semaphore(0)
    is_there = store._watchdog._answers

    async def watched() -> bool:
        asked.release()
        return await is_there()

    monkeypatch.setattr(store._watchdog, "_answers", watched)
    async with locking(url, "projects"):
        lasting = [asyncio.create_task(add(store, "lasting")), asyncio.create_task(names(store))]
        async with asyncio.timeout(20):
            for _ in range(3):
                await asked.acquire()
        assert not any(one.done() for one in lasting)
    await asyncio.gather(*lasting)

    assert await names(store) == ["lasting"]
    await store.close()


@pytest.mark.postgres
async def test_a_batch_over_its_time_is_dropped(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The units of a slow batch get Unavailable, and the next batch has a new connection."""
    monkeypatch.setattr("greenroom.store.postgres.BATCH_WRITE_S", 0.1)
    url = postgres.create_database(migrated)
    store = PostgresStore(url)
    async with locking(url, "projects"), asyncio.timeout(20):
        results = await asyncio.gather(*(add(store, f"{n}", batchable=True) for n in range(3)), return_exceptions=True)
    assert {type(one) for one in results} == {Unavailable}
    monkeypatch.undo()
    await add(store, "next", batchable=True)

    assert await names(store) == ["next"]
    await store.close()


@pytest.mark.parametrize(
    ("error", "there"),
    [
        (asyncpg.TooManyConnectionsError("sorry"), True),
        (asyncpg.InvalidPasswordError("it was changed"), True),
        (asyncpg.CannotConnectNowError("starting up"), False),
        (asyncpg.ConnectionDoesNotExistError("the proxy closed the connection"), False),
        (ConnectionRefusedError(), False),
        (TimeoutError(), False),
    ],
)
async def test_the_probe_accepts_a_refusal_as_an_answer(
    error: Exception, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or protected database answers; a starting or unreachable one does not."""

    async def connect(**_: object) -> None:
        raise error

    monkeypatch.setattr(asyncpg, "connect", connect)
    assert await PostgresStore("postgresql://nobody@127.0.0.1/x")._answers_probe() is there


@pytest.mark.postgres
async def test_closing_does_not_wait_for_a_frozen_database(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the store stops after its timeout."""
    monkeypatch.setattr("greenroom.store.postgres.CLOSING_S", 0.1)
    store = PostgresStore(postgres.create_database(migrated))
    await add(store, "kept")
    await asyncio.to_thread(postgres.freeze)
    try:
        async with asyncio.timeout(10):
            await store.close()
    finally:
        await asyncio.to_thread(postgres.thaw)


async def test_the_migrations_make_the_tables_of_the_schema(database_url: str) -> None:
    """Migrations and schema have no difference, and a second upgrade does nothing."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await migrate.upgrade(database_url) == []
    assert await migrate.missing(database_url) == []
    assert await apply.run(database_url, differences) == []


def test_every_sealed_column_is_resealed() -> None:
    """`SEALED` has all sealed columns of the schema, with their keys."""
    assert sorted((one.table, one.column, one.key) for one in SEALED) == sorted(
        (table.name, column.name, tuple(table.primary_key.columns.keys()))
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    )


async def test_each_migration_is_compatible_with_the_previous_version(tmp_path: Path) -> None:
    """No migration removes or changes a column, or adds a mandatory one without a default."""
    url = migrate.sqlite_url(tmp_path / "greenroom.db")

    def step(revision: str) -> Callable[[Connection], dict[str, dict[str, Any]]]:
        def work(connection: Connection) -> dict[str, dict[str, Any]]:
            command.upgrade(apply.config(connection), revision)
            tables = inspect(connection)
            return {
                name: {column["name"]: column for column in tables.get_columns(name)}
                for name in tables.get_table_names()
            }

        return work

    first, *later = await migrate.missing(url)
    before = await apply.run(url, step(first))
    for revision in later:
        after = await apply.run(url, step(revision))
        for table, columns in before.items():
            for name, column in columns.items():
                assert name in after.get(table, {}), f"{revision} takes {table}.{name} away"
                assert str(after[table][name]["type"]) == str(column["type"]), f"{revision} changes {table}.{name}"
                assert after[table][name]["nullable"] or not column["nullable"], f"{revision} demands {table}.{name}"
            for name in after[table].keys() - columns.keys():
                new = after[table][name]
                assert new["nullable"] or new["default"], f"{revision} demands {table}.{name}, which nobody gives yet"
        before = after


async def test_missing_lists_all_revisions_of_an_empty_database(tmp_path: Path) -> None:
    """The list does not change until the upgrade applies it."""
    url = migrate.sqlite_url(tmp_path / "new.db")
    before = await migrate.missing(url)

    assert before
    assert await migrate.missing(url) == before
    assert await migrate.upgrade(url) == before


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_request_logs_that_could_not_be_erased_are_removed(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """The migration to erasure removes old bodies and searches by e-mail from the request log."""
    url = migrate.sqlite_url(tmp_path / "old.db")
    if kind == "postgres":
        url = request.getfixturevalue("postgres").create_database()

    def old(connection: Connection) -> None:
        command.upgrade(apply.config(connection), "0011")
        connection.execute(text("INSERT INTO projects (id, name, created_at) VALUES ('prj_1', 'p', 0)"))
        for number, query in enumerate(("?candidate_email=ada@example.test", "?status=received")):
            values = (
                f"('req_{number}', 'prj_1', 'GET', '/v1/orders', 'https://g.example.com/v1/orders{query}', 1, 0, 'x',"
            )
            columns = "id, project_id, method, path, url, duration_ms, started_at, detail_sealed, listed, source_type"
            connection.execute(text(f"INSERT INTO request_logs ({columns}) VALUES {values} 'platform', 'API')"))

    def left(connection: Connection) -> list[tuple[object, ...]]:
        rows = connection.execute(text("SELECT id, url, detail_sealed FROM request_logs ORDER BY id"))
        return [tuple(row) for row in rows]

    await apply.run(url, old)
    assert "0012" in await migrate.upgrade(url)
    assert await apply.run(url, left) == [
        ("req_0", "/v1/orders", None),
        ("req_1", "https://g.example.com/v1/orders?status=received", None),
    ]
