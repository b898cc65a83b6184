"""What several nouns share: which texts are one line, how cursors read, what a body may hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from greenroom.api.shapes import Instant, Label, Line, Plain, Prose, StrictBody


@pytest.mark.parametrize(
    "text", ["山田　太郎", "👩\u200d💻 pairing", "Café\u00a0Noir", "\u202bעברית\u202c", "50 % \\ {x}"]
)
def test_names_of_every_script_are_taken(text: str) -> None:
    """Wide spaces, joiners and marks of direction belong to them."""
    for kind in (Label, Line, Plain):
        assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\x7f", "\x85", "a\u2028b", "\ud800"])
def test_control_characters_are_not(text: str) -> None:
    """Nor is anything else that ends a line or cannot be stored."""
    for kind in (Label, Line, Plain):
        with pytest.raises(ValidationError, match=r"has control characters|unicode"):
            TypeAdapter(kind).validate_python(text)


def test_prose_has_lines() -> None:
    """And tabs, and nothing else of the kind."""
    assert TypeAdapter(Prose).validate_python("Two\r\nlines,\ta tab, 👩\u200d💻") == "Two\r\nlines,\ta tab, 👩\u200d💻"
    with pytest.raises(ValidationError, match="has control characters"):
        TypeAdapter(Prose).validate_python("a\n\x00")


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_a_label_has_1_to_200_characters(text: str) -> None:
    """Said in these words."""
    with pytest.raises(ValidationError, match="String should have at"):
        TypeAdapter(Label).validate_python(text)


@pytest.mark.parametrize(
    "value", ["0.5", "1764000000", "now", "2026-11-03", "2026-11-03T09:05:00", "9999-12-31T23:59:59-01:00", 5]
)
def test_a_time_is_iso_8601_with_a_zone(value: object) -> None:
    """A number is none, though it could be read as one since 1970."""
    with pytest.raises(ValidationError, match=r"ISO 8601|zone|years"):
        TypeAdapter(Instant).validate_python(value)


def test_a_time_is_given_in_utc() -> None:
    """Whatever zone it came in; blank is none."""
    times = TypeAdapter(Instant)
    assert times.validate_python("2026-11-03T10:05:00.5+01:00") == datetime(2026, 11, 3, 9, 5, 0, 500_000, tzinfo=UTC)
    assert times.validate_python("") is None
    assert times.validate_python(None) is None


@pytest.mark.parametrize(
    "value", [{"flag": 0}, {"flag": "true"}, {"count": False}, {"count": "3"}, {"count": 3.0}, {"name": 3}]
)
def test_a_value_of_another_type_is_refused(value: dict[str, object]) -> None:
    """`enabled: 0` may mean anything."""

    class Body(StrictBody):
        flag: bool = True
        count: int = 1
        name: str = ""

    with pytest.raises(ValidationError):
        Body.model_validate(value)
    assert Body.model_validate({"flag": False, "count": 3, "name": "x"}).count == 3
