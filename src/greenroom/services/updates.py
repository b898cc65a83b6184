"""
Updates of an order for its ATS: one event and one delivery each, in the order in which they were made.

The ATS receives an order's updates one after the other: an update is held while an earlier one is on its way, and
released when the attempt has ended. An update that failed is not repeated once there is a later one, so that no update
follows a later one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.errors import NotFound, RemoteError
from greenroom.model.attempts import FinishedAttempt
from greenroom.model.capabilities import Capabilities
from greenroom.model.deliveries import Next
from greenroom.model.events import RESULT_RECORDED, stamp
from greenroom.model.integrations import Integration
from greenroom.model.orders import AtsDelivery, Order
from greenroom.model.updates import Update
from greenroom.security.tokens import new_id_at
from greenroom.services import accounts, integrations
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import updates as update_rows
from greenroom.store.db import Tx, to_json, to_ms


async def queue(ctx: Context, tx: Tx, order: Order, ats: Capabilities) -> Order:
    """
    Queues an update with the order's status for its ATS, inside another service's transaction that locked the order.

    Returns the order to store: an order that has no ATS to tell says so.
    """
    if order.source == "api":
        return replace(order, delivery_detail="The order was placed through the API: there is no ATS to notify.")
    if ats.callback_url and not order.request.callback_url:
        detail = (
            "The result is recorded but not pushed: the ATS gave no callback URL. The ATS gets the result when it "
            "requests it."
        )
        return replace(order, delivery_detail=detail)
    earlier = await update_rows.supersede(tx, order.id) if ats.progress or ats.repeated_results else set()
    at_ms = max(to_ms(ctx.now()), order.update_ms + 1)
    event_id, delivery_id = new_id_at("evt", at_ms), new_id_at("dlv", at_ms)  # sort as the updates were made
    await event_rows.add(
        tx,
        event_id,
        project_id=order.project_id,
        event_type=RESULT_RECORDED,
        payload=to_json(Update(order.status, order.status_message, at_ms).content(order.id)),
        account_id=order.account_id,
        order_id=order.id,
        trace=ctx.trace,
    )
    await delivery_rows.add(
        tx,
        delivery_id,
        project_id=order.project_id,
        event_id=event_id,
        lane="ats",
        destination_id=order.account_id,
        event_name=RESULT_RECORDED,
        state="held" if earlier else "pending",
        order_id=order.id,
        account_id=order.account_id,
    )
    if earlier == {"held"}:
        await update_rows.release_next_update(tx, order.id)
    return replace(order, update_ms=at_ms)


async def save_progress(ctx: Context, tx: Tx, order: Order, ats: Capabilities) -> Order:
    """Stores an order with a new status, and queues it for an ATS that takes that status."""
    if order.status in ats.progress and order.source == "ats":
        order = await queue(ctx, tx, order, ats)
    await order_rows.save(tx, order)
    return order


@dataclass(frozen=True)
class Pushed:
    """An order to be pushed to its ATS, with integration, live token and decrypted credentials of the account."""

    order: Order
    integration: Integration
    account_token: str | None
    credentials: dict[str, Any]


@snapshot
async def for_push(ctx: Context, tx: Tx, project_id: str, order_id: str) -> Pushed:
    """
    Returns an order with integration, token and credentials for a push to its ATS.

    Raises:
        NotFound: the order or the integration is gone.
    """
    order = await order_rows.find(tx, project_id, order_id)
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    integration = await integrations.read(ctx, tx, project_id, order.provider)
    token = await accounts.live_token(ctx, tx, order.account_id)
    return Pushed(order, integration, token, await accounts.open_credentials(ctx, tx, order.account_id))


async def record_attempt(
    ctx: Context, tx: Tx, order: Order, ended: FinishedAttempt, following: Next, next_due_at: datetime | None
) -> Order:
    """Updates the order's delivery state for its ATS, and returns the order; an acknowledged one stays so."""
    if order.delivery == "acknowledged":
        return order
    fault, nudging = ended.fault, ended.nudging
    if fault is not None and following.state == "dead":
        await record_refusal(ctx, tx, order, fault)
    elif fault is not None:
        await _save(ctx, tx, order, delivery_detail=fault.reason)
    elif nudging is None:
        return await _accepted(ctx, tx, order, Update.read(ended.claimed.payload))
    elif next_due_at is not None:
        again = stamp(next_due_at)
        detail = (
            "The ATS was notified but has not requested the result yet. It is notified again at "
            f"{again}, unless it requests the result before."
        )
        await _save(ctx, tx, order, delivery="sent", delivery_detail=detail)
    else:
        alert = nudging.unread.format(times=following.nudge_count)
        await order_log_rows.add(tx, ctx.new_id("log"), order.id, "alert", alert)
        await _save(ctx, tx, order, delivery="sent", delivery_detail=alert)
    return order


async def record_refusal(ctx: Context, tx: Tx, order: Order, fault: RemoteError) -> None:
    """Records that the ATS refused an update for good; an order that has not ended may have later updates."""
    if order.delivery == "acknowledged":
        return
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, "alert", f"The ATS could not be notified: {fault.reason}")
    delivery: AtsDelivery = "refused" if order.is_final else order.delivery
    await _save(ctx, tx, order, delivery=delivery, delivery_detail=fault.reason)


async def _accepted(ctx: Context, tx: Tx, order: Order, update: Update) -> Order:
    """Records an update that the ATS accepted; the newest final one completes the delivery."""
    if not update.is_final or update.at_ms != order.update_ms:
        await _save(ctx, tx, order, delivery_detail=None)
        return order
    accepted = order.acknowledged(now=ctx.now())
    await order_rows.save(tx, accepted)
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, "acknowledged", "The ATS has accepted the result.")
    return accepted


async def _save(ctx: Context, tx: Tx, order: Order, **changes: Any) -> None:
    await order_rows.save(tx, replace(order, **changes, updated_at=ctx.now()))
