"""What several nouns share: which texts are one line, how cursors read, what a body may hold."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from greenroom.api.shapes import Label, Line, Plain


@pytest.mark.parametrize("text", ["山田　太郎", "👩\u200d💻 pairing", "Café\u00a0Noir", "\u202bעברית\u202c", "50 % \\ {x}"])
def test_names_of_every_script_are_taken(text: str) -> None:
    """Wide spaces, joiners and marks of direction belong to them."""
    for kind in (Label, Line, Plain):
        assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\x7f", "\x85", "a\u2028b", "\ud800"])
def test_control_characters_are_not(text: str) -> None:
    """Nor is anything else that ends a line or cannot be stored."""
    for kind in (Label, Line, Plain):
        with pytest.raises(ValidationError, match="has control characters|unicode"):
            TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_a_label_has_1_to_200_characters(text: str) -> None:
    """Said in these words."""
    with pytest.raises(ValidationError, match="String should have at"):
        TypeAdapter(Label).validate_python(text)
