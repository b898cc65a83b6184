"""Notices: a project hears of trouble with one of its webhooks through its others."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context
from greenroom.model.deliveries import Claimed
from greenroom.model.events import (
    DELIVERY_EXHAUSTED,
    OPERATIONAL_EVENTS,
    WEBHOOK_DISABLED,
    WEBHOOK_FAILING,
    WEBHOOK_RECOVERED,
    exhausted_payload,
    webhook_payload,
)
from greenroom.model.webhooks import Webhook
from greenroom.services import events
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx

#: the same is said of a webhook once within this: one that comes and goes, or gives up a whole queue, is one trouble
EVERY = timedelta(hours=1)
_EVERY_MS = int(EVERY.total_seconds() * 1000)


async def failing(ctx: Context, tx: Tx, webhook_id: str, reason: str) -> bool:
    """A webhook fails again and again. False: it was said a short time ago, or there is no such webhook."""
    webhook = await webhook_rows.may_tell(tx, webhook_id, "failing_told_at", every_ms=_EVERY_MS)
    if webhook is None:
        return False
    await _tell(ctx, tx, webhook, WEBHOOK_FAILING, reason)
    return True


async def recovered(ctx: Context, tx: Tx, project_id: str, webhook_id: str) -> None:
    """A webhook that was said to fail has taken a delivery."""
    webhook = await webhook_rows.find(tx, project_id, webhook_id)
    if webhook is not None:
        await _tell(ctx, tx, webhook, WEBHOOK_RECOVERED, None)


async def disabled(ctx: Context, tx: Tx, webhook: Webhook) -> None:
    """A webhook was disabled, and not by a person."""
    await _tell(ctx, tx, webhook, WEBHOOK_DISABLED, webhook.disabled_reason)


async def exhausted(ctx: Context, tx: Tx, claimed: Claimed, reason: str) -> None:
    """
    A delivery is not tried any more: each one to an ATS is told, of those to one webhook the first within an hour.

    One that was itself such a notice is not: two webhooks that are away would have news of each other for ever.
    """
    if claimed.event_name in OPERATIONAL_EVENTS:
        return
    if claimed.lane == "vendor" and not await webhook_rows.may_tell(
        tx, claimed.destination_id, "exhausted_told_at", every_ms=_EVERY_MS
    ):
        return
    payload = exhausted_payload(claimed, reason=reason, at=ctx.now())
    await events.publish(
        ctx,
        tx,
        claimed.project_id,
        DELIVERY_EXHAUSTED,
        payload,
        account_id=claimed.account_id,
        but=claimed.destination_id,
    )


async def _tell(ctx: Context, tx: Tx, webhook: Webhook, event_type: str, reason: str | None) -> None:
    payload = webhook_payload(webhook.project_id, webhook.id, webhook.name, reason=reason, at=ctx.now())
    await events.publish(ctx, tx, webhook.project_id, event_type, payload, account_id=None, but=webhook.id)
