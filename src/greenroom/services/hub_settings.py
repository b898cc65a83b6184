"""A project's hub settings: allowed origins and branding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.model.hub import HubSettings
from greenroom.services import audit
from greenroom.store import hub_settings as setting_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx, from_ms

#: a refused origin is shown for this time
SHOWN = timedelta(days=1)


@dataclass(frozen=True)
class RefusedOrigin:
    """The origin of a page that may not show the hub, and when it last tried."""

    origin: str
    refused_at: datetime


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


@transaction(kind="short")
async def note_refused_origin(_: Context, tx: Tx, project_id: str, origin: str) -> None:
    """Records the origin of a page that may not show a project's hub; the oldest of many are forgotten."""
    await setting_rows.note_refused(tx, project_id, origin)


@snapshot
async def list_refused_origins(_: Context, tx: Tx, project_id: str) -> list[RefusedOrigin]:
    """Lists the origins that were refused within a day and are still not allowed, the latest first."""
    allowed = (await setting_rows.find(tx, project_id)).allowed_origins
    rows = await setting_rows.list_refused(tx, project_id, over_ms=int(SHOWN.total_seconds() * 1000))
    return [RefusedOrigin(row["origin"], from_ms(row["refused_at"])) for row in rows if row["origin"] not in allowed]
