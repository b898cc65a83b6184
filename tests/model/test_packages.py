"""Tests of the parsing of a vendor's list of packages."""

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
    """Numeric ids are accepted, unknown keys are ignored, and a blank `next` is None."""
    assert read_page(body, "assessments") == (packages, following)


@given(ANYTHING)
def test_any_json_is_read_or_diagnosed(body: object) -> None:
    """Any JSON yields packages, or an error that begins with a JSON path."""
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


def test_ten_thousand_packages_of_one_name_need_linear_time() -> None:
    """A name is compared a few times, not with each other name."""
    Counted.comparisons = 0
    renamed = unique([Package(str(number), Counted("Test")) for number in range(10_000)])

    assert [package.name for package in renamed] == [f"Test ({number})" for number in range(10_000)]
    assert Counted.comparisons < 100_000


def test_ids_and_names_are_unique() -> None:
    """A repeated id is dropped, and equal names get their ids appended."""
    packages = [Package("a", "Test"), Package("b", "Test"), Package("a", "Again"), Package("c", "Other")]

    assert [(package.id, package.name) for package in unique(packages)] == [
        ("a", "Test (a)"),
        ("b", "Test (b)"),
        ("c", "Other"),
    ]


@pytest.mark.parametrize(
    ("data", "found"),
    [(500, "the number 500"), ("500", "the text '500'"), (None, "null"), (True, "true"), ({}, "an object")],
)
def test_errors_name_json_types_in_plain_words(data: object, found: str) -> None:
    """Error messages have no names of Python types."""
    with pytest.raises(InvalidPackageList, match=rf"expected an array of packages, found {found}\.$"):
        read_page({"data": data}, "assessments")
