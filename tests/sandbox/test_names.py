"""Empty names, which no page accepts, are refused by the API, too."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Greenhouse


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/users/901", "first_name"),
        ("/partners/1", "name"),
        ("/stages/5001", "name"),
        ("/candidates/17681501", "first_name"),
    ],
)
async def test_an_empty_name_is_refused(connected: Greenhouse, path: str, field: str, empty: str) -> None:
    """422 names the field and changes nothing; a good name is stored."""
    answer = await connected.call("PATCH", path, {field: empty}, status=422)
    assert answer["error"]["field"] == field
    assert (await connected.call("PATCH", path, {field: "Given"}))[field] == "Given"


async def test_a_last_name_may_be_empty(connected: Greenhouse) -> None:
    """Some people have one name."""
    assert (await connected.call("PATCH", "/users/901", {"last_name": ""}))["last_name"] == ""
