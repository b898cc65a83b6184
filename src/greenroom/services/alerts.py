"""Operational events about a webhook or delivery, published to the project's other webhooks."""

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

#: shortest time between two events of the same type about one webhook, which may fail and recover often
EVERY = timedelta(hours=1)
_EVERY_MS = int(EVERY.total_seconds() * 1000)


async def publish_failing(ctx: Context, tx: Tx, webhook_id: str, reason: str) -> bool:
    """
    Publishes that a webhook fails repeatedly.

    Returns False if that was published within the last hour, or if the webhook does not exist.
    """
    webhook = await webhook_rows.may_tell(tx, webhook_id, "failing_told_at", every_ms=_EVERY_MS)
    if webhook is None:
        return False
    await _publish(ctx, tx, webhook, WEBHOOK_FAILING, reason)
    return True


async def publish_recovered(ctx: Context, tx: Tx, project_id: str, webhook_id: str) -> None:
    """Publishes that a webhook reported as failing accepted a delivery."""
    webhook = await webhook_rows.find(tx, project_id, webhook_id)
    if webhook is not None:
        await _publish(ctx, tx, webhook, WEBHOOK_RECOVERED, None)


async def publish_disabled(ctx: Context, tx: Tx, webhook: Webhook) -> None:
    """Publishes that a webhook was disabled automatically."""
    await _publish(ctx, tx, webhook, WEBHOOK_DISABLED, webhook.disabled_reason)


async def publish_dead_letter(ctx: Context, tx: Tx, claimed: Claimed, reason: str) -> None:
    """
    Publishes that a delivery was dead-lettered: each to an ATS, those to a webhook once an hour.

    Skips deliveries of operational events: two failing webhooks would report each other for ever.
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


async def _publish(ctx: Context, tx: Tx, webhook: Webhook, event_type: str, reason: str | None) -> None:
    payload = webhook_payload(webhook.project_id, webhook.id, webhook.name, reason=reason, at=ctx.now())
    await events.publish(ctx, tx, webhook.project_id, event_type, payload, account_id=None, but=webhook.id)
