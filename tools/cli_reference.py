"""Prints docs/cli.md, made of the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from greenroom.cli import app

HEAD = """# Command line

`greenroom` is the gateway and its tools. Its commands read the [settings](settings.md) from the environment.
This page is made of the commands; `greenroom COMMAND --help` prints the same."""

CONTEXT = typer.Context(typer.main.get_command(app))


def list_commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yields every command under its full name, groups by their commands."""
    for name, command in group.commands.items():
        loaded = command._load() if hasattr(command, "_load") else command
        if hasattr(loaded, "commands"):
            yield from list_commands(loaded, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", loaded


def describe(parameter: Any) -> str:
    """Returns a row of the table of options."""
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        flags = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
        name = flags if parameter.is_flag else f"{flags} `{parameter.display_type(CONTEXT)}`"
    about = " ".join((getattr(parameter, "help", None) or "").split())
    has_default = parameter.default not in (None, False, "", ()) and not callable(parameter.default)
    facts = "Required." if parameter.required else f"Default: `{parameter.default}`." if has_default else ""
    cells = (name, " ".join(filter(None, (about, facts))))
    return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |"


def main() -> None:
    """Prints the page."""
    print(HEAD)
    for name, command in list_commands(CONTEXT.command, "greenroom"):
        print(f"\n## {name}\n\n{' '.join((command.help or '').split())}")
        rows = [describe(one) for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
        if rows:
            print("\n| option | |\n| --- | --- |\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
