"""The page about the clients and their versions fit the clients; other tests run what the READMEs show."""

from __future__ import annotations

import json
import tomllib

import pytest

from tests.clients.building import ROOT, read_examples, read_fences


@pytest.mark.parametrize(("language", "fence"), [("python", "python"), ("typescript", "ts")])
def test_the_page_shows_the_tested_program(language: str, fence: str) -> None:
    """`docs/clients.md` has the first program of each README."""
    assert read_fences(ROOT / "docs" / "clients.md", fence) == read_examples(language, fence)[:1]


def test_the_clients_have_the_version_of_the_gateway() -> None:
    """A client's version says which gateway's document it was generated from."""
    gateway = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    python = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]["version"]
    typescript = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())["version"]
    assert (python, typescript) == (gateway, gateway)
