"""Queries on the installation itself, for the doctor; and the heartbeats of its workers."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx

#: rows that are read at the most: calls under other hosts, workers
MOST = 100
#: how long the row of a worker that ended without deleting it is kept
KEPT_MS = 86_400_000


async def find_revision(tx: Tx) -> str | None:
    """Returns the revision of the database."""
    row = await tx.one("SELECT version_num FROM alembic_version")
    return row["version_num"] if row else None


async def list_hosts(tx: Tx) -> Sequence[Row]:
    """Lists the latest calls of ATSs under another host than the public URL's, unless later ones had the right one."""
    return await tx.all(
        "SELECT host, called_at FROM (SELECT account_id, host, called_at FROM trigger_calls WHERE host IS NOT NULL "
        "ORDER BY called_at DESC LIMIT $1) AS elsewhere WHERE NOT EXISTS (SELECT 1 FROM trigger_calls AS later "
        "WHERE later.account_id = elsewhere.account_id AND later.called_at > elsewhere.called_at "
        "AND later.host IS NULL) ORDER BY called_at DESC",
        MOST,
    )


async def list_workers(tx: Tx) -> Sequence[Row]:
    """Lists the delivering processes, the latest seen first, with the database's time `now`."""
    return await tx.all(
        "SELECT worker, seen_at, clock_ahead_ms, now_ms() AS now FROM worker_heartbeats ORDER BY seen_at DESC LIMIT $1",
        MOST,
    )


async def save_heartbeat(tx: Tx, worker: str, clock_ahead_ms: int) -> None:
    """Records that a worker runs, and forgets those that ended long ago."""
    await tx.run(
        "INSERT INTO worker_heartbeats (worker, seen_at, clock_ahead_ms) VALUES ($1, now_ms(), $2) "
        "ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at, clock_ahead_ms = excluded.clock_ahead_ms",
        worker,
        clock_ahead_ms,
    )
    await tx.run("DELETE FROM worker_heartbeats WHERE seen_at < now_ms() - $1", KEPT_MS)


async def delete_heartbeat(tx: Tx, worker: str) -> None:
    """Forgets a worker that stops."""
    await tx.run("DELETE FROM worker_heartbeats WHERE worker = $1", worker)
