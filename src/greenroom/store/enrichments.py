"""
Queries on orders to be enriched, on the accounts' turns, and on the cache of shared answers.

One worker at a time reads for an account: it holds the account's turn by a lease. The lease's token is a fencing token:
a late worker's token no longer matches, so it writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greenroom.store.db import ColumnType, Row, Tx, marks

_NEW: Mapping[str, ColumnType] = {"order_id": "TEXT", "account_id": "TEXT", "event_id": "TEXT"}
_ADD = (
    f"INSERT INTO enrichments ({', '.join(_NEW)}, due_at, created_at) "  # noqa: S608
    f"SELECT {', '.join(_NEW)}, now_ms(), now_ms() FROM {{given}}"
)
_CACHED: Mapping[str, ColumnType] = {"account_id": "TEXT", "key": "TEXT", "content": "TEXT"}


async def add(tx: Tx, order_id: str, account_id: str, event_id: str) -> None:
    """Adds an order to be enriched now."""
    await tx.add(_ADD, _NEW, (order_id, account_id, event_id))


async def has_due(tx: Tx) -> bool:
    """Returns whether an order is due to be enriched."""
    return await tx.one("SELECT 1 AS found FROM enrichments WHERE due_at <= now_ms() LIMIT 1") is not None


async def take_turn(tx: Tx, lease: str, *, lease_ms: int) -> str | None:
    """Leases the turn of an account with due orders, the one that waited longest; returns the account's id or None."""
    await tx.run(
        "INSERT INTO enrichment_turns (account_id, free_at) SELECT DISTINCT account_id, 0 FROM enrichments "
        "WHERE due_at <= now_ms() AND account_id NOT IN (SELECT account_id FROM enrichment_turns) "
        "ON CONFLICT (account_id) DO NOTHING"
    )
    rows = await tx.all(
        "UPDATE enrichment_turns SET lease = $1, free_at = now_ms() + $2 WHERE account_id = "
        "(SELECT account_id FROM enrichment_turns WHERE free_at <= now_ms() AND account_id IN "
        "(SELECT account_id FROM enrichments WHERE due_at <= now_ms()) ORDER BY free_at LIMIT 1 {skip_locked}) "
        "RETURNING account_id",
        lease,
        lease_ms,
    )
    return str(rows[0]["account_id"]) if rows else None


async def holds_turn(tx: Tx, account_id: str, lease: str) -> bool:
    """Locks an account's turn; returns whether this lease still holds it."""
    sql = "UPDATE enrichment_turns SET lease = lease WHERE account_id = $1 AND lease = $2"
    return await tx.run(sql, account_id, lease) == 1


async def end_turn(tx: Tx, account_id: str, lease: str, *, pause_ms: int) -> None:
    """Ends a lease; the account's next batch begins after the pause."""
    await tx.run(
        "UPDATE enrichment_turns SET lease = NULL, free_at = now_ms() + $3 WHERE account_id = $1 AND lease = $2",
        account_id,
        lease,
        pause_ms,
    )


async def end_turns(tx: Tx) -> None:
    """Ends every lease, after a restart of the only worker."""
    await tx.run("UPDATE enrichment_turns SET lease = NULL, free_at = 0 WHERE lease IS NOT NULL")


async def list_due(tx: Tx, account_id: str, *, limit: int) -> Sequence[Row]:
    """Lists an account's due orders, the longest due first: order_id, event_id, attempts."""
    return await tx.all(
        "SELECT order_id, event_id, attempts FROM enrichments WHERE account_id = $1 AND due_at <= now_ms() "
        "ORDER BY due_at, order_id LIMIT $2",
        account_id,
        limit,
    )


async def find(tx: Tx, order_id: str) -> Row | None:
    """Returns the row of an order that is still to be enriched."""
    return await tx.one("SELECT * FROM enrichments WHERE order_id = $1", order_id)


async def postpone(tx: Tx, order_id: str, *, wait_ms: int) -> None:
    """Counts an attempt; the next one is due after the wait."""
    sql = "UPDATE enrichments SET attempts = attempts + 1, due_at = now_ms() + $2 WHERE order_id = $1"
    await tx.run(sql, order_id, wait_ms)


async def delete(tx: Tx, order_id: str) -> None:
    """Removes an order for which nothing more is read."""
    await tx.run("DELETE FROM enrichments WHERE order_id = $1", order_id)


async def read_cache(tx: Tx, account_id: str, keys: Sequence[str], *, ttl_ms: int) -> Sequence[Row]:
    """Returns `key`, `content` and `fetched_at` of cached answers that are not older than the TTL."""
    if not keys:
        return []
    return await tx.all(
        "SELECT key, content, fetched_at FROM enrichment_cache WHERE account_id = $1 "  # noqa: S608
        f"AND fetched_at > now_ms() - $2 AND key IN ({marks(keys, 3)})",
        account_id,
        ttl_ms,
        *keys,
    )


async def save_cache(tx: Tx, account_id: str, contents: Mapping[str, str]) -> None:
    """Stores answers in the cache."""
    await tx.run_rows(
        "INSERT INTO enrichment_cache (account_id, key, content, fetched_at) "
        "SELECT account_id, key, content, now_ms() FROM {given} WHERE true ON CONFLICT (account_id, key) "
        "DO UPDATE SET content = excluded.content, fetched_at = excluded.fetched_at",
        _CACHED,
        [(account_id, key, content) for key, content in sorted(contents.items())],
    )


async def delete_cache(tx: Tx, account_id: str) -> None:
    """Deletes the cached answers of an account."""
    await tx.run("DELETE FROM enrichment_cache WHERE account_id = $1", account_id)


async def delete_old_cache(tx: Tx, *, over_ms: int, most: int) -> int:
    """Deletes up to `most` cached answers that are older; returns their number."""
    return await tx.run(
        "DELETE FROM enrichment_cache WHERE (account_id, key) IN "
        "(SELECT account_id, key FROM enrichment_cache WHERE fetched_at < now_ms() - $1 LIMIT $2)",
        over_ms,
        most,
    )
