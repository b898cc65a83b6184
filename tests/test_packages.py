"""The two packages, built and installed in an environment without anything else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

ROOT = Path(__file__).parent.parent
UV = str(Path(sys.executable).parent / "uv")


def run(*arguments: str | Path, umask: int = -1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an environment without this one's settings and packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GREENROOM_", "PYTHON"))}
    command = [str(one) for one in arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kept | environment, umask=umask)


def build(out: Path, *options: str, umask: int = -1) -> dict[str, Path]:
    """Builds both packages and returns their wheels by the name of the distribution."""
    for source in (ROOT, ROOT / "sandbox"):
        command = [UV, "build", "-q", *options, "--no-build-isolation", "--python", sys.executable, "-o", out, source]
        built = run(*command, umask=umask)
        assert built.returncode == 0, built.stderr
    return {path.name.partition("-")[0]: path for path in out.glob("*.whl")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, each built of its source distribution, as an installer without the checkout builds it."""
    return build(tmp_path_factory.mktemp("dist"))


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


def test_the_gateways_wheel_is_enough(wheels: dict[str, Path], tmp_path: Path) -> None:
    """In an empty environment and home directory the wheel alone runs the gateway's commands and plays the demo."""
    programs = install(tmp_path / "env", str(wheels["greenroom"]))
    home = {"HOME": str(tmp_path)}

    assert run(programs / "python", "-c", "import greenroom_sandbox").returncode == 1
    made = run(programs / "greenroom", "keys", "create", "--name", "me", GREENROOM_DATA_DIR=str(tmp_path / "data"))
    assert made.stdout.startswith("gk_"), made.stderr
    refused = run(programs / "greenroom", "mcp", **home)
    assert refused.returncode == 1
    assert "pip install 'greenroom[mcp]'" in refused.stderr

    ports = ("--port", "0", "--sandbox-port", "0", "--vendor-port", "0")
    done = run(programs / "greenroom", "demo", "--once", "--json", *ports, **home)
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["ok"]


def test_the_simulator_installs_alone(wheels: dict[str, Path], tmp_path: Path) -> None:
    """The simulator's wheel brings what its command and its pytest plugin need, and nothing of the gateway."""
    programs = install(tmp_path / "env", str(wheels["greenroom_sandbox"]))

    assert run(programs / "greenroom-sandbox", "--help").returncode == 0
    assert run(programs / "python", "-c", "import greenroom_sandbox.testing").returncode == 0
    assert run(programs / "python", "-c", "import greenroom").returncode == 1


def test_a_second_build_makes_the_same_bytes(wheels: dict[str, Path], tmp_path: Path) -> None:
    """A wheel built of the checkout, by a user with another umask, equals the one of the source distribution."""
    again = build(tmp_path, "--wheel", umask=0o077)

    for name, path in wheels.items():
        assert again[name].read_bytes() == path.read_bytes(), name


def test_both_carry_licence_types_and_metadata(wheels: dict[str, Path]) -> None:
    """Each package has valid metadata, a readme, its licence and `py.typed`, and installs under its own name alone."""
    for name, path in wheels.items():
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        about = next(one for one in names if one.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(about), validate=True)
        assert metadata.description
        assert metadata.description_content_type == "text/markdown"
        assert metadata.license_expression == "Apache-2.0"
        assert any(one.endswith("licenses/LICENSE") for one in names), name
        assert f"{name}/py.typed" in names
        assert {one.split("/")[0] for one in names if ".dist-info" not in one} == {name}


def test_the_gateways_wheel_has_the_docs(wheels: dict[str, Path]) -> None:
    """Every page and example of `docs` is in the wheel, which serves them."""
    names = set(zipfile.ZipFile(wheels["greenroom"]).namelist())
    docs = ROOT / "docs"
    kept = [path for path in docs.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert {f"greenroom/web/docs/content/{path.relative_to(docs)}" for path in kept} <= names


def test_the_image_has_the_docs(tmp_path: Path) -> None:
    """The wheel that the Containerfile builds, of nothing but the files that it copies, has the docs, too."""
    context = tmp_path / "build"
    context.mkdir()
    stage = (ROOT / "deploy" / "Containerfile").read_text().partition("pip wheel")[0]
    for source in " ".join(re.findall(r"^COPY (.+) \S+$", stage, re.MULTILINE)).split():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / source, symlinks=True)
        elif "/" not in source:
            shutil.copy(ROOT / source, context)
    made = run(
        UV, "build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", tmp_path, context
    )
    assert made.returncode == 0, made.stderr

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "greenroom/web/docs/content/README.md" in names
    assert "greenroom/cli/__init__.py" in names


def test_each_package_has_its_own_changelog() -> None:
    """The newest entry of each changelog is the version in its `pyproject.toml`."""
    for folder in (ROOT, ROOT / "sandbox"):
        version = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
        newest = re.search(r"^## (\S+)", (folder / "CHANGELOG.md").read_text(), re.MULTILINE)
        assert newest is not None
        assert newest[1] == version
