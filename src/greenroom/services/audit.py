"""
The audit log: written inside the transaction of each change, listed for owners.

A changing service calls `record` once for each change, at its end. The actor is `Context.actor`, which the API, the CLI
and the dashboard set for each request, so an entry says who acted whichever way they came. What Greenroom does by
itself and what an ATS calls is recorded in timelines and logs, not here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.model.audit import Actor, AuditEntry, AuditFilter
from greenroom.store import audit as audit_rows
from greenroom.store.db import Tx

#: entries of one batch of an export or of retention
BATCH = 500


async def record(
    ctx: Context,
    tx: Tx,
    action: str,
    object_id: str | None,
    *,
    project_id: str | None,
    detail: dict[str, Any] | None = None,
    actor: Actor | None = None,
) -> None:
    """
    Records a change or a reveal, inside another service's transaction; `action` is a name of `model.audit.ACTIONS`.

    `detail` has names of fields and new values that are no secrets. `actor` is the context's unless given; the actor
    `system` is not recorded.
    """
    actor = actor or ctx.actor
    if actor.kind != "system":
        entry = AuditEntry(ctx.new_id("aud"), project_id, actor, action, object_id, ctx.now(), detail or {})
        await audit_rows.add(tx, entry)


@snapshot
async def list_entries(
    _: Context,
    tx: Tx,
    project_id: str | None,
    wanted: AuditFilter | None = None,
    *,
    before: str | None = None,
    limit: int = 25,
) -> list[AuditEntry]:
    """
    Returns a project's audit log, newest first, at most `limit` entries, from the one before the id `before` on.

    Without a project, the whole installation's.
    """
    return await audit_rows.list_entries(tx, project_id, wanted or AuditFilter(), before=before, limit=limit)


async def export(ctx: Context, project_id: str | None, wanted: AuditFilter) -> AsyncIterator[AuditEntry]:
    """Yields every entry of `list_entries`, newest first, read a batch at a time."""
    before: str | None = None
    while batch := await list_entries(ctx, project_id, wanted, before=before, limit=BATCH):
        for entry in batch:
            yield entry
        before = batch[-1].id


@transaction
async def delete_old(ctx: Context, tx: Tx) -> int:
    """Deletes one batch of entries that are older than GREENROOM_AUDIT_RETENTION_DAYS; returns how many."""
    return await audit_rows.delete_old(tx, days=ctx.settings.audit_retention_days, limit=BATCH)
