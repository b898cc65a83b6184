"""Findings for a terminal: grouped by project, the most severe first, coloured where a person reads them."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from greenroom.doctor.catalogue import WHO
from greenroom.model.findings import SEVERITIES, Finding, Severity

COLOURS: dict[Severity, str] = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "notice": typer.colors.BLUE}
HEADINGS: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "notice": "Notices"}
#: columns of text at most, and before the text of a labelled line
WIDEST = 110
INDENT = 9


def print_findings(groups: Sequence[tuple[str, Sequence[Finding]]], public_url: str) -> None:
    """Prints the findings of projects; those of the installation are printed once, before them."""
    everywhere = {one.key: one for _, found in groups for one in found if one.subject.type == "installation"}
    _print_group("This installation", list(everywhere.values()), public_url)
    for name, found in groups:
        _print_group(f"Project {name}", [one for one in found if one.key not in everywhere], public_url)
    every = [*everywhere.values(), *(one for _, found in groups for one in found if one.key not in everywhere)]
    if not every:
        typer.echo("Nothing is wrong, as far as was observed.")
        return
    counts = [(one, sum(each.severity == one for each in every)) for one in SEVERITIES]
    typer.echo(
        ", ".join(f"{count} {HEADINGS[one].lower() if count > 1 else one}" for one, count in counts if count) + "."
    )


def _print_group(title: str, found: Sequence[Finding], public_url: str) -> None:
    if not found:
        return
    _style(title, bold=True)
    for severity in SEVERITIES:
        some = [one for one in found if one.severity == severity]
        if some:
            _style(f"\n{HEADINGS[severity]}", fg=COLOURS[severity], bold=True)
        for one in some:
            _print_one(one, public_url)
    typer.echo()


def _print_one(one: Finding, public_url: str) -> None:
    _style(f"\n  {_plain(one.title)}", fg=COLOURS[one.severity])
    subject = "" if one.subject.type == "installation" else f"{one.subject.type} {one.subject.name or one.subject.id}"
    _line("About", subject)
    _line("Why", one.cause)
    _line("Proof", in_words(one.proof))
    _line("Next", f"{one.next_step} (For {WHO[one.who]}.)")
    _line("Code", f"{one.code}  {public_url}/docs/causes#{one.code}")


def _line(label: str, text: str) -> None:
    if not text:
        return
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    wrapped = textwrap.wrap(_plain(text), max(40, width - INDENT - 2), break_long_words=False, break_on_hyphens=False)
    typer.echo(f"  {label + ':':<{INDENT - 2}}" + f"\n{' ' * INDENT}".join(wrapped))


def in_words(proof: Mapping[str, Any]) -> str:
    """Returns the facts of a proof as one line."""
    return ", ".join(f"{name} {_word(value)}" for name, value in proof.items())


def _word(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_word(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + in_words(value) + "}"
    return {None: "none", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _plain(text: str) -> str:
    """Returns text without control characters: part of it comes from others, and a terminal obeys them."""
    return "".join(one if one.isprintable() else " " for one in text)


def _style(text: str, **style: Any) -> None:
    # click removes colours where stdout is no terminal
    typer.secho(text, **({} if os.environ.get("NO_COLOR") else style))
