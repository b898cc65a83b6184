"""`greenroom funnel`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.model.funnel import STAGES, FunnelDay, total
from greenroom.model.projects import Project
from greenroom.services import funnel as funnels
from greenroom.services import projects

FORMATS = ["%Y-%m-%d"]


def funnel(
    project: Annotated[str | None, typer.Option(help="Only this project, by name; left out: every project.")] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", help="First day (UTC); left out: a range of 7 days.", formats=FORMATS)
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", help="Last day (UTC), included; left out: today.", formats=FORMATS)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the numbers of each day.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Count the orders that reached each stage: ordered, notified, invited, started, done, acknowledged.

    A stage is counted on the day on which an order reached it, if it was reported. A range has at most 92 days.
    """

    async def run(ctx: Context) -> list[tuple[Project, list[FunnelDay]]]:
        days = funnels.check_range(first and first.date(), last and last.date(), today=ctx.now().date())
        found = await projects.list_projects(ctx)
        chosen = [one for one in found if project in (None, one.name)]
        if project is not None and not chosen:
            raise NotFound(f"No project {project}. `greenroom export` shows those there are.")
        return [(one, await funnels.list_days(ctx, one.id, *days)) for one in chosen]

    counted = with_context(data, run)
    if as_json:
        print(json.dumps({"projects": [_as_json(*one) for one in counted]}, ensure_ascii=False))
        return
    for one, days in counted:
        _print(one.name, days)


def _as_json(project: Project, days: Sequence[FunnelDay]) -> dict[str, Any]:
    listed = [{"day": f"{day.start:%Y-%m-%d}", **day.counts()} for day in days]
    return {"project": project.name, "data": listed, "total": total(days)}


def _print(name: str, days: Sequence[FunnelDay]) -> None:
    """Prints the total of a project; shares are those of the ordered ones."""
    counts = total(days)
    typer.secho(f"{name}, {days[0].start:%Y-%m-%d} to {days[-1].start:%Y-%m-%d}", bold=True)
    for stage in STAGES:
        share = f"{counts[stage] / counts['ordered']:>7.0%}" if counts["ordered"] else ""
        typer.echo(f"  {stage:<13}{counts[stage]:>8,}{share}")
