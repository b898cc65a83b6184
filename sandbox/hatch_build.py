"""Adds the simulator's source, which stands outside this folder, to the wheel.

An editable install leaves it out: the path of ``dev-mode-dirs`` already leads there, and a copy would hide every
change.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SourceHook(BuildHookInterface):  # type: ignore[type-arg]
    """Includes the source in every build but an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Is called before each build; ``version`` is ``standard`` or ``editable``."""
        if version != "editable":
            build_data["force_include"]["../src/greenroom_sandbox"] = "greenroom_sandbox"
