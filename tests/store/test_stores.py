"""Units of work: all or nothing, together, and nothing but their transaction. On both databases."""

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


async def add(store: Store, name: str, *, fail: bool = False, quick: bool = False) -> None:
    """Make a project, and fail after it was written when asked to."""

    async def work(tx: Tx) -> None:
        await project_rows.ensure(tx, f"prj_{name}", name)
        if fail:
            raise Invalid(name)

    await (store.batchable_write if quick else store.write)(work)


async def names(store: Store) -> list[str]:
    """Every project's name."""
    return [project.name for project in await store.read(project_rows.list_projects)]


@asynccontextmanager
async def locking(url: str, table: str) -> AsyncIterator[None]:
    """Somebody else has a table for themselves: whoever asks for it waits in the database, which is fine."""
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    await other.close()


either = pytest.mark.parametrize("quick", [False, True], ids=["ordinary", "quick"])


@either
async def test_what_fails_leaves_nothing_behind(store: Store, quick: bool) -> None:
    """The error reaches its caller; the next unit of work is fine."""
    with pytest.raises(Invalid):
        await add(store, "lost", fail=True, quick=quick)
    await add(store, "kept", quick=quick)

    assert await names(store) == ["kept"]


@either
async def test_a_failing_neighbour_hurts_nobody(store: Store, quick: bool) -> None:
    """A hundred at once, every third fails: the others are there."""
    works = [add(store, f"{number:03}", fail=number % 3 == 0, quick=quick) for number in range(100)]
    answers = await asyncio.gather(*works, return_exceptions=True)

    assert [isinstance(answer, Invalid) for answer in answers] == [number % 3 == 0 for number in range(100)]
    assert await names(store) == [f"{number:03}" for number in range(100) if number % 3]


@either
async def test_a_neighbour_that_the_database_refuses_hurts_nobody(store: Store, quick: bool) -> None:
    """The same id twice: one is there, the other is an error, and everybody else is fine."""
    works = [add(store, f"{number:03}", quick=quick) for number in range(10)]

    async def again(tx: Tx) -> None:
        await tx.run("INSERT INTO projects (id, name, created_at) VALUES ('prj_005', 'another', now_ms())")

    refused = (store.batchable_write if quick else store.write)(again)
    answers = await asyncio.gather(*works, refused, return_exceptions=True)

    assert len([answer for answer in answers if isinstance(answer, Exception)]) == 1
    assert len(await names(store)) == 10


@pytest.mark.parametrize("kind", ["batchable_read", "batchable_write"])
async def test_who_is_refused_before_it_wrote_costs_the_others_nothing(store: Store, kind: str) -> None:
    """A wrong key, an id that is taken: nothing is to be undone, so nobody begins again."""
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


async def test_quick_units_keep_their_answers_apart(store: Store) -> None:
    """Each has its own rows, its own count, and sees what it wrote itself; whatever statement it is at."""

    async def work(tx: Tx, number: int) -> tuple[int, int, list[str], str | None]:
        mine = f"prj_{number}"
        if number % 2:  # neighbours need not ask the same, nor be equally long
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


@either
async def test_what_is_added_is_there_for_the_next_statement(store: Store, quick: bool) -> None:
    """Rows of several tables that refer to each other, from units that add different ones, and not equally many."""

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

    write = store.batchable_write if quick else store.write
    answers = await asyncio.gather(
        *(write(lambda tx, number=number: work(tx, number)) for number in range(70))  # type: ignore[misc]
    )

    assert answers == [(1, number % 3) for number in range(70)]
    assert len(await names(store)) == 70 + 35


@either
async def test_an_added_row_that_is_refused_hurts_nobody_else(store: Store, quick: bool) -> None:
    """Though the unit of work had come to its end before the database said no."""

    async def work(tx: Tx, name: str) -> str:
        await tx.add(PROJECT, {"id": "TEXT", "name": "TEXT"}, (f"prj_{name}", name))
        return name

    write = store.batchable_write if quick else store.write
    answers = await asyncio.gather(
        *(write(lambda tx, name=name: work(tx, name)) for name in ("a", "b", "a", "c")),  # type: ignore[misc]
        return_exceptions=True,
    )

    assert sorted(answer for answer in answers if isinstance(answer, str)) == ["a", "b", "c"]
    assert await names(store) == ["a", "b", "c"]


async def test_quick_reads_answer_each_its_own(store: Store) -> None:
    """Found, and not found."""
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
    """What is committed meanwhile is not seen, or a page would show half of a change."""
    store = PostgresStore(postgres.create_database(migrated))

    async def work(tx: Tx) -> list[str]:
        await project_rows.list_projects(tx)
        await add(store, "meanwhile")
        return [project.name for project in await project_rows.list_projects(tx)]

    assert await store.read(work) == []
    assert await names(store) == ["meanwhile"]
    await store.close()


@pytest.mark.postgres
async def test_quick_units_that_come_together_share_a_transaction(postgres: Postgres, migrated: str) -> None:
    """One commit for all of them."""
    store = PostgresStore(postgres.create_database(migrated))

    async def transaction(tx: Tx) -> int:
        row = await tx.one("SELECT txid_current() AS id")
        return int(row["id"]) if row else 0

    ids = await asyncio.gather(*(store.batchable_write(transaction) for _ in range(20)))
    await store.close()

    assert len(set(ids)) == 1


async def test_one_project_of_a_name_however_many_make_it(store: Store) -> None:
    """Idempotency is the database's."""

    async def make(number: int) -> str:
        return (await store.write(lambda tx: project_rows.ensure(tx, f"prj_{number}", "same"))).id

    ids = await asyncio.gather(*(make(number) for number in range(20)))

    assert len(set(ids)) == 1


async def test_text_that_no_database_has_is_the_callers_fault(store: Store) -> None:
    """Half a surrogate pair: refused by name, and the store goes on."""
    for quick in (False, True):
        with pytest.raises(Invalid, match="cannot be stored"):
            await add(store, "\ud800", quick=quick)
    await add(store, "fine")
    assert await names(store) == ["fine"]


async def test_closed_is_unavailable(store: Store) -> None:
    """What was accepted before is finished."""
    await add(store, "before")
    await store.close()
    if isinstance(store, SqliteStore):
        with pytest.raises(Unavailable):
            await add(store, "after")


async def test_a_unit_of_work_awaits_only_its_transaction(tmp_path: Path) -> None:
    """A transaction cannot span a remote call."""
    store = SqliteStore(tmp_path / "x.db")

    async def wait(_: Tx) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not its transaction"):
        await store.write(wait)
    await store.close()


@pytest.mark.postgres
async def test_a_database_that_is_away_is_unavailable_until_it_is_back(postgres: Postgres, migrated: str) -> None:
    """Killed with -9 and started again: no restart of ours, nothing lost."""
    store = PostgresStore(postgres.create_database(migrated))
    await add(store, "before")
    await asyncio.to_thread(postgres.kill)
    try:
        with pytest.raises(Unavailable) as caught:
            await add(store, "during")
        quick = await asyncio.gather(*(add(store, f"q{n}", quick=True) for n in range(5)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in quick)
    finally:
        await asyncio.to_thread(postgres.start)
    assert caught.value.retry_after
    await add(store, "after")

    assert await names(store) == ["after", "before"]
    await store.close()


@pytest.mark.postgres
async def test_a_frozen_database_is_away_for_everybody_who_waits(postgres: Postgres, migrated: str) -> None:
    """Its connections are open and nothing answers: under way, in a group, behind it, without a connection yet."""
    store = PostgresStore(postgres.create_database(migrated))
    await asyncio.gather(*(add(store, f"before{number}") for number in range(POOL)))
    await asyncio.to_thread(postgres.freeze)
    try:
        async with asyncio.timeout(10):
            kinds = [*[names(store) for _ in range(POOL)], *[add(store, f"n{number}") for number in range(POOL)]]
            quick = [add(store, f"q{number}", quick=True) for number in range(3 * GROUP)]
            told = await asyncio.gather(*kinds, *quick, return_exceptions=True)
    finally:
        await asyncio.to_thread(postgres.thaw)
    assert {type(one) for one in told} == {Unavailable}

    async with asyncio.timeout(20):  # nothing is left of what had waited: not a connection, and not its place
        await asyncio.gather(*(add(store, f"after{number}") for number in range(2 * POOL)))
    assert {name for name in await names(store) if not name.startswith(("n", "q"))} == {
        *(f"before{number}" for number in range(POOL)), *(f"after{number}" for number in range(2 * POOL))
    }  # fmt: skip
    await store.close()


@pytest.mark.postgres
async def test_what_the_database_is_doing_may_last(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers others meanwhile: a large list, a deletion of many rows, a lock, a disk that stands still."""
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
async def test_a_quick_unit_that_lasts_gives_way(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody else's wait for it: its connection is dropped, and the next has another."""
    monkeypatch.setattr("greenroom.store.postgres.BATCH_WRITE_S", 0.1)
    url = postgres.create_database(migrated)
    store = PostgresStore(url)
    async with locking(url, "projects"), asyncio.timeout(20):
        told = await asyncio.gather(*(add(store, f"{n}", quick=True) for n in range(3)), return_exceptions=True)
    assert {type(one) for one in told} == {Unavailable}
    monkeypatch.undo()
    await add(store, "next", quick=True)

    assert await names(store) == ["next"]
    await store.close()


@pytest.mark.parametrize(
    ("said", "there"),
    [
        (asyncpg.TooManyConnectionsError("sorry"), True),
        (asyncpg.InvalidPasswordError("it was changed"), True),
        (asyncpg.CannotConnectNowError("starting up"), False),
        (asyncpg.ConnectionDoesNotExistError("what is in front of it hung up"), False),
        (ConnectionRefusedError(), False),
        (TimeoutError(), False),
    ],
)
async def test_whether_it_is_there(said: Exception, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is an answer, too."""

    async def connect(**_: object) -> None:
        raise said

    monkeypatch.setattr(asyncpg, "connect", connect)
    assert await PostgresStore("postgresql://nobody@127.0.0.1/x")._answers_probe() is there


@pytest.mark.postgres
async def test_closing_does_not_wait_for_a_frozen_database(
    postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop goes on."""
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
    """On both databases, to the last index; a second upgrade does nothing."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await migrate.upgrade(database_url) == []
    assert await migrate.missing(database_url) == []
    assert await apply.run(database_url, differences) == []


def test_every_sealed_column_is_resealed() -> None:
    """The written list is the schema's, keys included."""
    assert sorted(SEALED) == sorted(
        (table.name, column.name, tuple(table.primary_key.columns.keys()))
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    )


async def test_each_migration_leaves_the_version_before_at_work(tmp_path: Path) -> None:
    """Its processes run on while the new ones start: what they read is there, and what they insert is enough."""
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


async def test_missing_is_honest(tmp_path: Path) -> None:
    """An empty database lacks everything, and asking changes nothing."""
    url = migrate.sqlite_url(tmp_path / "new.db")
    before = await migrate.missing(url)

    assert before
    assert await migrate.missing(url) == before
    assert await migrate.upgrade(url) == before


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_what_could_not_be_erased_is_not_kept(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """Bodies in the request log from before it said whose they are, and whom somebody looked for; the lines stay."""
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
