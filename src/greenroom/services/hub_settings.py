"""A project's hub settings: allowed origins and branding."""

from __future__ import annotations

from dataclasses import replace

from greenroom.context import Context, snapshot, transaction
from greenroom.model.hub import HubSettings
from greenroom.services import audit
from greenroom.store import hub_settings as setting_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx


@snapshot(kind="batchable")
async def get(_: Context, tx: Tx, project_id: str) -> HubSettings:
    """Returns a project's hub settings; the defaults if it has set none, or does not exist."""
    return await setting_rows.find(tx, project_id)


@transaction
async def put(ctx: Context, tx: Tx, project_id: str, settings: HubSettings) -> HubSettings:
    """Replaces a project's hub settings, whose values have been checked; unchanged ones are not saved again."""
    await project_rows.lock(tx, project_id)
    old = await setting_rows.find(tx, project_id)
    if replace(old, updated_at=None) == replace(settings, updated_at=None):
        return old
    await setting_rows.save(tx, project_id, settings)
    detail = {"allowed_origins": list(settings.allowed_origins), "accent": settings.branding.accent}
    await audit.record(ctx, tx, "hub.changed", project_id, project_id=project_id, detail=detail)
    return await setting_rows.find(tx, project_id)
