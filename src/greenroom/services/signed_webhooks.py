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
    columns = [
        (row, column)
        for row in secrets
        for column in ("secret_sealed", "private_key_sealed")
        if _signs(webhook, row, column)
    ]
    plain = [
        ctx.vault.open(row[column], table="webhook_secrets", row=row["secret_id"], column=column)
        for row, column in columns
    ]
    return Destination(webhook, plain, custom_headers.opened(ctx, webhook))


def _signs(webhook: Webhook, row: Row, column: str) -> bool:
    """Returns whether a secret's column signs; the HMAC secret also does where there is no key pair."""
    if column == "private_key_sealed":
        return webhook.signature != "hmac" and row["private_key_sealed"] is not None
    return webhook.signature != "ed25519" or row["private_key_sealed"] is None
