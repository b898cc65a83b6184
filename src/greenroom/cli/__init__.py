"""The command `greenroom`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from greenroom.cli.extras import EXTRAS, require_extra
from greenroom.errors import MigrationsPending, Refused
from greenroom.security.vault import VaultError
from greenroom.settings import SettingsError

#: exit status of a command that may not apply pending migrations, for supervisors: a restart would not help
PENDING_STATUS = 3
#: commands by name: the module and the function or Typer application in it, and the line in the help
COMMANDS = {
    "serve": ("serve.serve", "Run the gateway: API, dashboard and delivery in one process."),
    "work": (
        "serve.work",
        "Run delivery workers alone, beside any number of `serve` processes on the same PostgreSQL.",
    ),
    "sign-in-link": ("sign_in.sign_in_link", "Print a link that signs in the owner, once, within 15 minutes."),
    "migrate": ("database.migrate", "Bring the database to this version's tables."),
    "backup": ("backup.backup", "Copy the SQLite database to one file, checked, also while a gateway writes to it."),
    "restore": ("backup.restore", "Put a backup in the place of the database, while no gateway runs."),
    "keys": ("keys.app", "API keys of projects; the encryption key's rotation."),
    "users": ("users.app", "People of the dashboard: create, list, invite, reset."),
    "erase": (
        "erase.erase",
        "Erase the content of all orders of a candidate, for good, and print a certificate as JSON.",
    ),
    "audit": ("audit.app", "The audit log: who changed or revealed what."),
    "apply": (
        "configuration.apply",
        "Change projects, integrations and webhooks to match a file; prints the plan first.",
    ),
    "export": ("configuration.export", "Print projects, integrations and webhooks as TOML."),
    "doctor": ("doctor.doctor", "Name each problem with its cause, its proof and the next step."),
    "funnel": (
        "funnel.funnel",
        "Count the orders that reached each stage: ordered, notified, invited, started, done, acknowledged.",
    ),
    "explain": ("explain.explain", "Say in one sentence where an order stands."),
    "bundle": ("explain.bundle", "Write a support bundle about an order, as HTML and JSON."),
    "listen": (
        "listen.listen",
        "Receive webhooks here: add one to the project, verify and print each request, remove it at the end.",
    ),
    "check": (
        "check.app",
        "Check your own endpoints and client against the contract: no gateway and no database needed.",
    ),
    "mcp": (
        "mcp.mcp",
        "Serve the Model Context Protocol on stdin and stdout: findings, orders, deliveries, for an assistant.",
    ),
    "docs": ("docs.docs", "Write the documentation of this version as static files, with a search in the browser."),
    "demo": (
        "demo.demo",
        "Start gateway, ATS simulator and a demo vendor on loopback and play one order's story.",
    ),
    "bench": ("bench.bench", "Measure this gateway on this machine."),
}


class _LazyCommand(TyperCommand):
    """
    A command whose module is imported when the command is run, not when it is listed.

    Each command imports only its own dependencies: a server's imports take longer than most commands to run.
    """

    def __init__(self, name: str, path: str, help_line: str) -> None:
        super().__init__(name, help=help_line)
        self._path = path

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **options: Any) -> Any:
        return self._load().make_context(info_name, args, *rest, **options)

    def _load(self) -> Any:
        module, _, attribute = self._path.partition(".")
        if self.name in EXTRAS:
            require_extra(self.name)
        found = getattr(import_module(f"{__name__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return typer.main.get_command(alone)


class _Commands(TyperGroup):
    """The commands of `COMMANDS`, in that order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, (path, help_line) in COMMANDS.items():
            self.add_command(_LazyCommand(name, path, help_line))


app = typer.Typer(
    name="greenroom",
    cls=_Commands,
    help="Gateway between applicant-tracking systems and vendors of assessments and background checks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # reads every installed package's name

        print(f"greenroom {version('greenroom')}")
        raise typer.Exit


@app.callback()
def greenroom(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Parse the options that every command has."""


def main() -> None:
    """Run a command; print an error that an operator can fix as one line, without a traceback."""
    os.umask(0o077)  # the database and the files that SQLite adds beside it contain personal data
    try:
        app()
    except MigrationsPending as error:
        _exit_with_error(str(error), status=PENDING_STATUS)
    except (SettingsError, VaultError, Refused) as error:
        _exit_with_error(str(error))


def _exit_with_error(text: str, *, status: int = 1) -> NoReturn:
    print(f"greenroom: {text}", file=sys.stderr)
    sys.exit(status)
