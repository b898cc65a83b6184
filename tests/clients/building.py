"""Builds the clients as `make clients` does, and runs the examples of their READMEs."""

from __future__ import annotations

import fcntl
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenroom.web.docs.markdown import parse
from tests.support.tools import npm_install

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(sys.executable).parent
TYPESCRIPT = ROOT / "clients" / "typescript"
GENERATE = runpy.run_path(str(ROOT / "tools" / "generate_clients.py"))["main"]


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> str:
    """Runs a program without this environment's settings and packages, and returns its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GREENROOM_", "PYTHON"))}
    command = [str(one) for one in arguments]
    done = subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def read_examples(language: str, fence: str) -> list[str]:
    """Returns the programs in the README of a client."""
    return read_fences(ROOT / "clients" / language / "README.md", fence)


def read_fences(page: Path, language: str) -> list[str]:
    """Returns the blocks of a Markdown file that are in a language."""
    document = parse(page.read_text(), lambda target: target)
    return [code for name, code in document.fences if name == language]


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Fills a folder once; other test workers wait."""
    with folder.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@dataclass
class Python:
    """The Python client: its generated source, its wheel, and the programs of an environment that has it."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "python" / "src"

    @property
    def wheel(self) -> Path:
        (found,) = self.folder.glob("*.whl")
        return found

    @property
    def interpreter(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    def run_example(self, code: str, **environment: Any) -> str:
        """Runs a program in the environment and returns its output."""
        return run(self.interpreter, "-W", "error", "-c", code, cwd=self.folder, **environment)


def build_python(folder: Path) -> None:
    """Generates the Python client, builds its wheel, and installs that in a new environment."""
    GENERATE(folder, ["python"])
    uv, env = PROGRAMS / "uv", folder / "env"
    options = ("--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder)
    run(uv, "build", "-q", *options, folder / "python")
    run(uv, "venv", "-q", "--python", sys.executable, env)
    (wheel,) = folder.glob("*.whl")
    lock = ROOT / "locks" / "dev.txt"
    run(uv, "pip", "install", "-q", "--python", env / "bin" / "python", "--constraint", lock, f"{wheel}[ed25519]")


def build_typescript(folder: Path) -> None:
    """Generates and builds the TypeScript client; its packages are those of the lock file."""
    npm_install(TYPESCRIPT)
    GENERATE(folder, ["typescript"])
    target = folder / "typescript"
    (target / "node_modules").symlink_to(TYPESCRIPT / "node_modules")
    run("npm", "run", "-s", "generate", cwd=target)
    run("npm", "run", "-s", "build", cwd=target)
