"""The command `greenroom`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from greenroom.cli import bench, configuration, database, demo, keys, listen, serve, sign_in
from greenroom.errors import Refused
from greenroom.security.vault import VaultError
from greenroom.settings import SettingsError

app = typer.Typer(
    name="greenroom",
    help="Gateway between applicant-tracking systems and vendors of assessments and background checks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"greenroom {version('greenroom')}")
        raise typer.Exit


@app.callback()
def greenroom(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What holds for every command."""


app.command("serve")(serve.serve)
app.command("work")(serve.work)
app.command("sign-in-link")(sign_in.sign_in_link)
app.command("migrate")(database.migrate)
app.add_typer(keys.app, name="keys")
app.command("apply")(configuration.apply)
app.command("export")(configuration.export)
app.command("listen")(listen.listen)
app.command("demo")(demo.demo)
app.command("bench")(bench.bench)


def main() -> None:
    """Run a command; what an operator can mend is said in a line, without a traceback."""
    try:
        app()
    except (SettingsError, VaultError, Refused) as error:
        _say(str(error))


def _say(text: str) -> NoReturn:
    print(f"greenroom: {text}", file=sys.stderr)
    sys.exit(1)
