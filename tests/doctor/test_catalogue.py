"""Every code of the catalogue has a scenario, and the matrix names confused codes."""

from __future__ import annotations

import ast
from pathlib import Path

from greenroom.api.faults import CAUSES
from greenroom.doctor.catalogue import AREAS, causes
from tests.connectors.greenhouse.harvest.test_enrichment import CAUSES as ACCESS
from tests.doctor import matrix


def named_codes() -> set[str]:
    """Returns the codes of the catalogue that the scenarios in this folder name."""
    names: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            tree = ast.walk(ast.parse(path.read_text()))
            texts = {one.value for one in tree if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            areas = {one for one in texts if one.removesuffix(".") in AREAS and one.endswith(".")}  # of f-strings
            names |= texts | {area + text for area in areas for text in texts}
    return (names | ACCESS.keys()) & set(causes())


def test_every_cause_has_a_scenario() -> None:
    """A code without a scenario may not exist."""
    missing = set(causes()) - named_codes()
    assert not missing, f"Write a scenario for {', '.join(sorted(missing))}."


def test_the_matrix_names_confused_codes() -> None:
    """Each row has the number of right findings; a wrong one is named with its number."""
    pairs = [("a.b", "a.b"), ("a.b", "a.c"), (matrix.HEALTHY, matrix.HEALTHY)]
    assert matrix.draw(pairs) == [
        "1 codes expected, 2 of 3 findings right",
        f"{'a.b':<36}    1   confused with: a.c 1",
        f"{'healthy':<36}    1",
    ]


def test_errors_link_to_known_causes() -> None:
    """Each code that an error of the API is linked to is in the catalogue."""
    assert set(CAUSES.values()) <= set(causes())
