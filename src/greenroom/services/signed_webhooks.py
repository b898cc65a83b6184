"""Webhooks with their signing secrets and custom headers decrypted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from greenroom.context import Context, snapshot
from greenroom.model.webhooks import Destination, Webhook
from greenroom.security.vault import VaultError
from greenroom.services import custom_headers
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Row, Tx


@snapshot
async def find(ctx: Context, tx: Tx, webhook_id: str) -> Destination | None:
    """
    Returns a webhook with its live signing secrets, or None if it was deleted.

    Raises:
        VaultError: a secret cannot be decrypted.
    """
    for webhook, secrets in await webhook_rows.list_with_secrets(tx, [webhook_id]):
        return opened(ctx, webhook, secrets)
    return None


async def readable(ctx: Context, tx: Tx, webhook_ids: Sequence[str]) -> dict[str, Destination]:
    """
    Returns webhooks with their live signing secrets, inside another service's transaction.

    Webhooks whose secrets cannot be decrypted are left out.
    """
    found: dict[str, Destination] = {}
    for webhook, secrets in await webhook_rows.list_with_secrets(tx, webhook_ids):
        with suppress(VaultError):
            found[webhook.id] = opened(ctx, webhook, secrets)
    return found


def opened(ctx: Context, webhook: Webhook, secrets: Sequence[Row]) -> Destination:
    """
    Returns a webhook with its secrets decrypted from their rows.

    Raises:
        VaultError: a secret cannot be decrypted.
    """
    plain = [
        ctx.vault.open(row["secret_sealed"], table="webhook_secrets", row=row["secret_id"], column="secret_sealed")
        for row in secrets
    ]
    return Destination(webhook, plain, custom_headers.opened(ctx, webhook))
