"""Events: written down together with one delivery for each webhook that wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter

from greenroom.context import Context
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx

ACCEPTED = Counter("greenroom_events_accepted", "Events written down; what a failed commit took back counts too.")


async def announce(
    ctx: Context,
    tx: Tx,
    project_id: str,
    event_type: str,
    payload: Mapping[str, Any],
    *,
    account_id: str,
    order_id: str | None = None,
) -> int:
    """
    Write down an event of an account, and a delivery to every webhook that takes it; how many do.

    Belongs inside a `queueing` service's transaction. A disabled webhook's delivery is held, not dropped.
    """
    ACCEPTED.inc()
    event_id = ctx.new_id("evt")
    await event_rows.add(
        tx,
        event_id,
        project_id=project_id,
        event_type=event_type,
        payload=payload,
        account_id=account_id,
        order_id=order_id,
        trace=ctx.trace,
    )
    takers = [
        (webhook, name)
        for webhook in await webhook_rows.list_webhooks(tx, project_id)
        if (name := webhook.takes(event_type, account_id))
    ]
    for webhook, name in takers:
        await delivery_rows.add(
            tx,
            ctx.new_id("dlv"),
            project_id=project_id,
            event_id=event_id,
            lane="vendor",
            destination_id=webhook.id,
            event_name=name,
            state="pending" if webhook.enabled else "held",
            order_id=order_id,
            account_id=account_id,
        )
    return len(takers)
