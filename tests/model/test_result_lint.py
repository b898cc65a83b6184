"""What looks wrong in a result."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from greenroom.model.result_lint import lint
from greenroom.model.results import Result, Score


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (Score("0.825", min="0", max="100"), "0.825 of 100 looks like a fraction. Send 82.5"),
        (Score("0.8"), "0.8 without a range looks like a fraction. Send 80"),
        (Score("82.5", min="0", max="1"), "82.5 is above score.max, 1. If 82.5 is a percentage"),
        (Score("120", min="0", max="100"), "120 is above score.max, 100."),
        (Score("-3", min="0"), "-3 is below score.min, 0."),
        (Score("5", min="10", max="10"), "min 10 is not below max 10"),
    ],
)
def test_a_doubtful_score(score: Score, said: str) -> None:
    """Each doubt names the values."""
    assert [said in one.message for one in lint(Result(score=score))] == [True]


@pytest.mark.parametrize(
    "score", [Score(), Score("82.5", min="0", max="100"), Score("0.8", max="1"), Score("0"), Score("1"), Score("300")]
)
def test_a_score_without_doubt(score: Score) -> None:
    """A usual score raises no doubt."""
    assert lint(Result(score=score)) == []


def test_an_end_before_its_start() -> None:
    """The field that is wrong is named."""
    start, end = datetime(2026, 11, 3, 10, tzinfo=UTC), datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert [one.field for one in lint(Result(start_date=start, submission_date=end))] == ["submission_date"]
