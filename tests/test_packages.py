"""The two packages, built and installed in an environment without anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = str(Path(sys.executable).parent / "uv")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an environment without this one's settings and packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GREENROOM_", "PYTHON"))}
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True, env=kept | environment)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels by the name of their distribution."""
    out = tmp_path_factory.mktemp("dist")
    for source in (ROOT, ROOT / "sandbox"):
        built = run(UV, "build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", out, source)
        assert built.returncode == 0, built.stderr
    return {path.name.partition("-")[0]: path for path in out.glob("*.whl")}


def install(target: Path, *packages: str) -> Path:
    """
    Installs packages in a new environment with the versions of the lock file and returns its directory of programs.
    """
    made = run(UV, "venv", "-q", "--python", sys.executable, target)
    assert made.returncode == 0, made.stderr
    python = target / "bin" / "python"
    lock = ROOT / "locks" / "run.txt"
    installed = run(UV, "pip", "install", "-q", "--python", python, "--constraint", lock, *packages)
    assert installed.returncode == 0, installed.stderr
    return python.parent


def test_the_demo_runs_from_the_wheels(wheels: dict[str, Path], tmp_path: Path) -> None:
    """With the extra, the demo runs in an empty environment outside of the checkout."""
    programs = install(tmp_path / "env", f"{wheels['greenroom']}[demo]", str(wheels["greenroom_sandbox"]))

    ports = ("--port", "0", "--sandbox-port", "0", "--vendor-port", "0")
    done = run(programs / "greenroom", "demo", "--once", "--json", *ports)

    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["ok"]


def test_a_gateway_needs_no_extra(wheels: dict[str, Path], tmp_path: Path) -> None:
    """The gateway works without the libraries of demo and benchmark, and those commands name the missing extra."""
    programs = install(tmp_path / "env", str(wheels["greenroom"]))

    assert run(programs / "python", "-c", "import aiohttp").returncode == 1
    assert run(programs / "greenroom", "--version").returncode == 0
    made = run(programs / "greenroom", "keys", "create", "--name", "me", GREENROOM_DATA_DIR=str(tmp_path / "data"))
    assert made.stdout.startswith("gk_"), made.stderr
    for command in ("demo", "bench", "mcp"):
        refused = run(programs / "greenroom", command)
        assert refused.returncode == 1
        assert f"pip install 'greenroom[{command}]'" in refused.stderr


def test_both_carry_their_licence_and_types(wheels: dict[str, Path]) -> None:
    """Each package contains its licence and `py.typed`, and no file of the other one."""
    for name, path in wheels.items():
        names = zipfile.ZipFile(path).namelist()
        assert any(one.endswith("licenses/LICENSE") for one in names), name
        assert f"{name}/py.typed" in names
        assert {one.split("/")[0] for one in names if ".dist-info" not in one} == {name}
