"""Tokens, ids, and the Basic header."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.security import tokens


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (f"Basic {encoded('key:')}", "key"),
        (f"Basic {encoded('key')}", "key"),
        (f"Basic {encoded('key:pass:word')}", "key"),
        (f"basic   {encoded('key:')}  ", "key"),
        (f"BASIC {encoded('key:').rstrip('=')}", "key"),
        (f"Basic {encoded('k' * 170)}", "k" * 170),
        (f"Basic {encoded('k' * 171)}", None),
        (f"Basic {encoded(':password')}", None),
        (f"Bearer {encoded('key:')}", None),
        (f"bAsIc {encoded('k' * 170 + ':')}", "k" * 170),
        (f"Basic {encoded('ключ:')}", "ключ"),
        (f"Basic {encoded('key:')} {encoded('key:')}", None),
        (f"Basic{encoded('key:')}", None),
        ("Basic é", None),
        ("Basic \ud800", None),
        ("Basic", None),
        ("Basic %%%", None),
        ("Basic /w==", None),
        ("", None),
        (None, None),
    ],
)
def test_basic_user(header: str | None, user: str | None) -> None:
    """Every form in use is read, and nothing else."""
    assert tokens.basic_user(header) == user


@given(
    st.text()
    | st.text().map(lambda text: f"Basic {text}")
    | st.binary().map(lambda raw: "Basic " + base64.b64encode(raw).decode())
)
def test_any_header_is_read(header: str) -> None:
    """Any header has a user name of the permitted length or none."""
    user = tokens.basic_user(header)
    assert user is None or 0 < len(user) < 171


def test_tokens_fit_where_they_are_typed() -> None:
    """Keys are URL-safe, have no colon, and are short enough for Greenhouse."""
    for made in (tokens.new_api_key(), tokens.new_external_trigger_token()):
        assert re.fullmatch(r"g[kr]_[A-Za-z0-9_-]{43}", made)


def test_ids_are_url_safe_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list by id is a list by age."""
    made = []
    for ms in (1, 1_000_000, 1_700_000_000_000, 1_700_000_000_001, 2_500_000_000_000):
        monkeypatch.setattr(tokens.time, "time_ns", lambda ms=ms: ms * 1_000_000)
        made.append(tokens.new_id("ord"))

    assert made == sorted(made)
    assert all(re.fullmatch(r"ord_[0-9a-z]{26}", one) for one in made)
    assert len({tokens.new_id("x") for _ in range(1000)}) == 1000


def test_ids_sort_by_the_time_they_were_made() -> None:
    """Ids made before a time sort before its first id, later ones after it."""
    earlier = tokens.new_id("evt")
    now = datetime.now(UTC)
    first = tokens.first_id("evt", now + timedelta(milliseconds=1))
    much_later = tokens.first_id("evt", now + timedelta(days=1))

    assert earlier < first < much_later
    assert tokens.first_id("evt", now - timedelta(milliseconds=1)) <= tokens.new_id("evt")
    assert len(first) == len(earlier)
