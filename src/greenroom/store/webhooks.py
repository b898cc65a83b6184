"""Webhooks and their secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from greenroom.model.webhooks import Webhook
from greenroom.store.db import Row, Tx, from_ms, insert, marks, maybe_from_ms, to_json, to_ms, update

#: columns and tables of webhooks with their live secrets
_WITH_SECRETS = (
    "webhooks.*, secrets.id AS secret_id, secrets.secret_sealed",
    "webhooks LEFT JOIN webhook_secrets AS secrets ON secrets.webhook_id = webhooks.id "
    "AND (secrets.expires_at IS NULL OR secrets.expires_at > now_ms())",
)


async def find(
    tx: Tx, project_id: str, webhook_id: str, *, lock: Literal["", "{for_share}", "{for_update}"] = ""
) -> Webhook | None:
    """A project's webhook; `lock` keeps others from changing it until this transaction ends."""
    row = await tx.one(f"SELECT * FROM webhooks WHERE id = $1 AND project_id = $2 {lock}", webhook_id, project_id)  # noqa: S608
    return _webhook(row) if row else None


async def count(tx: Tx, project_id: str) -> int:
    """How many webhooks a project has."""
    row = await tx.one("SELECT count(*) AS n FROM webhooks WHERE project_id = $1", project_id)
    return int(row["n"]) if row else 0


async def list_webhooks(tx: Tx, project_id: str) -> list[Webhook]:
    """Every webhook of a project, oldest first."""
    rows = await tx.all("SELECT * FROM webhooks WHERE project_id = $1 ORDER BY id", project_id)
    return [_webhook(row) for row in rows]


async def list_for_event(tx: Tx, project_id: str) -> list[tuple[Webhook, list[Row], bool]]:
    """
    Every webhook of a project, oldest first, with its secrets as `list_with_secrets` has them, and whether the way to
    it is clear: it is enabled, has no breaker and no rate limit, and no new delivery waits for it.
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
    These webhooks, whatever their project, each with its live secrets (`secret_id`, `secret_sealed`), newest first: for
    the engine, which acts for all.
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
    """Of each webhook itself, its rows that have a secret, and its first row."""
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row["id"])]
    return [(_webhook(group[0]), [row for row in group if row["secret_id"] is not None], group[0]) for group in groups]


async def add(tx: Tx, webhook: Webhook) -> None:
    """Store a new webhook."""
    await insert(tx, "webhooks", {"id": webhook.id, "project_id": webhook.project_id, **_columns(webhook)})


async def save(tx: Tx, webhook: Webhook) -> None:
    """Write a changed webhook."""
    await update(tx, "webhooks", webhook.id, _columns(webhook))


async def list_half_switched(tx: Tx) -> list[Webhook]:
    """
    Webhooks, whatever their project, for which something is held though they are enabled, or waits though they are
    disabled and no person asked for it.
    """
    rows = await tx.all(
        "SELECT * FROM webhooks WHERE CASE enabled "
        "WHEN 1 THEN EXISTS (SELECT 1 FROM deliveries WHERE destination_id = webhooks.id AND state = 'held') "
        "ELSE EXISTS (SELECT 1 FROM deliveries WHERE destination_id = webhooks.id AND state = 'pending' "
        "AND lease IS NULL AND queue <> 'hand') END ORDER BY id"
    )
    return [_webhook(row) for row in rows]


async def list_enabled_with_held(tx: Tx) -> list[Webhook]:
    """The enabled webhooks of those projects for which events are held."""
    rows = await tx.all(
        "SELECT * FROM webhooks WHERE enabled = 1 AND EXISTS (SELECT 1 FROM deliveries "
        "WHERE destination_id = webhooks.project_id AND state = 'held') ORDER BY id"
    )
    return [_webhook(row) for row in rows]


async def may_tell(
    tx: Tx, webhook_id: str, told_at: Literal["failing_told_at", "exhausted_told_at"], *, every_ms: int
) -> Webhook | None:
    """The webhook, if its project was not told that of it within so many ms; from now on it was."""
    row = await tx.one(
        f"UPDATE webhooks SET {told_at} = now_ms() WHERE id = $1 AND {told_at} < now_ms() - $2 RETURNING *",  # noqa: S608
        webhook_id,
        every_ms,
    )
    return _webhook(row) if row else None


async def delete(tx: Tx, project_id: str, webhook_id: str) -> None:
    """Delete a webhook and its secrets."""
    await tx.run("DELETE FROM webhooks WHERE id = $1 AND project_id = $2", webhook_id, project_id)


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
        "held_since": to_ms(webhook.held_since) if webhook.held_since else None,
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
    )
