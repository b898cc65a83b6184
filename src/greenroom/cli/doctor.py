"""`greenroom doctor`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from greenroom.bootstrap import database_file, database_url, open_context
from greenroom.catalog import Catalog
from greenroom.cli.finding_text import print_findings
from greenroom.context import Context
from greenroom.doctor import gateway, report_urls
from greenroom.doctor.checks import examine
from greenroom.doctor.diagnosis import Filter, diagnose
from greenroom.doctor.shown import show, show_check
from greenroom.errors import GreenroomError, NotFound
from greenroom.model.checks import CheckResult
from greenroom.model.findings import Finding
from greenroom.model.projects import Project
from greenroom.outbound import Outbound
from greenroom.security.vault import VaultError
from greenroom.services import gateway_facts, integrations, lookup, projects
from greenroom.settings import Settings, SettingsError
from greenroom.store import migrate

#: exit code when the doctor could not run
COULD_NOT_RUN = 2
#: list endpoints that are called at the same time
AT_ONCE = 8


@dataclass(frozen=True)
class Examined:
    """A project with its findings and its set-up checklist; without a project, the findings of the installation."""

    project: Project | None
    findings: Sequence[Finding]
    checks: Sequence[CheckResult]


def doctor(
    project: Annotated[str | None, typer.Option(help="Only this project, by name; left out: every project.")] = None,
    account: Annotated[str | None, typer.Option(help="Only findings about this account.")] = None,
    order: Annotated[str | None, typer.Option(help="Only findings about this order.")] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe", help="Call each list endpoint first; with --order, the address of its report."
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Name each problem with its cause, its proof and the next step.

    Exits 0 without errors, 1 with errors, 2 when it could not run.
    """
    try:
        settings = Settings.from_environment(data_dir=data)
        wanted = Filter(account_id=account, order_id=order)
        examined, public_url = asyncio.run(_run(settings, project, wanted, probe=probe))
    except (SettingsError, VaultError, GreenroomError, sqlite3.Error, OSError) as error:
        print(f"greenroom: {error}", file=sys.stderr)
        raise typer.Exit(COULD_NOT_RUN) from None
    if as_json:
        print(json.dumps(_as_json(examined, public_url), ensure_ascii=False))
    else:
        groups = [(one.project.name if one.project else "", one.findings) for one in examined]
        print_findings(groups, public_url)
    raise typer.Exit(1 if any(found.severity == "error" for one in examined for found in one.findings) else 0)


async def _run(settings: Settings, name: str | None, wanted: Filter, *, probe: bool) -> tuple[list[Examined], str]:
    """Examines the projects; returns what was found, and the public URL of the gateway that serves them."""
    if not settings.database_url and not database_file(settings).exists():
        raise SettingsError(f"There is no database at {database_file(settings)}. Run: greenroom serve")
    if pending := await _find_pending(settings):
        return [Examined(None, [pending], [])], settings.public_url
    async with open_context(settings) as ctx:
        chosen = await _choose(ctx, name, wanted)
        if probe:
            await _probe(ctx, [one.id for one in chosen])
        examined = []
        for one in chosen:
            findings = await diagnose(ctx, one.id, wanted)
            if probe and wanted.order_id:
                findings += await _probe_report(ctx, one.id, wanted.order_id)
            checks = (await examine(ctx, one.id)).results
            examined.append(Examined(one, findings, checks))
        return examined, await gateway_facts.find_public_url(ctx)


async def _choose(ctx: Context, name: str | None, wanted: Filter) -> list[Project]:
    """
    Returns the projects that are examined: the named one, or that of the account or order, or all.

    Raises:
        NotFound: there is no such project, account or order.
    """
    chosen = [one for one in await projects.list_projects(ctx) if name in (None, one.name)]
    if not chosen:
        raise NotFound(f"There is no project {name}. `greenroom export` shows those there are.")
    objects: list[tuple[lookup.Kind, str | None]] = [("accounts", wanted.account_id), ("orders", wanted.order_id)]
    for kind, object_id in objects:
        if object_id is not None:
            project_id = await lookup.find_project(ctx, kind, object_id)
            chosen = [one for one in chosen if one.id == project_id]
    return chosen


async def _find_pending(settings: Settings) -> Finding | None:
    """Finds that the database lacks revisions: opening it as other commands do would apply them."""
    missing, known = await migrate.missing(database_url(settings)), migrate.list_revisions()
    if not missing or missing == known:  # a new database lacks all of them
        return None
    return gateway.migration_pending(known[-len(missing) - 1], missing)


async def _probe_report(ctx: Context, project_id: str, order_id: str) -> list[Finding]:
    """Requests the address of an order's report; returns the finding if a recruiter could not open it."""
    out = Outbound(allowed_networks=ctx.settings.allow_private_networks, allow_http=ctx.settings.allow_http)
    try:
        return await report_urls.probe_order(ctx, out, project_id, order_id)
    finally:
        await out.aclose()


async def _probe(ctx: Context, project_ids: Sequence[str]) -> None:
    """Calls the list endpoint of each enabled integration, as a recruiter's dialog would, and records the outcome."""
    settings, slots = ctx.settings, asyncio.Semaphore(AT_ONCE)
    out = Outbound(allowed_networks=settings.allow_private_networks, allow_http=settings.allow_http)
    catalog = Catalog(ctx, out)

    async def call(project_id: str) -> None:
        for one in await integrations.list_integrations(ctx, project_id):
            if one.enabled and one.packages_url:
                async with slots:
                    await catalog.test_linked(one)

    try:
        async with asyncio.TaskGroup() as group:
            for project_id in project_ids:
                group.create_task(call(project_id))
    finally:
        await out.aclose()


def _as_json(examined: Sequence[Examined], public_url: str) -> dict[str, Any]:
    """Returns all findings and checks; each names its project when there are several."""
    findings, checks, seen = [], [], set()
    for one in examined:
        of = {"project": one.project.name} if one.project and len(examined) > 1 else {}
        for found in one.findings:
            if found.subject.type == "installation" and found.key in seen:
                continue  # those of the installation are listed once
            seen.add(found.key)
            findings.append(show(found, public_url) | of)
        if one.project:
            checks += [show_check(check, one.project.id, public_url) | of for check in one.checks]
    return {"findings": findings, "checks": checks}
