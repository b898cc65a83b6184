"""`Idempotency-Key`: the same request twice is done once and answered twice."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.context import Context, transaction
from greenroom.errors import Conflict
from greenroom.store import idempotency as key_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Tx

#: a request that has not ended by now was cut off
ABANDONED_MS = 60_000
#: how long an answer can be had again
KEPT_MS = 8 * 86_400_000
#: the share of requests that clear away what is older
CLEARING = 0.01


@dataclass(frozen=True)
class Kept:
    """An answer that was given before."""

    status: int
    body: str


@transaction
async def begin(ctx: Context, tx: Tx, project_id: str, key: str, fingerprint: str) -> Kept | None:
    """
    Take a key for this request, or get the answer that the same request had. Keys are the project's own.

    Raises:
        Conflict: the key was used for another request, or that request is still under way.
    """
    if ctx.chance() < CLEARING:
        await key_rows.forget_old(tx, project_id, older_ms=KEPT_MS)
    await key_rows.forget_abandoned(tx, project_id, key, older_ms=ABANDONED_MS)
    if await key_rows.begin(tx, project_id, key, fingerprint):
        return None
    row = await key_rows.find(tx, project_id, key)
    if row is None or row["status"] is None:
        raise Conflict("A request with this Idempotency-Key is under way. Ask again shortly.", code="RequestUnderWay")
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
    Keep the answer; sealed, since it may show a secret that is shown only once. `order_id` is the order that it shows:
    it goes with that one's content, and when that has gone meanwhile, the key is given back.
    """
    if order_id and any(row["expunged_at"] for row in await order_rows.share(tx, [order_id])):
        await key_rows.forget(tx, project_id, key)
        return
    sealed = ctx.vault.seal(answer.body, table="idempotency_keys", row=key, column="response_sealed")
    await key_rows.finish(tx, project_id, key, status=answer.status, response_sealed=sealed, order_id=order_id)


@transaction
async def forget(_: Context, tx: Tx, project_id: str, key: str) -> None:
    """Give the key back: the request was refused and did nothing."""
    await key_rows.forget(tx, project_id, key)
