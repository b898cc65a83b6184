"""Rate limits: the bucket of a webhook is in its row. Whoever claims has the turn, so that nobody else takes tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greenroom.model.rates import Bucket
from greenroom.store.db import Tx, marks


async def find(tx: Tx, webhook_ids: Sequence[str]) -> dict[str, tuple[Bucket, int]]:
    """The buckets of those of these webhooks that have a limit, each with the database's time in µs."""
    if not webhook_ids:
        return {}
    rows = await tx.all(
        "SELECT id, rate_limit, rate_spent_to, now_ms() AS now FROM webhooks "  # noqa: S608
        f"WHERE rate_limit IS NOT NULL AND id IN ({marks(webhook_ids)})",
        *webhook_ids,
    )
    return {row["id"]: (Bucket(row["rate_limit"], row["rate_spent_to"]), row["now"] * 1000) for row in rows}


async def save(tx: Tx, buckets: Mapping[str, Bucket]) -> None:
    """Write what was taken. A limit that was changed meanwhile stays changed."""
    if not buckets:
        return
    await tx.many(
        "UPDATE webhooks SET rate_spent_to = $2 WHERE id = $1",
        [(webhook_id, bucket.spent_to) for webhook_id, bucket in buckets.items()],
    )


async def empty(tx: Tx, webhook_id: str) -> None:
    """Begin anew, with nothing saved up: for a limit that was set or changed."""
    await tx.run("UPDATE webhooks SET rate_spent_to = now_ms() * 1000 WHERE id = $1", webhook_id)
