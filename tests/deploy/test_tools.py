"""The deployment files pass the tools of their kinds, where these are installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy import DEPLOY, MANIFESTS, UNITS, find_tool

PROMETHEUS = DEPLOY / "prometheus"
#: worst exposure, in tenths, that `systemd-analyze security` may find; 100 is an unconfined service
EXPOSURE = 20


def run(*command: str | Path) -> str:
    """Runs a tool; its output is the failure's message."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_hadolint() -> None:
    run(Path(sys.executable).parent / "hadolint", DEPLOY / "Containerfile")


def test_systemd_verifies_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` accepts the units; it also looks for the program, so it gets another one."""
    analyze = find_tool("systemd-analyze", "Debian: systemd")
    for path in UNITS:
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/greenroom/bin/greenroom", "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *sorted(tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    own = [line for line in done.stderr.splitlines() if "greenroom" in line]
    assert not own, own


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_little_exposure(path: Path) -> None:
    analyze = find_tool("systemd-analyze", "Debian: systemd")
    if "--offline" not in subprocess.run([analyze, "--help"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("needs systemd 250 or newer for `systemd-analyze security --offline`")
    run(analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", path)


def test_kustomize_builds_the_manifests() -> None:
    """`kubectl kustomize` finds every file, and sets namespace and tag."""
    built = run(find_tool("kubectl", "Kubernetes: kubectl"), "kustomize", DEPLOY / "kubernetes")
    assert built.count("image: greenroom:") == 3
    assert "kind: NetworkPolicy" in built


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_manifests_fit_the_schemas_of_kubernetes(path: Path) -> None:
    """Every manifest fits its schema, in which an unknown field is an error."""
    for document in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_compose_file_fits_its_specification(tmp_path: Path) -> None:
    """The library that `docker compose` reads files with accepts the file."""
    tool = find_tool("compose-spec", "Go: the command of github.com/compose-spec/compose-go/v2/cmd under this name")
    text = re.sub(r"\$\{DOMAIN:[^}]+\}", "greenroom.example.com", (DEPLOY / "compose.yaml").read_text())
    (tmp_path / "compose.yaml").write_text(text)
    assert "restart: unless-stopped" in run(tool, tmp_path / "compose.yaml")


@pytest.mark.parametrize("arguments", [("check", "rules", "rules.yaml"), ("check", "config", "scrape.yaml"), ("test", "rules", "rules.test.yaml")], ids=" ".join)  # fmt: skip
def test_promtool(arguments: tuple[str, str, str]) -> None:
    """The rules are valid, and fire when they should."""
    run(find_tool("promtool", "Debian: prometheus"), *arguments[:2], PROMETHEUS / arguments[2])
