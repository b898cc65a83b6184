"""Changes of candidates and applications that an ATS reports: order status, alerts, erasure, and the vendor's event."""

from __future__ import annotations

from dataclasses import replace

from greenroom.context import Context, transaction
from greenroom.model.ats_changes import AtsChange
from greenroom.model.events import ORDER_UPDATED, updated_payload
from greenroom.model.orders import ApplicationStatus, Order, digest
from greenroom.services import erasure, events, orders
from greenroom.store import ats_events as seen_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import updates as update_rows
from greenroom.store.db import Tx

#: orders of one transaction
BATCH = 50
#: how long an event is recognised, in ms; an ATS repeats a failed one for some hours
KEPT_MS = 7 * 86_400_000
#: application status after a change
STATUSES: dict[str, ApplicationStatus] = {
    "hired": "hired", "unhired": "active", "rejected": "rejected", "unrejected": "active",
    "application_deleted": "deleted", "candidate_deleted": "deleted",
}  # fmt: skip
SENTENCES = {
    "hired": "The ATS says that the candidate was hired.",
    "unhired": "The ATS says that the candidate is no longer hired.",
    "rejected": "The ATS says that the candidate was rejected.",
    "unrejected": "The ATS says that the candidate is no longer rejected.",
    "application_deleted": "The ATS deleted the candidate's application.",
    "candidate_deleted": "The ATS deleted the candidate.",
    "merged": "The ATS merged the candidate with another one.",
    "anonymised": "The ATS anonymised the candidate.",
}
#: changes after which an ATS may not show a result any more
CLOSING = ("hired", "rejected")
UNREAD = " It had not read a result before, and may not show one any more: tell the recruiter of it."
#: changes after which the candidate's data is erased
ERASING = ("candidate_deleted", "anonymised")


async def apply(ctx: Context, project_id: str, provider: str, change: AtsChange, event_id: str) -> list[str]:
    """
    Applies a change to all orders of a project that it concerns; returns their ids.

    `event_id` is the ATS's: the same event again changes nothing. An event that concerns no order is not recorded.

    Raises:
        Conflict: content must be erased, and a delivery attempt is in flight; the ATS repeats the event.
    """
    seen = digest(project_id, provider, event_id)
    ids: list[str] = []
    after: str | None = ""
    while after is not None:
        changed, after = await _apply_batch(ctx, project_id, provider, change, seen, after)
        ids += changed
    return ids


@transaction(queues=True)
async def _apply_batch(
    ctx: Context, tx: Tx, project_id: str, provider: str, change: AtsChange, seen: str, after: str
) -> tuple[list[str], str | None]:
    """Returns the ids of the changed orders, and the last one examined if there may be more."""
    if await seen_rows.is_seen(tx, seen):
        return [], None
    rows = await order_rows.ids_of_remote_candidate(
        tx, project_id, provider, change.candidate_id, after=after, limit=BATCH
    )
    ids = []
    for row in rows:
        order = await order_rows.find_of_account(tx, row["account_id"], row["id"], lock=True)
        if order is None or change.application_id not in (None, order.request.application_remote_id):
            continue
        changed = await _apply(ctx, tx, order, change)
        if changed is not None:
            await _publish(ctx, tx, changed, change)
            ids.append(order.id)
    is_last = len(rows) < BATCH
    if is_last and (ids or after):
        await seen_rows.add(tx, seen, project_id)
    return ids, None if is_last else rows[-1]["id"]


async def _apply(ctx: Context, tx: Tx, order: Order, change: AtsChange) -> Order | None:
    """Returns the order as it is stored after a change, or None if nothing changed."""
    kind = change.kind
    if kind == "merged":
        candidate = replace(order.request.candidate, remote_id=change.new_candidate_id)
        changed = replace(order, request=replace(order.request, candidate=candidate), updated_at=ctx.now())
        await order_rows.save_candidate_id(tx, changed)
    elif kind in ERASING:
        changed, _ = await erasure.erase_locked(ctx, tx, order, reason=f" {SENTENCES[kind]}")
    elif order.application_status == STATUSES[kind]:
        return None
    else:
        changed = replace(order, updated_at=ctx.now())
    changed = replace(changed, application_status=STATUSES.get(kind, changed.application_status))
    if kind in (*ERASING, "application_deleted") and not changed.is_final:
        changed = replace(changed, status="cancelled", status_message="the ATS has no such application any more")
        await update_rows.cancel_updates(tx, order.id)
    await order_rows.save(tx, changed)
    return changed


async def _publish(ctx: Context, tx: Tx, order: Order, change: AtsChange) -> None:
    event_type = ORDER_UPDATED[order.category]
    recipients = await events.publish(
        ctx,
        tx,
        order.project_id,
        event_type,
        updated_payload(order, update_url=orders.update_url(ctx, order), at=ctx.now()),
        account_id=order.account_id,
        order_id=order.id,
        erase_when_delivered=order.store == "minimal",
    )
    is_unread = change.kind in CLOSING and order.source == "ats" and order.acknowledged_at is None
    message = f"{SENTENCES[change.kind]}{UNREAD if is_unread else ''}"
    told = orders.describe_recipients(recipients, event_type)
    kind = "alert" if is_unread else "status"
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, kind, f"{message} The event of the change: {told}.")


@transaction
async def delete_old(_: Context, tx: Tx) -> int:
    """Deletes one batch of recorded events that no ATS repeats any more; returns how many."""
    return await seen_rows.delete_old(tx, older_ms=KEPT_MS, limit=BATCH)
