"""Adds the simulator's source, which stands outside this folder, to the wheel and to the source distribution.

An editable install leaves it out: the path of ``dev-mode-dirs`` already leads there, and a copy would hide every
change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src") / "greenroom_sandbox"


class SourceHook(BuildHookInterface):  # type: ignore[type-arg]
    """Includes the source in every build but an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Is called before each build; ``version`` is ``standard`` or ``editable``."""
        if version == "editable" or (Path(self.root) / SOURCE).is_dir():  # in a source distribution
            return
        target = SOURCE if self.target_name == "sdist" else Path(SOURCE.name)
        build_data["force_include"][str(Path(self.root).parent / SOURCE)] = str(target)
