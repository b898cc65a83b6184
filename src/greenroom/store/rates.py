"""Rate limits: the bucket of a webhook is in its row. Whoever claims has the turn, so that nobody else takes tokens."""

from __future__ import annotations

from collections.abc import Mapping

from greenroom.model.rates import Bucket
from greenroom.store.db import Tx


async def save(tx: Tx, buckets: Mapping[str, Bucket]) -> None:
    """Write what was taken. A limit that was changed meanwhile stays changed."""
    await tx.many(
        "UPDATE webhooks SET rate_spent_to = $2 WHERE id = $1",
        [(webhook_id, bucket.spent_to) for webhook_id, bucket in buckets.items()],
    )


async def empty(tx: Tx, webhook_id: str) -> None:
    """Begin anew, with nothing saved up: for a limit that was set or changed."""
    await tx.run("UPDATE webhooks SET rate_spent_to = now_ms() * 1000 WHERE id = $1", webhook_id)
