"""Queries on the hub settings of projects."""

from __future__ import annotations

import json

from greenroom.model.hub import Branding, HubSettings
from greenroom.store.db import Tx, from_ms, to_json


async def find(tx: Tx, project_id: str) -> HubSettings:
    """Returns a project's hub settings, or the defaults if it has set none."""
    row = await tx.one("SELECT * FROM hub_settings WHERE project_id = $1", project_id)
    if row is None:
        return HubSettings()
    return HubSettings(
        allowed_origins=tuple(json.loads(row["allowed_origins"])),
        branding=Branding(row["accent"], row["logo_url"], row["product_name"]),
        updated_at=from_ms(row["updated_at"]),
    )


async def save(tx: Tx, project_id: str, settings: HubSettings) -> None:
    """Replaces a project's hub settings."""
    look = settings.branding
    await tx.run(
        "INSERT INTO hub_settings (project_id, allowed_origins, accent, logo_url, product_name, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, now_ms()) ON CONFLICT (project_id) DO UPDATE SET "
        "allowed_origins = excluded.allowed_origins, accent = excluded.accent, logo_url = excluded.logo_url, "
        "product_name = excluded.product_name, updated_at = excluded.updated_at",
        project_id,
        to_json(list(settings.allowed_origins)),
        look.accent,
        look.logo_url,
        look.product_name,
    )
