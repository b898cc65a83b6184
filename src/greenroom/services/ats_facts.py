"""Facts about the calls of a project's ATSs, for the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from greenroom.context import Context, snapshot
from greenroom.model.ats_calls import Caller, Refused
from greenroom.model.integrations import Integration
from greenroom.services import gateway_facts, integrations, refused_calls
from greenroom.services.ats_callers import list_callers, to_refused
from greenroom.store import db
from greenroom.store import refused_calls as refused_rows
from greenroom.store.db import Tx, from_ms


@dataclass(frozen=True)
class AtsArea:
    """The integrations of a project, its accounts with the latest call of each, and what was refused."""

    integrations: Sequence[Integration]
    callers: Sequence[Caller]
    refused: Sequence[Refused]
    now: datetime
    public_url: str


async def gather(ctx: Context, project_id: str) -> AtsArea:
    """Returns the facts of a project, with the refused calls of this process up to now."""
    await refused_calls.flush(ctx)
    return await _gather(ctx, project_id, await gateway_facts.find_public_url(ctx))


@snapshot
async def _gather(ctx: Context, tx: Tx, project_id: str, public_url: str) -> AtsArea:
    configured = await integrations.read_all(ctx, tx, project_id)
    refused = [to_refused(row) for row in await refused_rows.list_refused(tx, project_id)]
    callers: dict[str, Caller] = {}
    for one in configured:
        named = [found.subject for found in refused if found.provider == one.provider]
        callers |= {caller.id: caller for caller in await list_callers(tx, project_id, one.provider, named)}
    return AtsArea(configured, list(callers.values()), refused, from_ms(await db.now_ms(tx)), public_url)
