"""`greenroom doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.doctor.diagnosis import Filter, diagnose
from greenroom.doctor.shown import show
from greenroom.errors import NotFound
from greenroom.model.findings import Finding
from greenroom.services import projects


def doctor(
    project: Annotated[str | None, typer.Option(help="Only this project, by name; left out: every project.")] = None,
    account: Annotated[str | None, typer.Option(help="Only findings about this account.")] = None,
    order: Annotated[str | None, typer.Option(help="Only findings about this order.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """Say what is wrong and what to do next. Exits 0 without errors, 1 with errors, 2 when it could not run."""

    async def run(ctx: Context) -> tuple[list[Finding], str]:
        found: list[Finding] = []
        for project_id in await _project_ids(ctx, project):
            found += await diagnose(ctx, project_id, Filter(account_id=account, order_id=order))
        return found, ctx.settings.public_url

    found, public_url = with_context(data, run)
    if as_json:
        print(json.dumps({"findings": [show(one, public_url) for one in found], "checks": []}, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(1 if any(one.severity == "error" for one in found) else 0)


async def _project_ids(ctx: Context, name: str | None) -> list[str]:
    if name is None:
        return [one.id for one in await projects.list_projects(ctx)]
    found = await projects.find_by_name(ctx, name)
    if found is None:
        raise NotFound(f"No project {name}. `greenroom export` shows those there are.")
    return [found.id]


def _print(found: list[Finding]) -> None:
    for one in found:
        print(f"{one.severity.upper()}  {one.title}  [{one.code}]")
        print(f"  Why:   {one.cause}")
        if one.proof:
            print(f"  Proof: {', '.join(f'{name} {_word(value)}' for name, value in one.proof.items())}")
        print(f"  Next:  {one.next_step}\n")
    if not found:
        print("Nothing is wrong, as far as was observed.")


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
