"""The tour names functions that exist where it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOUR = (ROOT / "docs" / "tour.md").read_text()
#: `function` in `file`, in a table's row and in a sentence
STEPS = [(file, name) for file, name in re.findall(r"^\| \d+ \| `([^`]+)` \| `([^`]+)`", TOUR, re.M)]
STEPS += [(file, name) for name, file in re.findall(r"`([\w.]+)` in\s+`(src/[^`]+)`", TOUR)]


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_each_step_is_where_the_tour_says(file: str, name: str) -> None:
    nodes = list(ast.walk(ast.parse((ROOT / file).read_text())))
    defined = {one.name for one in nodes if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assigned = {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    assert set(name.split(".")) <= defined | assigned


def test_the_tour_has_steps() -> None:
    assert len(STEPS) > 20
