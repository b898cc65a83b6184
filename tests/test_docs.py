"""The documentation matches the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.app import build_app
from greenroom.model.events import NAMES, TEST
from greenroom.settings import PREFIX, Settings
from greenroom.web import hub_snippets

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    """docs/settings.md has every setting by its environment variable."""
    assert f"`{PREFIX}{name.upper()}`" in (ROOT / "docs" / "settings.md").read_text()


def test_no_unknown_setting_is_documented() -> None:
    """The docs name no environment variable that the gateway would refuse."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for page in (ROOT / "docs").rglob("*.md"):
        for name in re.findall(rf"{PREFIX}[A-Z_]+", page.read_text()):
            assert name.removesuffix("_FILE") in known, f"{page.name} names {name}"


def test_every_operation_of_the_api_is_in_the_reference() -> None:
    """docs/api.md lists each operation of the OpenAPI document with its summary."""
    page = (ROOT / "docs" / "api.md").read_text()
    for path, operations in build_app(Settings()).openapi()["paths"].items():
        for method, operation in operations.items():
            assert f"| `{method.upper()} {path}` | {operation['summary']}" in page, (method, path)


def test_every_error_code_is_in_the_reference() -> None:
    """docs/api.md has a row for each error code in the source and for the framework's two."""
    source = "".join(path.read_text() for path in (ROOT / "src" / "greenroom").rglob("*.py"))
    given = set(re.findall(r'\bcode ?= ?"(\w+)"', source))
    table = (ROOT / "docs" / "api.md").read_text().partition("## Error codes")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    assert listed == given | {"MethodNotAllowed", "InternalServerError"}


def test_the_code_for_the_hub_is_the_dashboards() -> None:
    """docs/hub.md has the pieces of code that the dashboard shows and tests/web/test_hub.py runs."""
    page = (ROOT / "docs" / "hub.md").read_text()
    shown = hub_snippets.render(url="https://greenroom.example.com", script="/hub/v1/connect.js", integrity="HASH")
    for one in (*shown["server"][1:], *shown["page"]):
        code = one.code.replace(' integrity="HASH" crossorigin="anonymous"', "").strip()
        assert f"\n{code}\n```" in page, one.title


@pytest.mark.parametrize("name", [*NAMES, TEST])
def test_every_event_is_in_the_reference(name: str) -> None:
    """docs/api.md names every event."""
    events = (ROOT / "docs" / "api.md").read_text().partition("## Events")[2]
    assert f"`{name}`" in events


def test_the_files_that_the_tour_names_exist() -> None:
    """The files in docs/tour.md exist."""
    page = (ROOT / "docs" / "tour.md").read_text()
    named = re.findall(r"`(src/[\w/.]+\.py)`", page)

    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_what_holds_a_guarantee_exists() -> None:
    """docs/guarantees.md names existing tests for each promise."""
    page = (ROOT / "docs" / "guarantees.md").read_text()
    promises = re.findall(r"^\| (?!promise|---).* \| (.+) \|$", page, re.MULTILINE)

    assert len(promises) > 20
    for shown in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", shown)
        assert named, shown
        for path, test in named:
            assert f"def {test}(" in (ROOT / path).read_text() if test else (ROOT / path).exists(), (path, test)


def test_the_capability_matrix_is_the_connectors() -> None:
    """docs/connectors.md has the table that `tools/capabilities.py` makes of the manifests."""
    page = (ROOT / "docs" / "connectors.md").read_text()
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "capabilities.py"], capture_output=True, text=True, check=True
    ).stdout
    assert made in page, "run: python tools/capabilities.py, and put its output into docs/connectors.md"


def test_the_page_of_the_command_line_is_the_commands() -> None:
    """docs/cli.md is what `tools/cli_reference.py` makes of the commands."""
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "cli_reference.py"], capture_output=True, text=True, check=True
    ).stdout
    page = (ROOT / "docs" / "cli.md").read_text()
    assert made == page, "run: python tools/cli_reference.py > docs/cli.md"


def test_the_page_of_causes_is_the_catalogue() -> None:
    """docs/causes.md is what `tools/causes.py` makes of the catalogue."""
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "causes.py"], capture_output=True, text=True, check=True
    ).stdout
    page = (ROOT / "docs" / "causes.md").read_text()
    assert made == page, "run: python tools/causes.py > docs/causes.md"
