"""Failed sign-ins per pair of address and account; at most `MOST` pairs, each for a day."""

from __future__ import annotations

from greenroom.store.db import Tx

MOST = 10_000
KEPT_MS = 86_400_000


async def count(tx: Tx, pair_hash: str) -> tuple[int, int]:
    """
    Returns how often a pair failed within a day, and for how many milliseconds it is blocked.

    The pair's row is locked until the transaction ends.
    """
    await tx.run("DELETE FROM sign_in_failures WHERE failed_at < now_ms() - $1", KEPT_MS)
    added = await tx.run(
        "INSERT INTO sign_in_failures (pair_hash, failures, failed_at, blocked_until) "
        "VALUES ($1, 0, now_ms(), 0) ON CONFLICT (pair_hash) DO NOTHING",
        pair_hash,
    )
    if added:
        await _bound(tx)
    row = await tx.one(
        "SELECT failures, blocked_until - now_ms() AS left_ms FROM sign_in_failures WHERE pair_hash = $1 {for_update}",
        pair_hash,
    )
    return (row["failures"], row["left_ms"]) if row else (0, 0)


async def find_block(tx: Tx, pair_hash: str) -> int:
    """Returns for how many milliseconds a pair is still blocked; 0 or less: it is not."""
    row = await tx.one(
        "SELECT blocked_until - now_ms() AS left_ms FROM sign_in_failures WHERE pair_hash = $1", pair_hash
    )
    return int(row["left_ms"]) if row else 0


async def add(tx: Tx, pair_hash: str, *, blocked_ms: int) -> None:
    """Counts a failure of a pair, and blocks the pair for so long."""
    await tx.run(
        # without a delay never the time of now: it is ahead of the clock that a waiting statement began with
        "UPDATE sign_in_failures SET failures = failures + 1, failed_at = now_ms(), "
        "blocked_until = CASE WHEN $2 > 0 THEN now_ms() + $2 ELSE 0 END WHERE pair_hash = $1",
        pair_hash,
        blocked_ms,
    )


async def delete(tx: Tx, pair_hash: str) -> None:
    """Deletes a pair's failures, after a sign-in."""
    await tx.run("DELETE FROM sign_in_failures WHERE pair_hash = $1", pair_hash)


async def _bound(tx: Tx) -> None:
    row = await tx.one("SELECT count(*) AS number FROM sign_in_failures")
    over = row["number"] - MOST if row else 0
    if over > 0:
        # the pairs that failed least go first: many made-up accounts push no counted pair out
        await tx.run(
            "DELETE FROM sign_in_failures WHERE pair_hash IN "
            "(SELECT pair_hash FROM sign_in_failures ORDER BY failures, failed_at LIMIT $1)",
            over,
        )
