"""`Idempotency-Key`: a repeated request is executed once and gets the same response."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.context import Context, transaction
from greenroom.errors import Conflict
from greenroom.store import idempotency as key_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Tx

#: age at which an unfinished request counts as interrupted, in milliseconds
ABANDONED_MS = 60_000
#: how long a response is kept, in milliseconds
KEPT_MS = 8 * 86_400_000
#: share of requests that also delete older keys
CLEARING = 0.01


@dataclass(frozen=True)
class Kept:
    """A stored response."""

    status: int
    body: str


@transaction
async def begin(ctx: Context, tx: Tx, project_id: str, key: str, fingerprint: str) -> Kept | None:
    """
    Reserves a key for this request, or returns the answer to an identical earlier request.

    Keys belong to one project.

    Raises:
        Conflict: the key was used for another request, or that request is still in flight.
    """
    if ctx.chance() < CLEARING:
        await key_rows.delete_old(tx, project_id, older_ms=KEPT_MS)
    await key_rows.delete_abandoned(tx, project_id, key, older_ms=ABANDONED_MS)
    if await key_rows.begin(tx, project_id, key, fingerprint):
        return None
    row = await key_rows.find(tx, project_id, key)
    if row is None or row["status"] is None:
        raise Conflict(
            "An earlier request with this Idempotency-Key is still in flight. Repeat the request in a few seconds.",
            code="RequestInFlight",
        )
    if row["fingerprint"] != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used for another request. Use a new key for a new request.",
            code="IdempotencyKeyReused",
        )
    opened = ctx.vault.open(row["response_sealed"], table="idempotency_keys", row=key, column="response_sealed")
    return Kept(row["status"], opened)


@transaction
async def finish(ctx: Context, tx: Tx, project_id: str, key: str, answer: Kept, *, order_id: str | None = None) -> None:
    """
    Stores the response, encrypted since it may contain a secret that is shown only once.

    `order_id` is the order in the response, with whose content it is erased. If that content is erased already, the key
    is released instead.
    """
    if order_id and any(row["expunged_at"] for row in await order_rows.share(tx, [order_id])):
        await key_rows.delete(tx, project_id, key)
        return
    sealed = ctx.vault.seal(answer.body, table="idempotency_keys", row=key, column="response_sealed")
    await key_rows.finish(tx, project_id, key, status=answer.status, response_sealed=sealed, order_id=order_id)


@transaction
async def delete(_: Context, tx: Tx, project_id: str, key: str) -> None:
    """Releases the key of a request that was refused and changed nothing."""
    await key_rows.delete(tx, project_id, key)
