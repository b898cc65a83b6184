"""`greenroom audit`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.model.audit import AuditEntry, AuditFilter
from greenroom.model.events import stamp
from greenroom.services import audit, projects

app = typer.Typer(help="The audit log: who changed or revealed what.", no_args_is_help=True)
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


@app.callback()
def audit_log() -> None:
    """The audit log: who changed or revealed what."""


@app.command("export")
def export(
    project: Annotated[str | None, typer.Option(help="Only this project; left out: everything.")] = None,
    since: Annotated[datetime | None, typer.Option(help="At this time (UTC) or later.", formats=FORMATS)] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time (UTC).", formats=FORMATS)] = None,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """Print the audit log as JSON Lines, newest entry first."""
    wanted = AuditFilter(since=_utc(since), until=_utc(until))

    async def run(ctx: Context) -> None:
        project_id = None
        if project is not None:
            found = await projects.find_by_name(ctx, project)
            if found is None:
                raise NotFound(f"No project {project}. `greenroom export` shows those there are.")
            project_id = found.id
        async for entry in audit.export(ctx, project_id, wanted):
            sys.stdout.write(json.dumps(_line(entry), ensure_ascii=False) + "\n")

    with_context(data, run)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None


def _line(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": stamp(entry.at),
        "project_id": entry.project_id,
        "actor": vars(entry.actor),
        "action": entry.action,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "detail": entry.detail,
    }
