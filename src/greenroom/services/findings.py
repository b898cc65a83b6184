"""The open findings of each project: the events that they open and close, and their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.model.events import FINDING_CLOSED, FINDING_OPENED, finding_payload
from greenroom.model.findings import Finding
from greenroom.services import events
from greenroom.store import findings as finding_rows
from greenroom.store.db import Tx, to_json

#: how often a project is diagnosed, and the least time between any two diagnoses of all processes together
EVERY = timedelta(minutes=1)
GAP = timedelta(milliseconds=200)
#: open findings of a project; more are neither stored nor published
MOST = 200


@transaction(kind="short")
async def claim_project(
    _: Context, tx: Tx, *, every: timedelta = EVERY, gap: timedelta = GAP
) -> str | None:  # fmt: skip
    """Returns a project that is due for a diagnosis, which no other process makes now; None if there is none."""
    return await finding_rows.claim_project(
        tx, every_ms=int(every.total_seconds() * 1000), gap_ms=int(gap.total_seconds() * 1000)
    )


@transaction(queues=True)
async def record(ctx: Context, tx: Tx, project_id: str, found: Sequence[tuple[Finding, Mapping[str, Any]]]) -> int:
    """
    Records the findings of a project as of now, each with its JSON; returns the number of published events.

    Publishes each that opened or closed since the last time, once. A webhook gets no event about itself.
    """
    if not await finding_rows.lock(tx, project_id):
        return 0
    known = {
        (row["code"], row["subject_type"], row["subject_id"]): row
        for row in await finding_rows.list_open(tx, project_id)
    }
    now = {one.key: (one, shown) for one, shown in found}
    count = 0
    for key in known.keys() - now.keys():
        row = known[key]
        await finding_rows.delete(tx, project_id, key)
        await _publish(ctx, tx, project_id, FINDING_CLOSED, row["id"], json.loads(row["shown"]))
        count += 1
    room = MOST - len(known.keys() & now.keys())
    for key in [one for one in now if one not in known][:room]:
        finding, shown = now[key]
        finding_id = ctx.new_id("fnd")
        content = {**shown, "account_id": finding.account_id, "order_id": finding.order_id}
        await finding_rows.add(tx, project_id, key, finding_id, to_json(content))
        await _publish(ctx, tx, project_id, FINDING_OPENED, finding_id, content)
        count += 1
    return count


@snapshot
async def count_by_code(_: Context, tx: Tx) -> dict[str, int]:
    """Counts the open findings of all projects by code."""
    return await finding_rows.count_by_code(tx)


async def _publish(
    ctx: Context, tx: Tx, project_id: str, event_type: str, finding_id: str, shown: Mapping[str, Any]
) -> None:
    subject = shown["subject"]
    payload = finding_payload(project_id, finding_id, shown, at=ctx.now())
    itself = subject["id"] if subject["type"] == "webhook" else None
    await events.publish(ctx, tx, project_id, event_type, payload, account_id=shown["account_id"], but=itself)
