"""`greenroom bench`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from greenroom.bench import figures
from greenroom.bench.chart import chart
from greenroom.bench.run import SECTIONS, Report, run
from greenroom.demo.processes import ProcessFailed
from greenroom.settings import Settings

ALL = ",".join(SECTIONS)


def bench(
    database_url: Annotated[
        str | None,
        typer.Option(
            help="A PostgreSQL server whose user may create databases: each section makes one of its own and drops it. "
            "Without it: SQLite in a temporary directory. TMPDIR chooses it, and so the measured disk."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
    only: Annotated[str, typer.Option(help="Sections to run, separated by commas.")] = ALL,
    seconds: Annotated[float, typer.Option(min=0.2, max=10, help="Length of each measurement.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements per figure, each beside its comparison.")] = 3,
    scale: Annotated[
        float,
        typer.Option(min=0.02, max=1, help="Factor for queue lengths and the time between kills; smaller is quicker."),
    ] = 1.0,
    full: Annotated[
        bool, typer.Option("--full", help="Also measure a queue of 1,000,000 and deleting as many; takes long.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--chart", help="Also draw the figures that have a bar, as SVG.")
    ] = None,
) -> None:
    """
    Measure this gateway on this machine, each figure beside a baseline that the machine reaches in the same run.

    Starts a gateway, a receiver and a load generator on loopback, and removes everything at the end. Exits 1 only if
    the run itself failed; a missed bar is a finding.
    """
    chosen = _chosen(only)
    server = Settings.from_environment({}, database_url=database_url).database_url
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        report = run(
            server=server, only=chosen, seconds=seconds, rounds=rounds, scale=scale, full=full, say=_print_progress
        )
    except ProcessFailed as error:
        print(f"greenroom: the run failed: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    print(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else _text(report))
    if picture is not None:
        picture.write_text(chart(report.figures, f"Greenroom on {report.database}"), encoding="utf-8")
    for name, why in report.failed.items():
        print(f"greenroom: {name} failed: {why}", file=sys.stderr)
    raise typer.Exit(1 if report.failed else 0)


def _chosen(only: str) -> list[str]:
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown or not chosen:
        raise typer.BadParameter(f"{', '.join(unknown) or 'nothing'} is not a section. There are: {ALL}.")
    return chosen


def _text(report: Report) -> str:
    machine = report.machine
    head = f"Greenroom on {report.database}, {machine['cores']} cores ({machine['cpu']}), {machine['kernel']}"
    return f"{head}\n\n{figures.table(report.figures)}\n\nTook {report.took_s:.0f} s."


def _print_progress(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
