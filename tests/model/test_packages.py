"""How a vendor's list is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.packages import InvalidPackageList, Package, read_page, unique

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
    except InvalidPackageList as error:
        assert str(error).startswith("$")
    else:
        assert all(package.id and package.name for package in packages)


class Counted(str):
    """A name that counts how often it is compared."""

    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)


def test_ten_thousand_packages_of_one_name_are_little_work() -> None:
    """A few comparisons for each, not one with every other."""
    Counted.comparisons = 0
    told = unique([Package(str(number), Counted("Test")) for number in range(10_000)])

    assert [package.name for package in told] == [f"Test ({number})" for number in range(10_000)]
    assert Counted.comparisons < 100_000


def test_one_id_appears_once_and_names_are_told_apart() -> None:
    """A drop-down with two equal labels cannot be used."""
    packages = [Package("a", "Test"), Package("b", "Test"), Package("a", "Again"), Package("c", "Other")]

    assert [(package.id, package.name) for package in unique(packages)] == [
        ("a", "Test (a)"),
        ("b", "Test (b)"),
        ("c", "Other"),
    ]


@pytest.mark.parametrize(
    ("data", "found"),
    [(500, "the number 500"), ("500", "the text '500'"), (None, "nothing"), (True, "true"), ({}, "an object")],
)
def test_what_is_found_is_named_as_a_person_would(data: object, found: str) -> None:
    """Never by the name that our language has for it."""
    with pytest.raises(InvalidPackageList, match=rf"expected an array of packages, found {found}\.$"):
        read_page({"data": data}, "assessments")
