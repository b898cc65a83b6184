"""Queries on the hub settings of projects."""

from __future__ import annotations

import json
from collections.abc import Sequence

from greenroom.model.hub import Branding, HubSettings
from greenroom.store.db import Row, Tx, from_ms, to_json

#: refused origins of a project; the oldest are replaced
MOST_REFUSED = 20


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


async def note_refused(tx: Tx, project_id: str, origin: str) -> None:
    """Records that an origin was refused now, and deletes the project's oldest beyond `MOST_REFUSED`."""
    await tx.run(
        "INSERT INTO refused_origins (project_id, origin, refused_at) VALUES ($1, $2, now_ms()) "
        "ON CONFLICT (project_id, origin) DO UPDATE SET refused_at = excluded.refused_at",
        project_id,
        origin,
    )
    await tx.run(
        "DELETE FROM refused_origins WHERE project_id = $1 AND origin NOT IN "
        "(SELECT origin FROM refused_origins WHERE project_id = $1 ORDER BY refused_at DESC LIMIT $2)",
        project_id,
        MOST_REFUSED,
    )


async def list_refused(tx: Tx, project_id: str, *, over_ms: int) -> Sequence[Row]:
    """Lists the origins that were refused in the last `over_ms`, the latest first."""
    return await tx.all(
        "SELECT origin, refused_at FROM refused_origins WHERE project_id = $1 AND refused_at > now_ms() - $2 "
        "ORDER BY refused_at DESC",
        project_id,
        over_ms,
    )
