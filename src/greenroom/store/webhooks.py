"""Queries on webhooks and their signing secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from greenroom.model.webhooks import Webhook
from greenroom.store.db import Row, Tx, from_ms, insert, marks, maybe_from_ms, to_json, to_ms, update

#: columns and join of webhooks with their live secrets
_WITH_SECRETS = (
    "webhooks.*, secrets.id AS secret_id, secrets.secret_sealed, secrets.private_key_sealed",
    "webhooks LEFT JOIN webhook_secrets AS secrets ON secrets.webhook_id = webhooks.id "
    "AND (secrets.expires_at IS NULL OR secrets.expires_at > now_ms())",
)


async def find(
    tx: Tx, project_id: str, webhook_id: str, *, lock: Literal["", "{for_share}", "{for_update}"] = ""
) -> Webhook | None:
    """Returns a webhook of a project; `lock` locks its row until this transaction ends."""
    row = await tx.one(f"SELECT * FROM webhooks WHERE id = $1 AND project_id = $2 {lock}", webhook_id, project_id)  # noqa: S608
    return _webhook(row) if row else None


async def count(tx: Tx, project_id: str) -> int:
    """Counts the webhooks of a project."""
    row = await tx.one("SELECT count(*) AS n FROM webhooks WHERE project_id = $1", project_id)
    return int(row["n"]) if row else 0


async def list_webhooks(tx: Tx, project_id: str) -> list[Webhook]:
    """Lists the webhooks of a project, oldest first."""
    rows = await tx.all("SELECT * FROM webhooks WHERE project_id = $1 ORDER BY id", project_id)
    return [_webhook(row) for row in rows]


async def list_for_event(tx: Tx, project_id: str) -> list[tuple[Webhook, list[Row], bool]]:
    """
    Lists the webhooks of a project for a new event, oldest first.

    Each comes with its live secrets, as in `list_with_secrets`, and whether it allows direct dispatch: it is enabled,
    has no breaker and no rate limit, and no new delivery is due.
    """
    rows = await tx.all(
        f"SELECT {_WITH_SECRETS[0]}, enabled = 1 AND rate_limit IS NULL "  # noqa: S608
        "AND NOT EXISTS (SELECT 1 FROM breakers WHERE breakers.destination_id = webhooks.id) "
        "AND NOT EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending' AND queue = 'first' "
        "AND deliveries.destination_id = webhooks.id AND due_at <= now_ms()) AS clear "
        f"FROM {_WITH_SECRETS[1]} WHERE webhooks.project_id = $1 ORDER BY webhooks.id, secrets.id DESC",
        project_id,
    )
    return [(webhook, secrets, bool(first["clear"])) for webhook, secrets, first in _grouped(rows)]


async def list_with_secrets(tx: Tx, webhook_ids: Sequence[str]) -> list[tuple[Webhook, list[Row]]]:
    """
    Lists webhooks of any project for the engine.

    Each comes with its live secrets (`secret_id`, `secret_sealed`), newest first.
    """
    if not webhook_ids:
        return []
    rows = await tx.all(
        f"SELECT {_WITH_SECRETS[0]} FROM {_WITH_SECRETS[1]} "  # noqa: S608
        f"WHERE webhooks.id IN ({marks(webhook_ids)}) ORDER BY webhooks.id, secrets.id DESC",
        *webhook_ids,
    )
    return [(webhook, secrets) for webhook, secrets, _ in _grouped(rows)]


def _grouped(rows: Sequence[Row]) -> list[tuple[Webhook, list[Row], Row]]:
    """Returns each webhook, its rows that have a secret, and its first row."""
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row["id"])]
    return [(_webhook(group[0]), [row for row in group if row["secret_id"] is not None], group[0]) for group in groups]


async def add(tx: Tx, webhook: Webhook) -> None:
    """Adds a new webhook."""
    await insert(tx, "webhooks", {"id": webhook.id, "project_id": webhook.project_id, **_columns(webhook)})


async def save(tx: Tx, webhook: Webhook) -> None:
    """Saves a changed webhook."""
    await update(tx, "webhooks", webhook.id, _columns(webhook))


async def list_half_switched(tx: Tx) -> list[Webhook]:
    """
    Lists webhooks of any project whose deliveries do not match their switch yet.

    An enabled one has held deliveries; a disabled one has unclaimed pending deliveries outside of the manual queue.
    """
    rows = await tx.all(
        "SELECT * FROM webhooks WHERE CASE enabled "
        "WHEN 1 THEN EXISTS (SELECT 1 FROM deliveries WHERE destination_id = webhooks.id AND state = 'held') "
        "ELSE EXISTS (SELECT 1 FROM deliveries WHERE destination_id = webhooks.id AND state = 'pending' "
        "AND lease IS NULL AND queue <> 'hand') END ORDER BY id"
    )
    return [_webhook(row) for row in rows]


async def list_enabled_with_held(tx: Tx) -> list[Webhook]:
    """Lists the enabled webhooks of projects with held events."""
    rows = await tx.all(
        "SELECT * FROM webhooks WHERE enabled = 1 AND EXISTS (SELECT 1 FROM deliveries "
        "WHERE destination_id = webhooks.project_id AND state = 'held') ORDER BY id"
    )
    return [_webhook(row) for row in rows]


async def may_tell(
    tx: Tx, webhook_id: str, told_at: Literal["failing_told_at", "exhausted_told_at"], *, every_ms: int
) -> Webhook | None:
    """Claims a notification about a webhook; returns the webhook, or None after an earlier one within `every_ms`."""
    row = await tx.one(
        f"UPDATE webhooks SET {told_at} = now_ms() WHERE id = $1 AND {told_at} < now_ms() - $2 RETURNING *",  # noqa: S608
        webhook_id,
        every_ms,
    )
    return _webhook(row) if row else None


async def delete(tx: Tx, project_id: str, webhook_id: str) -> None:
    """Deletes a webhook with its secrets and the outcome of its latest test."""
    await tx.run("DELETE FROM check_observations WHERE project_id = $1 AND subject = $2", project_id, webhook_id)
    await tx.run("DELETE FROM webhooks WHERE id = $1 AND project_id = $2", webhook_id, project_id)


async def add_secret(tx: Tx, secret_id: str, webhook_id: str, secret_sealed: str) -> None:
    """Adds a secret that does not expire."""
    await tx.run(
        "INSERT INTO webhook_secrets (id, webhook_id, secret_sealed, created_at) VALUES ($1, $2, $3, now_ms())",
        secret_id,
        webhook_id,
        secret_sealed,
    )


async def add_key_pair(tx: Tx, secret_id: str, *, private_key_sealed: str, public_key: str) -> None:
    """Adds an ed25519 key pair to a secret."""
    await tx.run(
        "UPDATE webhook_secrets SET private_key_sealed = $2, public_key = $3 WHERE id = $1",
        secret_id,
        private_key_sealed,
        public_key,
    )


async def list_public_keys(tx: Tx, webhook_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the live public keys of the webhooks whose deliveries have an ed25519 signature, newest first."""
    if not webhook_ids:
        return []
    return await tx.all(
        "SELECT secrets.webhook_id, secrets.public_key FROM webhook_secrets AS secrets "  # noqa: S608
        "JOIN webhooks ON webhooks.id = secrets.webhook_id "
        f"WHERE webhooks.id IN ({marks(webhook_ids)}) AND webhooks.signature <> 'hmac' "
        "AND secrets.public_key IS NOT NULL "
        "AND (secrets.expires_at IS NULL OR secrets.expires_at > now_ms()) ORDER BY secrets.id DESC",
        *webhook_ids,
    )


async def list_live_secrets(tx: Tx, project_id: str, webhook_id: str) -> Sequence[Row]:
    """Lists the live secrets of a project's webhook, newest first."""
    return await tx.all(
        "SELECT secrets.* FROM webhook_secrets AS secrets JOIN webhooks ON webhooks.id = secrets.webhook_id "
        "WHERE webhooks.id = $1 AND webhooks.project_id = $2 "
        "AND (secrets.expires_at IS NULL OR secrets.expires_at > now_ms()) ORDER BY secrets.id DESC",
        webhook_id,
        project_id,
    )


async def expire_secrets(tx: Tx, webhook_id: str, *, overlap_ms: int) -> None:
    """Lets the current secret expire after the overlap, and older secrets now."""
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
        "held_since": to_ms(webhook.held_since) if webhook.held_since else None,
        "header_names": to_json(list(webhook.header_names)),
        "headers_sealed": webhook.headers_sealed,
        "signature": webhook.signature,
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
        held_since=maybe_from_ms(row["held_since"]),
        header_names=tuple(json.loads(row["header_names"])),
        headers_sealed=row["headers_sealed"],
        signature=row["signature"],
    )
