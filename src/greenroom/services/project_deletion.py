"""Deletion of a project by its owner: access ends at once, maintenance deletes the rows in batches."""

from __future__ import annotations

from greenroom.context import Context, transaction
from greenroom.errors import NotFound
from greenroom.services import audit, webhooks
from greenroom.store import project_deletion as deletion_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx

#: rows of one batch, which takes some milliseconds
BATCH = 200
EVENTS = 1000
REASON = "the project was deleted"


async def delete(ctx: Context, project_id: str) -> None:
    """
    Deletes a project for everybody: its keys, members, links and ATSs are refused from now on, and nothing more is
    sent to its webhooks. Its rows are deleted by `delete_next`.

    Raises:
        NotFound: there is no such project.
    """
    await _mark(ctx, project_id)
    await webhooks.switch_over(ctx)


@transaction
async def _mark(ctx: Context, tx: Tx, project_id: str) -> None:
    await project_rows.lock_orders(tx, project_id)
    project = await project_rows.find(tx, project_id)
    if project is None or not await deletion_rows.mark(tx, project_id, reason=REASON):
        raise NotFound(f"No project {project_id[:80]}.")
    # of the whole installation, since nobody sees the project's own entries any more
    await audit.record(ctx, tx, "project.deleted", project_id, project_id=None, detail={"name": project.name})


@transaction
async def delete_next(_: Context, tx: Tx, *, after: str = "") -> str | None:
    """
    Deletes one batch of a deleted project's rows.

    Returns where the next batch of events begins, None when no project is to be deleted.
    """
    project_id = await deletion_rows.find_marked(tx)
    if project_id is None:
        return None
    if await deletion_rows.delete_some(tx, project_id, most=BATCH):
        return ""
    following = await deletion_rows.delete_events(tx, project_id, after=after, most=EVENTS)
    if following is None:
        await deletion_rows.finish(tx, project_id)
    return following or ""
