"""The background job that diagnoses projects in turn and publishes findings that open and close."""

from __future__ import annotations

import time

from greenroom.context import Context
from greenroom.doctor.diagnosis import diagnose
from greenroom.doctor.shown import show
from greenroom.services import findings

#: seconds until the next search after one that found no project due
IDLE_S = 5.0
#: a pause is this many times as long as the diagnosis before it, so that the job takes a tenth of a core at most
REST = 9


async def diagnose_next(ctx: Context) -> float:
    """Diagnoses the project whose turn it is; returns the seconds until the next one."""
    project_id = await findings.claim_project(ctx)
    if project_id is None:
        return IDLE_S
    began = time.monotonic()
    found = await diagnose(ctx, project_id)
    await findings.record(ctx, project_id, [(one, show(one, ctx.settings.public_url)) for one in found])
    return max(findings.GAP.total_seconds(), REST * (time.monotonic() - began))
