"""Queries on idempotency keys and their stored answers."""

from __future__ import annotations

from greenroom.store.db import Row, Tx


async def begin(tx: Tx, project_id: str, key: str, fingerprint: str) -> bool:
    """Reserves a key; returns False if it exists."""
    return (
        await tx.run(
            "INSERT INTO idempotency_keys (project_id, key, fingerprint, created_at) VALUES ($1, $2, $3, now_ms()) "
            "ON CONFLICT (project_id, key) DO NOTHING",
            project_id,
            key,
            fingerprint,
        )
        == 1
    )


async def find(tx: Tx, project_id: str, key: str) -> Row | None:
    """Returns the row of a key."""
    return await tx.one("SELECT * FROM idempotency_keys WHERE project_id = $1 AND key = $2", project_id, key)


async def finish(
    tx: Tx, project_id: str, key: str, *, status: int, response_sealed: str, order_id: str | None = None
) -> None:
    """Stores the answer for a key, and the order in the answer."""
    await tx.run(
        "UPDATE idempotency_keys SET status = $3, response_sealed = $4, order_id = $5 "
        "WHERE project_id = $1 AND key = $2",
        project_id,
        key,
        status,
        response_sealed,
        order_id,
    )


async def erase(tx: Tx, project_id: str, order_id: str) -> int:
    """Deletes the keys whose answers contain an order; returns their number."""
    return await tx.run("DELETE FROM idempotency_keys WHERE project_id = $1 AND order_id = $2", project_id, order_id)


async def delete(tx: Tx, project_id: str, key: str) -> None:
    """Deletes a key whose request changed nothing."""
    await tx.run("DELETE FROM idempotency_keys WHERE project_id = $1 AND key = $2", project_id, key)


async def delete_old(tx: Tx, project_id: str, *, older_ms: int) -> int:
    """Deletes keys of a project older than `older_ms`; returns their number."""
    return await tx.run(
        "DELETE FROM idempotency_keys WHERE project_id = $1 AND created_at < now_ms() - $2", project_id, older_ms
    )


async def delete_abandoned(tx: Tx, project_id: str, key: str, *, older_ms: int) -> bool:
    """Deletes a key older than `older_ms` without an answer, as a killed process leaves it."""
    return (
        await tx.run(
            "DELETE FROM idempotency_keys WHERE project_id = $1 AND key = $2 AND status IS NULL "
            "AND created_at < now_ms() - $3",
            project_id,
            key,
            older_ms,
        )
        == 1
    )
