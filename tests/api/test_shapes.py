"""Shared types: one-line texts, cursors, times, and strict bodies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from greenroom.api.shapes import Instant, Label, Line, Plain, Prose, StrictBody


@pytest.mark.parametrize(
    "text", ["山田　太郎", "👩\u200d💻 pairing", "Café\u00a0Noir", "\u202bעברית\u202c", "50 % \\ {x}"]
)
def test_names_of_every_script_are_taken(text: str) -> None:
    """Texts may contain wide spaces, joiners and marks of direction, which names of some scripts need."""
    for kind in (Label, Line, Plain):
        assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\x7f", "\x85", "a\u2028b", "\ud800"])
def test_control_characters_are_not(text: str) -> None:
    """Texts with control characters, line ends or characters that cannot be stored are refused."""
    for kind in (Label, Line, Plain):
        with pytest.raises(ValidationError, match=r"has control characters|unicode"):
            TypeAdapter(kind).validate_python(text)


def test_prose_has_lines() -> None:
    """Prose may contain line ends and tabs, but no other control character."""
    assert TypeAdapter(Prose).validate_python("Two\r\nlines,\ta tab, 👩\u200d💻") == "Two\r\nlines,\ta tab, 👩\u200d💻"
    with pytest.raises(ValidationError, match="has control characters"):
        TypeAdapter(Prose).validate_python("a\n\x00")


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_a_label_has_1_to_200_characters(text: str) -> None:
    """A label of another length is refused with a message about the length."""
    with pytest.raises(ValidationError, match="String should have at"):
        TypeAdapter(Label).validate_python(text)


@pytest.mark.parametrize(
    "value", ["0.5", "1764000000", "now", "2026-11-03", "2026-11-03T09:05:00", "9999-12-31T23:59:59-01:00", 5]
)
def test_a_time_is_iso_8601_with_a_zone(value: object) -> None:
    """A number is refused, although it could mean seconds since 1970."""
    with pytest.raises(ValidationError, match=r"ISO 8601|zone|years"):
        TypeAdapter(Instant).validate_python(value)


def test_a_time_is_given_in_utc() -> None:
    """A time in any zone is converted to UTC; a blank text is None."""
    times = TypeAdapter(Instant)
    assert times.validate_python("2026-11-03T10:05:00.5+01:00") == datetime(2026, 11, 3, 9, 5, 0, 500_000, tzinfo=UTC)
    assert times.validate_python("") is None
    assert times.validate_python(None) is None


@pytest.mark.parametrize(
    "value", [{"flag": 0}, {"flag": "true"}, {"count": False}, {"count": "3"}, {"count": 3.0}, {"name": 3}]
)
def test_a_value_of_another_type_is_refused(value: dict[str, object]) -> None:
    """A strict body refuses 0 for false."""

    class Body(StrictBody):
        flag: bool = True
        count: int = 1
        name: str = ""

    with pytest.raises(ValidationError):
        Body.model_validate(value)
    assert Body.model_validate({"flag": False, "count": 3, "name": "x"}).count == 3
