"""Orders that their ATS cancels."""

from __future__ import annotations

from dataclasses import replace

from greenroom.context import Context, transaction
from greenroom.errors import NotFound
from greenroom.model.accounts import Account
from greenroom.model.events import ORDER_UPDATED, updated_payload
from greenroom.model.orders import Order
from greenroom.services import events, orders
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import updates as update_rows
from greenroom.store.db import Tx, is_plain


@transaction(queues=True)
async def cancel(ctx: Context, tx: Tx, account: Account, order_id: str) -> Order:
    """
    Cancels an order for its ATS: notifies the vendor, and ends waiting pushes to the ATS.

    Cancelling it again changes nothing.

    Raises:
        NotFound: there is no such order, or it is another account's.
        Conflict: the order has ended otherwise, or its content was erased.
    """
    order = await order_rows.find_of_account(tx, account.id, order_id, lock=True) if is_plain(order_id) else None
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    now = ctx.now()
    changed = order.cancelled()
    if changed is order:
        return order
    changed = replace(changed, updated_at=now)
    await order_rows.save(tx, changed)
    await update_rows.cancel_updates(tx, order.id)
    event_type = ORDER_UPDATED[order.category]
    payload = updated_payload(changed, update_url=orders.update_url(ctx, order), at=now)
    recipients = await events.publish(
        ctx,
        tx,
        order.project_id,
        event_type,
        payload,
        account_id=order.account_id,
        order_id=order.id,
        erase_when_delivered=order.store == "minimal",
    )
    message = f"The ATS cancelled the order; {orders.describe_recipients(recipients, event_type)}."
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, "status", message)
    return changed
