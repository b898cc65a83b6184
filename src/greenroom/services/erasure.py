"""Erasure of orders' content, which is all personal data of the candidate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from greenroom.context import Context, transaction
from greenroom.errors import Conflict, Invalid, NotFound
from greenroom.model.orders import EMAIL_LIMIT, Order
from greenroom.security.tokens import token_hash
from greenroom.services import audit
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import idempotency as key_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import reports as report_rows
from greenroom.store import request_logs as log_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store import resumes as resume_rows
from greenroom.store.db import Tx, to_ms

#: longest duration of an in-flight attempt in seconds, given as `retry_after`
SOON_S = 15
#: orders of one transaction, which takes some tens of milliseconds
BATCH = 50
#: orders that one call erases at most
MOST = 1000
#: kinds of records that an erasure counts
COUNTED = (
    "orders", "events", "deliveries", "attempts", "timeline_entries", "reports", "logged_requests", "stored_answers",
    "resumes",
)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """
    The certificate of a candidate's erasure.

    `candidate` is a keyed hash of the e-mail address, which the audit log has as well. `counts` has the number of
    changed records by the names of `COUNTED`. `is_complete` is False if the candidate has more orders than one call
    erases.
    """

    candidate: str
    erased_at: datetime
    order_ids: tuple[str, ...]
    counts: dict[str, int]
    is_complete: bool


@transaction
async def erase(ctx: Context, tx: Tx, project_id: str, order_id: str) -> Order:
    """
    Erases an order's content everywhere at once, and cancels its waiting deliveries.

    Kept are ids, the ATS's key, status, outcome, times, and of each attempt all but the request and the answer. An
    order whose content was erased before stays as it is.

    Raises:
        NotFound: the order is not the project's.
        Conflict: an attempt is in flight; nothing was erased.
    """
    found = await order_rows.find(tx, project_id, order_id)
    order = found and await order_rows.find_of_account(tx, found.account_id, order_id, lock=True)
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    erased, _ = await erase_locked(ctx, tx, order)
    return erased


async def erase_candidate(ctx: Context, project_id: str, email: str) -> Certificate:
    """
    Erases the content of all orders of a project for an e-mail address, in any case; returns a certificate.

    A candidate without orders is answered alike, with counts of 0.

    Raises:
        Invalid: the text is not an e-mail address.
        Conflict: an attempt is in flight; its order and the later ones were not erased.
    """
    email = email.strip()
    if "@" not in email or not email.isprintable() or len(email) > EMAIL_LIMIT:
        raise Invalid("email: expected an e-mail address", errors=["email: expected an e-mail address"])
    counts = Counter(dict.fromkeys(COUNTED, 0))
    order_ids: list[str] = []
    is_complete = False
    while not is_complete and len(order_ids) < MOST:
        try:
            batch, counted = await _erase_batch(ctx, project_id, email)
        except Conflict as error:
            if not order_ids:
                raise
            raise Conflict(
                f"The content of {len(order_ids)} orders was erased ({', '.join(order_ids[:BATCH])}). A delivery "
                "attempt for another order of this candidate is in flight. Repeat the call within a minute.",
                code="DeliveryInFlight",
                retry_after=error.retry_after,
            ) from None
        order_ids += batch
        counts.update(counted)
        is_complete = len(batch) < BATCH
    return Certificate(hash_candidate(ctx, email), ctx.now(), tuple(order_ids), dict(counts), is_complete)


@transaction
async def _erase_batch(ctx: Context, tx: Tx, project_id: str, email: str) -> tuple[list[str], Counter[str]]:
    counts: Counter[str] = Counter()
    order_ids = []
    for row in await order_rows.ids_of_candidate(tx, project_id, email, limit=BATCH):
        order = await order_rows.find_of_account(tx, row["account_id"], row["id"], lock=True)
        if order is not None:
            counts.update((await erase_locked(ctx, tx, order))[1])
            order_ids.append(order.id)
    detail = {"candidate": hash_candidate(ctx, email), "orders": len(order_ids), "order_ids": order_ids}
    await audit.record(ctx, tx, "candidate.erased", None, project_id=project_id, detail=detail)
    return order_ids, counts


def hash_candidate(ctx: Context, email: str) -> str:
    """Returns a keyed hash of an e-mail address in any case, which identifies a candidate without the address."""
    return token_hash(f"candidate:{email.casefold()}", ctx.pepper)


async def erase_locked(ctx: Context, tx: Tx, order: Order, *, reason: str = "") -> tuple[Order, Counter[str]]:
    """
    Erases an order that the surrounding transaction has locked; returns it, with the counts of a certificate.

    `reason` is added to the order's timeline.

    Raises:
        Conflict: an attempt is in flight.
    """
    if order.erased_at is not None:
        return order, Counter()
    if await delivery_rows.in_flight(tx, order.id):
        raise Conflict(
            "A delivery attempt for this order is in flight, so nothing was erased. Try again within a minute.",
            code="DeliveryInFlight",
            retry_after=SOON_S,
        )
    now = ctx.now()
    erased = order.erased(now=now)
    project_id, email = order.project_id, order.request.candidate.email
    counts = Counter(orders=1)
    counts["timeline_entries"] = await order_rows.erase(tx, erased)
    counts["reports"] = await report_rows.erase(tx, order.account_id, order.id, email)
    counts["events"] = await event_rows.erase(tx, order.id)
    counts["deliveries"], counts["attempts"] = await delivery_rows.erase(tx, order.id, at=to_ms(now))
    counts["logged_requests"] = await log_rows.erase(tx, project_id, order.id)
    counts["stored_answers"] = await key_rows.erase(tx, project_id, order.id)
    counts["resumes"] = await resume_rows.delete(tx, order.id)
    await refusal_rows.erase(tx, project_id, order.id)
    # an answer that the ATS rejected without naming its order may quote this candidate
    await refusal_rows.forget_rejection(tx, project_id, order.account_id)
    message = "Content erased: the candidate, the request, the result, and the contents of deliveries and logs."
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, "content_erased", f"{message}{reason}")
    await audit.record(ctx, tx, "order.content_erased", order.id, project_id=project_id)
    return erased, counts
