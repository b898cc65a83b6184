"""Publishing of events: stored together with one delivery for each subscribed webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from prometheus_client import Counter

from greenroom.context import Context
from greenroom.model.deliveries import Claimed
from greenroom.services import signed_webhooks
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx, to_json

ACCEPTED = Counter("greenroom_events_accepted", "Events stored; includes those of a commit that failed.")


async def publish(
    ctx: Context,
    tx: Tx,
    project_id: str,
    event_type: str,
    payload: Mapping[str, Any],
    *,
    account_id: str | None,
    order_id: str | None = None,
    but: str | None = None,
    erase_when_delivered: bool = False,
    event_id: str | None = None,
    wait: timedelta | None = None,
    hold: bool = True,
) -> int:
    """
    Stores an event and a delivery to every webhook that takes it; returns their number.

    Runs inside a transaction after which the engine is woken (`queues=True`). The webhook `but` is left out. The
    delivery to a disabled webhook is held. If no webhook takes an order's event, the event is held for the project
    until `webhooks.release` queues it for one. `erase_when_delivered` has `retention.erase_delivered` erase the payload
    once every delivery has ended. Deliveries that this process dispatches directly are stored with a lease. With `wait`
    the deliveries are due only after that time, and none is dispatched directly; `event_id` is the event's id if the
    caller has made one. Without `hold` an event that no webhook takes is not held.
    """
    ACCEPTED.inc()
    event_id, content = event_id or ctx.new_id("evt"), to_json(payload)
    wait_ms = int(wait.total_seconds() * 1000) if wait else 0
    webhooks = await webhook_rows.list_for_event(tx, project_id)  # read before the writes, which are then sent together
    await event_rows.add(
        tx,
        event_id,
        project_id=project_id,
        event_type=event_type,
        payload=content,
        account_id=account_id,
        order_id=order_id,
        trace=ctx.trace,
        erase_when_delivered=erase_when_delivered,
    )
    count = 0
    for webhook, secrets, clear in webhooks:
        name = webhook.takes(event_type, account_id)
        if name is None or webhook.id == but:
            continue
        count += 1
        delivery_id = ctx.new_id("dlv")
        dispatch = ctx.dispatch if webhook.enabled and not wait_ms else None
        if dispatch is not None:
            claimed = Claimed(
                id=delivery_id, project_id=project_id, event_id=event_id, order_id=order_id, account_id=account_id,
                lane="vendor", destination_id=webhook.id, event_name=name, queue="first", trigger="auto", attempt=1,
                step=1, nudge_count=0, lease=dispatch.lease, payload=content, created_at=ctx.now(), trace=ctx.trace,
            )  # fmt: skip
            if not dispatch.accepts(claimed, partial(signed_webhooks.opened, ctx, webhook, secrets), clear=clear):
                dispatch = None
        await delivery_rows.add(
            tx,
            delivery_id,
            project_id=project_id,
            event_id=event_id,
            lane="vendor",
            destination_id=webhook.id,
            event_name=name,
            state="pending" if webhook.enabled else "held",
            order_id=order_id,
            account_id=account_id,
            lease=(dispatch.lease, dispatch.lease_ms) if dispatch else None,
            wait_ms=wait_ms,
        )
    if not count and order_id is not None and hold:
        await delivery_rows.add(
            tx,
            ctx.new_id("dlv"),
            project_id=project_id,
            event_id=event_id,
            lane="vendor",
            destination_id=project_id,
            event_name=event_type,
            state="held",
            order_id=order_id,
            account_id=account_id,
        )
    return count
