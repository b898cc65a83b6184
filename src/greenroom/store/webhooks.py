"""Webhooks and their secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from greenroom.model.webhooks import Webhook
from greenroom.store.db import Row, Tx, from_ms, insert, marks, to_json, to_ms, update


async def find(tx: Tx, project_id: str, webhook_id: str) -> Webhook | None:
    """A project's webhook."""
    row = await tx.one("SELECT * FROM webhooks WHERE id = $1 AND project_id = $2", webhook_id, project_id)
    return _webhook(row) if row else None


async def list_webhooks(tx: Tx, project_id: str) -> list[Webhook]:
    """Every webhook of a project, oldest first."""
    rows = await tx.all("SELECT * FROM webhooks WHERE project_id = $1 ORDER BY id", project_id)
    return [_webhook(row) for row in rows]


async def list_with_secrets(tx: Tx, webhook_ids: Sequence[str]) -> list[tuple[Webhook, list[Row]]]:
    """
    These webhooks, whatever their project, each with its live secrets (`secret_id`, `secret_sealed`), newest first: for
    the engine, which acts for all.
    """
    if not webhook_ids:
        return []
    rows = await tx.all(
        "SELECT webhooks.*, secrets.id AS secret_id, secrets.secret_sealed FROM webhooks "  # noqa: S608
        "LEFT JOIN webhook_secrets AS secrets ON secrets.webhook_id = webhooks.id "
        "AND (secrets.expires_at IS NULL OR secrets.expires_at > now_ms()) "
        f"WHERE webhooks.id IN ({marks(webhook_ids)}) ORDER BY webhooks.id, secrets.id DESC",
        *webhook_ids,
    )
    grouped = [list(group) for _, group in groupby(rows, key=lambda row: row["id"])]
    return [(_webhook(group[0]), [row for row in group if row["secret_id"] is not None]) for group in grouped]


async def add(tx: Tx, webhook: Webhook) -> None:
    """Store a new webhook."""
    await insert(tx, "webhooks", {"id": webhook.id, "project_id": webhook.project_id, **_columns(webhook)})


async def save(tx: Tx, webhook: Webhook) -> None:
    """Write a changed webhook."""
    await update(tx, "webhooks", webhook.id, _columns(webhook))


async def delete(tx: Tx, project_id: str, webhook_id: str) -> bool:
    """Delete a webhook and its secrets. False: there is none."""
    return await tx.run("DELETE FROM webhooks WHERE id = $1 AND project_id = $2", webhook_id, project_id) == 1


async def add_secret(tx: Tx, secret_id: str, webhook_id: str, secret_sealed: str) -> None:
    """Store a live secret."""
    await tx.run(
        "INSERT INTO webhook_secrets (id, webhook_id, secret_sealed, created_at) VALUES ($1, $2, $3, now_ms())",
        secret_id,
        webhook_id,
        secret_sealed,
    )


async def expire_secrets(tx: Tx, webhook_id: str, *, overlap_ms: int) -> None:
    """Let the current secret sign on for the overlap, and end older ones now."""
    await tx.run(
        "UPDATE webhook_secrets SET expires_at = now_ms() WHERE webhook_id = $1 AND expires_at > now_ms()", webhook_id
    )
    await tx.run(
        "UPDATE webhook_secrets SET expires_at = now_ms() + $2 WHERE webhook_id = $1 AND expires_at IS NULL",
        webhook_id,
        overlap_ms,
    )


def _columns(webhook: Webhook) -> dict[str, str | int | float | None]:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": to_json(list(webhook.events)),
        "account_ids": to_json(list(webhook.account_ids)),
        "enabled": int(webhook.enabled),
        "disabled_reason": webhook.disabled_reason,
        "rate_limit": webhook.rate_limit,
        "created_at": to_ms(webhook.created_at),
        "updated_at": to_ms(webhook.updated_at),
    }


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        project_id=row["project_id"],
        name=row["name"],
        url=row["url"],
        events=tuple(json.loads(row["events"])),
        account_ids=tuple(json.loads(row["account_ids"])),
        enabled=bool(row["enabled"]),
        disabled_reason=row["disabled_reason"],
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
        rate_limit=row["rate_limit"],
    )
