"""Queries on the token buckets of rate limits, in the webhooks' rows; the claim lock serializes token use."""

from __future__ import annotations

from collections.abc import Mapping

from greenroom.model.rates import Bucket
from greenroom.store.db import Tx


async def save(tx: Tx, buckets: Mapping[str, Bucket]) -> None:
    """Saves the used tokens, without changing the limits."""
    await tx.many(
        "UPDATE webhooks SET rate_spent_to = $2 WHERE id = $1",
        [(webhook_id, bucket.spent_to) for webhook_id, bucket in buckets.items()],
    )


async def empty(tx: Tx, webhook_id: str) -> None:
    """Empties a webhook's bucket, after its limit was set or changed."""
    await tx.run("UPDATE webhooks SET rate_spent_to = now_ms() * 1000 WHERE id = $1", webhook_id)
