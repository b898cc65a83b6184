"""Each command imports only its own dependencies, since every module costs time at the start."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from greenroom.cli import COMMANDS, app
from tests.support.processes import environment

#: a program that runs a command and writes the imported modules into the file named by its first argument
SHOWN = """
import sys
from pathlib import Path

file, sys.argv[1:] = sys.argv[1], sys.argv[2:]
from greenroom.cli import main
try:
    main()
finally:
    Path(file).write_text(" ".join(sys.modules))
"""
MIGRATING = {"alembic", "sqlalchemy", "mako"}
UNUSED = {"aiohttp", "opentelemetry.sdk", "opentelemetry.exporter", "asyncpg"}
SERVING = {"fastapi", "starlette", "uvicorn", "uvloop", "jinja2", "opentelemetry", "prometheus_client", "structlog"}


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("--version", MIGRATING | UNUSED | SERVING),
        ("--help", MIGRATING | UNUSED | SERVING),
        ("keys create --name ci", MIGRATING | UNUSED | SERVING),
        ("keys list", MIGRATING | UNUSED | SERVING),
        ("sign-in-link", MIGRATING | UNUSED | SERVING),
        ("migrate", MIGRATING | UNUSED | SERVING),
        ("migrate --check", MIGRATING | UNUSED | SERVING),
        ("export", MIGRATING | UNUSED | {"uvicorn", "uvloop", "jinja2"}),
        ("serve --port 0", MIGRATING | UNUSED),
    ],
)
def test_a_command_imports_what_it_needs(command: str, forbidden: set[str], database: Path, tmp_path: Path) -> None:
    """On an up-to-date database, no command imports a module that it does not use."""
    variables = environment("", database)
    arguments = [sys.executable, "-c", SHOWN, str(tmp_path / "modules"), *command.split()]
    with subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if command.startswith("serve"):
            assert "Greenroom: http" in process.stdout.readline()
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0

    imported = set((tmp_path / "modules").read_text().split())
    assert "greenroom.cli" in imported
    assert not imported & forbidden


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory at the newest revision."""
    data = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, "-m", "greenroom", "migrate"], env=environment("", data), check=True)
    return data


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    """The line in the list of commands, which needs no import, is the beginning of the command's help."""
    group = typer.main.get_command(app)
    line = COMMANDS[name][1]
    loaded = group.commands[name]._load()  # type: ignore[attr-defined]

    assert " ".join(loaded.help.split()).startswith(line.removesuffix("."))
