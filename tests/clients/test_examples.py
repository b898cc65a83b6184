"""The programs of `docs/clients.md` are those of the clients' READMEs, which other tests run."""

from __future__ import annotations

import pytest

from tests.clients.building import ROOT, read_examples, read_fences


@pytest.mark.parametrize(("language", "fence"), [("python", "python"), ("typescript", "ts")])
def test_the_page_shows_the_tested_program(language: str, fence: str) -> None:
    """`docs/clients.md` has the first program of each README."""
    assert read_fences(ROOT / "docs" / "clients.md", fence) == read_examples(language, fence)[:1]
