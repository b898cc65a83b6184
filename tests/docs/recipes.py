"""The commands of a recipe, run as they are written, on the ports of a test."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from greenroom.demo.processes import Processes

DOCS = Path(__file__).parent.parent.parent / "docs"
BIN = Path(sys.executable).parent


def find_blocks(page: str, language: str) -> list[str]:
    """Returns the blocks of a page in a language, in order."""
    return re.findall(rf"```{language}\b[^\n]*\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@dataclass
class Stage:
    """A gateway and a simulator; `ports` has the port that stands in for each one of the docs."""

    running: Processes
    ports: dict[int, int]

    @property
    def gateway(self) -> str:
        """Returns the gateway's address."""
        return f"http://127.0.0.1:{self.ports[8000]}"

    def move(self, text: str) -> str:
        """Returns a text with the test's ports and programs in the place of the documented ones."""
        for documented, taken in self.ports.items():
            text = text.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{taken}")
        return text.replace(".venv/bin/", f"{BIN}/")

    def run(self, *blocks: str, folder: Path, **more: str) -> str:
        """Runs blocks as one script, which ends at the first failure, and returns its output."""
        environment = {**self.running.environment(), **more}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.move("\n".join(blocks))],
            capture_output=True, text=True, env=environment, cwd=folder, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout
