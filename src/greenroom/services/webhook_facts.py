"""Facts about a project's webhooks and order events, for the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.context import Context, snapshot
from greenroom.model.integrations import Integration
from greenroom.model.webhooks import Webhook
from greenroom.services import integrations
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx


@dataclass(frozen=True)
class WebhookArea:
    """The enabled integrations of a project and its webhooks."""

    integrations: Sequence[Integration]
    webhooks: Sequence[Webhook]


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> WebhookArea:
    """Returns the facts of a project."""
    configured = [one for one in await integrations.read_all(ctx, tx, project_id) if one.enabled]
    return WebhookArea(configured, await webhook_rows.list_webhooks(tx, project_id))
