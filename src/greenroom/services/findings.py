"""The open findings of each project: the events that they open and close, and their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from greenroom.context import Context, snapshot, transaction
from greenroom.model.events import FINDING_CLOSED, FINDING_OPENED, finding_payload
from greenroom.model.findings import Finding
from greenroom.services import alert_mails, events
from greenroom.services.alert_mails import Changed
from greenroom.store import findings as finding_rows
from greenroom.store import installation as installation_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, Tx, to_json

#: the key of a finding within a project: code, and its subject's type and id
Key = tuple[str, str, str]

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

    Publishes each that opened or closed since the last time, once, and queues its alerts by e-mail. A webhook gets no
    event about itself. A finding about the installation has the same id in each project.
    """
    if not await finding_rows.lock(tx, project_id):
        return 0
    known = {
        (row["code"], row["subject_type"], row["subject_id"]): row
        for row in await finding_rows.list_open(tx, project_id)
    }
    now = {one.key: (one, shown) for one, shown in found}
    closed = [key for key in known if key not in now]
    room = MOST - (len(known) - len(closed))
    opened = [key for key in now if key not in known][:room]
    if not closed and not opened:
        return 0
    if any(subject_type == "installation" for _, subject_type, _ in (*closed, *opened)):
        await installation_rows.lock(tx)  # or two projects could each be the first that has the finding
    place = await _find_place(ctx, tx, project_id)
    changes = [await _close(tx, place, key, known[key]) for key in closed]
    changes += [await _open(ctx, tx, place, key, *now[key]) for key in opened]
    for one in changes:
        await _publish(ctx, tx, place, one)
    await alert_mails.queue(ctx, tx, project_id, place.name, [one for one in changes if not one.is_known_elsewhere])
    return len(changes)


@snapshot
async def count_by_code(_: Context, tx: Tx) -> dict[str, int]:
    """Counts the open findings of all projects by code."""
    return await finding_rows.count_by_code(tx)


@dataclass(frozen=True)
class _Place:
    """A project, and the address of its pages."""

    project_id: str
    name: str
    address: str

    def page_of(self, key: Key) -> str:
        """Returns the address of the page with a finding."""
        return f"{self.address}/findings?{urlencode({'code': key[0], 'q': key[2]})}"


async def _find_place(ctx: Context, tx: Tx, project_id: str) -> _Place:
    project = await project_rows.find(tx, project_id)
    name = project.name if project else project_id
    return _Place(project_id, name, f"{ctx.settings.public_url}/projects/{project_id}")


async def _close(tx: Tx, place: _Place, key: Key, row: Row) -> Changed:
    await finding_rows.delete(tx, place.project_id, key)
    shared = await _find_shared(tx, place.project_id, key)
    shown = {"url": place.page_of(key), **json.loads(row["shown"])}  # rows of an earlier version have no address
    return Changed(row["id"], "closed", shown, row["opened_at"], shared is not None)


async def _open(ctx: Context, tx: Tx, place: _Place, key: Key, finding: Finding, shown: Mapping[str, Any]) -> Changed:
    shared = await _find_shared(tx, place.project_id, key)
    finding_id = shared or ctx.new_id("fnd")
    content = {
        **shown,
        "account_id": finding.account_id,
        "order_id": finding.order_id,
        "url": place.page_of(key),
    }
    await finding_rows.add(tx, place.project_id, key, finding_id, to_json(content))
    return Changed(finding_id, "opened", content, None, shared is not None)


async def _find_shared(tx: Tx, project_id: str, key: Key) -> str | None:
    """Returns the id of the same finding about the installation that another project has, too."""
    return await finding_rows.find_of_installation(tx, key[0], but=project_id) if key[1] == "installation" else None


async def _publish(ctx: Context, tx: Tx, place: _Place, one: Changed) -> None:
    payload = finding_payload(place.project_id, place.name, one.finding_id, one.change, one.shown, at=ctx.now())
    subject = one.shown["subject"]
    itself = subject["id"] if subject["type"] == "webhook" else None
    event_type = FINDING_OPENED if one.change == "opened" else FINDING_CLOSED
    account_id = one.shown["account_id"]
    await events.publish(ctx, tx, place.project_id, event_type, payload, account_id=account_id, but=itself)
