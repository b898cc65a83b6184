"""How a vendor's list is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.packages import BadList, Package, read_page, unique

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["data", "id", "name", "next", "tests"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "packages", "following"),
    [
        ({"data": []}, [], None),
        ({"data": [{"id": 7, "name": "Seven"}], "next": ""}, [Package("7", "Seven")], None),
        ({"data": [{"remote_id": "r", "name": "R", "x": 1}], "next": " c "}, [Package("r", "R")], "c"),
    ],
)
def test_a_page(body: object, packages: list[Package], following: str | None) -> None:
    """Ids may be numbers, unknown keys are ignored, a blank `next` is none."""
    assert read_page(body, "assessments") == (packages, following)


@given(ANYTHING)
def test_any_json_is_read_or_diagnosed(body: object) -> None:
    """Whatever a vendor answers, it is a list or a diagnosis that begins with the JSON path."""
    try:
        packages, _ = read_page(body, "background_checks")
    except BadList as error:
        assert str(error).startswith("$")
    else:
        assert all(package.id and package.name for package in packages)


def test_one_id_appears_once_and_names_are_told_apart() -> None:
    """A drop-down with two equal labels cannot be used."""
    packages = [Package("a", "Test"), Package("b", "Test"), Package("a", "Again"), Package("c", "Other")]

    assert [(package.id, package.name) for package in unique(packages)] == [
        ("a", "Test (a)"),
        ("b", "Test (b)"),
        ("c", "Other"),
    ]
