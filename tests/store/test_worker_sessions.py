"""Tests of the detection of dead workers by their sessions, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from greenroom.errors import Unavailable
from greenroom.store import worker_sessions
from greenroom.store.postgres import PostgresStore
from greenroom.store.worker_sessions import MARK, PostgresWorkerSession
from tests.support.postgres import Postgres
from tests.support.queues import queue

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres: Postgres, migrated: str) -> str:
    """Creates a database for the test."""
    return postgres.create_database(migrated)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    one = PostgresStore(url)
    yield one
    await one.close()


async def session(store: PostgresStore, worker: str) -> PostgresWorkerSession:
    """Returns an obtained session."""
    one = store.worker_session(worker)
    await one.dead_workers()
    return one


async def lease(store: PostgresStore, *leases: str) -> None:
    """Adds a delivery with each of these leases."""
    for name in leases:
        [delivery] = await queue(store, {"whk_1": 1})
        await store.write(
            lambda tx, name=name, id_=delivery: tx.run(  # type: ignore[misc]
                "UPDATE deliveries SET lease = $1, due_at = due_at + 60000 WHERE id = $2", name, id_
            )
        )


async def pids(url: str) -> list[int]:
    """Returns the process ids of sessions that hold a worker's lock."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE locktype = 'advisory' AND datname = current_database()"
    )
    await connection.close()
    return [row["pid"] for row in rows]


async def test_a_worker_with_leases_and_no_session_is_dead(store: PostgresStore) -> None:
    """Workers with a session, and leases taken without one, are left out."""
    watching, living = await session(store, "wrk_a"), await session(store, "wrk_b")
    await lease(store, f"wrk_a{MARK}_1", f"wrk_b{MARK}_1", f"wrk_c{MARK}_1", f"wrk_c{MARK}_2", "wrk_d_1")

    assert await watching.dead_workers() == {"wrk_c"}
    living.close()
    async with asyncio.timeout(20):
        while await watching.dead_workers() != {"wrk_b", "wrk_c"}:
            await asyncio.sleep(0.02)
    watching.close()


async def test_the_check_reads_only_leases(store: PostgresStore) -> None:
    """The check uses the index of leases even with a long queue."""
    await queue(store, {"whk_1": 20_000})
    await store.write(lambda tx: tx.all("ANALYZE"))
    plan = await store.write(lambda tx: tx.all(f"EXPLAIN {worker_sessions._DEAD}"))

    lines = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "ix_deliveries_lease" in lines
    assert "Seq Scan on deliveries" not in lines


async def test_a_session_that_the_server_ends_is_lost_at_once_and_obtained_again(
    store: PostgresStore, url: str
) -> None:
    """The loss is noticed without a query, and the next check obtains a new session."""
    one = await session(store, "wrk_a")
    [pid] = await pids(url)
    await store.write(lambda tx: tx.all("SELECT pg_terminate_backend($1)", pid))
    async with asyncio.timeout(20):
        while one.held:
            await asyncio.sleep(0.01)
    assert one.lost_at > one.held_at
    await one.dead_workers()

    assert one.held
    assert one.held_at > one.lost_at
    assert await pids(url) != [pid]
    one.close()


async def test_a_session_is_not_held_while_an_older_connection_of_its_worker_lives(store: PostgresStore) -> None:
    """A new session is not held until the server has ended the old connection, which holds the lock."""
    old = await session(store, "wrk_a")
    new = await session(store, "wrk_a")
    assert not new.held
    old.close()
    async with asyncio.timeout(20):
        while not new.held:
            await new.dead_workers()
    new.close()


async def test_a_transaction_pooler_is_detected(store: PostgresStore) -> None:
    """A changed backend raises Unavailable."""
    one = await session(store, "wrk_a")
    one._pid += 1
    with pytest.raises(Unavailable, match="another client"):
        await one.dead_workers()

    assert not one.held
    one.close()


async def test_a_role_with_read_access_is_enough(store: PostgresStore, postgres: Postgres, url: str) -> None:
    """A role that may only read deliveries sees the sessions of other roles."""
    await store.write(lambda tx: tx.all("DROP ROLE IF EXISTS plain"))
    await store.write(lambda tx: tx.all("CREATE ROLE plain LOGIN"))
    await store.write(lambda tx: tx.all("GRANT SELECT ON deliveries TO plain"))
    owners = await session(store, "wrk_a")
    await lease(store, f"wrk_a{MARK}_1", f"wrk_c{MARK}_1")
    others = PostgresStore(url.replace("greenroom@", "plain@"))
    plain = await session(others, "wrk_b")

    assert await plain.dead_workers() == {"wrk_c"}
    assert await owners.dead_workers() == {"wrk_c"}
    plain.close()
    owners.close()
    await others.close()
    await store.write(lambda tx: tx.all("DROP OWNED BY plain"))
    await store.write(lambda tx: tx.all("DROP ROLE plain"))
