"""`greenroom erase`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.model.events import stamp
from greenroom.services import erasure, projects


def erase(
    email: Annotated[str, typer.Option(help="The candidate's e-mail address, in any case.")],
    project: Annotated[str, typer.Option(help="The project whose orders are erased.")] = projects.DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Erase the content of all orders of a candidate, for good, and print a certificate as JSON.

    The certificate has a keyed hash of the address, ids, counts and the time. Orders stay, without personal data.
    """
    if not yes:
        typer.confirm(f"Erase everything about {email} in the project {project}, for good?", abort=True, err=True)

    async def run(ctx: Context) -> erasure.Certificate:
        found = await projects.find_by_name(ctx, project)
        if found is None:
            raise NotFound(f"No project {project}. `greenroom export` shows those there are.")
        return await erasure.erase_candidate(ctx, found.id, email)

    done = with_context(data, run)
    shown = {
        "candidate": done.candidate,
        "erased_at": stamp(done.erased_at),
        "order_ids": list(done.order_ids),
        "counts": done.counts,
        "complete": done.is_complete,
    }
    print(json.dumps(shown, indent=2))
