"""Checks for the optional dependencies of `greenroom mcp`."""

from __future__ import annotations

from importlib.util import find_spec

from greenroom.settings import SettingsError

#: modules by the extra of the package that installs them
EXTRAS = {"mcp": ("mcp",)}


def require_extra(extra: str) -> None:
    """
    Checks that an optional part of the package is installed.

    Raises:
        SettingsError: a module is missing; names the command that installs it.
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"`greenroom {extra}` needs {', '.join(missing)}, which a gateway does not. "
            f"Install it: pip install 'greenroom[{extra}]'"
        )
