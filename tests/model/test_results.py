"""Tests of vendors' results."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.results import Result, Score, decimal_text, difference

FULL = Result(
    score=Score("82.5", "B", "0", "100"),
    start_date=datetime(2026, 11, 3, 9, 5, tzinfo=UTC),
    submission_date=datetime(2026, 11, 3, 9, 51, tzinfo=UTC),
    summary="ok",
    verdict="passed",
    result_url="https://x.example.com/r",
    attachments=({"url": "https://x.example.com/a", "content_type": None},),
    candidate={"id": "c"},
    passthrough={"x": 1},
)


@pytest.mark.parametrize("value", [0, 1, -3, 82.5, "82.50", " 7 ", "1e3", "-0.5"])
def test_a_finite_decimal_is_a_score(value: object) -> None:
    """Numbers and texts of numbers are scores, in the vendor's notation."""
    assert decimal_text(value) == str(value).strip()


@pytest.mark.parametrize("value", ["85%", "NaN", "inf", "-Infinity", "", "1,5", True, None, [1], "1e999", "9" * 80])
def test_other_values_are_no_scores(value: object) -> None:
    """Values that Greenhouse could not show as a number are refused."""
    with pytest.raises(ValueError, match=r"number"):
        decimal_text(value)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.text())
def test_decimal_text_is_total(value: object) -> None:
    """Any input yields a decimal or a ValueError."""
    try:
        text = decimal_text(value)
    except ValueError:
        return
    assert float(text) == float(text)


def test_a_result_round_trips_through_json() -> None:
    """`from_dict` restores the result of `as_dict`."""
    assert Result.from_dict(FULL.as_dict()) == FULL
    assert Result.from_dict(Result().as_dict()) == Result()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({}, None),
        ({"score": Score("82.5", "B", "0", "99")}, "score.max"),
        ({"verdict": "failed"}, "result.value"),
        ({"summary": None}, "summary"),
        ({"passthrough": None}, "passthrough"),
    ],
)
def test_difference_names_the_first_field(changed: dict[str, object], field: str | None) -> None:
    """The name is the field's path in the unified body."""
    assert difference(FULL, Result(**{**vars(FULL), **changed})) == field  # type: ignore[arg-type]
