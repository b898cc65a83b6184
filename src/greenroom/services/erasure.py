"""An order's content: everything about the person in it, erased when they ask for it."""

from __future__ import annotations

from greenroom.context import Context, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.orders import Order
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import idempotency as key_rows
from greenroom.store import orders as order_rows
from greenroom.store import request_logs as log_rows
from greenroom.store.db import Tx, to_ms

#: the longest that an attempt under way takes
SOON_S = 15


@transaction
async def erase(ctx: Context, tx: Tx, project_id: str, order_id: str) -> Order:
    """
    Erase what is known of an order's candidate, everywhere at once, and cancel what is still on its way.

    What stays says that there was an order and how it went: ids, the ATS's key, status, outcome, times, and of each
    attempt all but what was sent and answered. An order whose content was erased before stays as it is.

    Raises:
        NotFound: the order is not the project's.
        Conflict: an attempt is under way; nothing was erased.
    """
    found = await order_rows.find(tx, project_id, order_id)
    order = found and await order_rows.find_of_account(tx, found.account_id, order_id, lock=True)
    if order is None:
        raise NotFound(f"No order {order_id[:80]} here.")
    if order.erased_at is not None:
        return order
    if await delivery_rows.in_flight(tx, order.id):
        raise Conflict(
            "An attempt to tell somebody of this order is under way. Nothing was erased: try again within a minute.",
            code="DeliveryUnderWay",
            retry_after=SOON_S,
        )
    now = ctx.now()
    erased = order.erased(now=now)
    await order_rows.erase(tx, erased)
    await order_rows.erase_response_errors(tx, order.account_id, order.id, order.request.candidate.email)
    await event_rows.erase(tx, order.id)
    await delivery_rows.erase(tx, order.id, at=to_ms(now))
    await log_rows.erase(tx, project_id, order.id)
    await key_rows.erase(tx, project_id, order.id)
    message = "Content erased: who the candidate is, what was asked, found out, sent and answered."
    await order_rows.log(tx, ctx.new_id("log"), order.id, "content_erased", message)
    return erased
