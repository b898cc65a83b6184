"""Greenhouse's JSON and the model are translated into each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.connectors.greenhouse import wire
from greenroom.connectors.greenhouse.push import callback_problem
from greenroom.errors import Refused
from greenroom.model.results import Result, Score

HOSTS = ("app.greenhouse.io", "*.greenhouse.io")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["candidate", "email", "url", "partner_test_id", "application", "id", "greenhouse_profile_url"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_body_is_read_or_refused(body: Any) -> None:
    """Any body is an order or a refusal that names its fields; there is no other exception."""
    try:
        request = wire.order_request(body)
    except Refused as refusal:
        assert refusal.message
    else:
        assert request.package_id
        assert "@" in request.candidate.email


@given(st.text())
def test_any_query_is_read(query: str) -> None:
    """Any query has an id or none, and never raises an exception."""
    assert all(value is None or value.strip() for value in wire.query_values(f"tenant-id=x&{query}"))


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://app.greenhouse.io/integrations/testing_partners/take_home_tests/900417", "900417"),
        ("https://app.greenhouse.io/integrations/testing_partners/take_home_tests/900417/?x=1", "900417"),
        ("https://app.greenhouse.io", "https://app.greenhouse.io"),
        ("http://[bad", "http://[bad"),
        (None, None),
    ],
)
def test_the_take_home_id_is_the_orders_id(url: str | None, key: str | None) -> None:
    """The trailing id of the callback URL identifies the order, else the whole URL."""
    body = {"partner_test_id": "p", "candidate": {"email": "a@b.example"}, "url": url}

    assert wire.order_request(body).dedupe_key == key


@pytest.mark.parametrize(
    ("text", "number"), [("80", 80), ("80.0", 80), ("82.50", 82.5), ("-1", -1), ("1e2", 100), ("0.1", 0.1)]
)
def test_a_score_is_a_json_number(text: str, number: float) -> None:
    """A whole score is a JSON integer."""
    assert repr(wire.score_number(text)) == repr(number)


def test_times_are_printed_in_utc() -> None:
    """Times look like Greenhouse's own example, with the zone."""
    at = datetime(2014, 3, 26, 12, 15, tzinfo=timezone(timedelta(hours=2)))
    rows = wire.metadata_rows(Result(start_date=at, submission_date=datetime(2025, 1, 30, tzinfo=UTC)))

    assert rows == {"Started At": "10:15 AM 26 March 2014 UTC", "Completed At": "12:00 AM 30 January 2025 UTC"}


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [("0", "100", "0 to 100"), (None, "100", "up to 100"), ("0", None, "from 0"), (None, None, None)],
)
def test_score_range(low: str | None, high: str | None, text: str | None) -> None:
    """A range has both ends, or the one that is known."""
    assert wire.metadata_rows(Result(score=Score(min=low, max=high))).get("Score Range") == text


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://app.greenhouse.io/x/1", True),
        ("https://silo2.greenhouse.io:8443/x/1", True),
        ("https://APP.GREENHOUSE.IO./x/1", True),
        ("http://app.greenhouse.io/x/1", False),
        ("https://greenhouse.io/x/1", False),
        ("https://evilgreenhouse.io/x/1", False),
        ("https://app.greenhouse.io.evil.example/x/1", False),
        ("https://app.greenhouse.io@evil.example/x/1", False),
        ("https://u:p@app.greenhouse.io/x/1", False),
        ("https://app.greenhouse.io:99999/x", False),
        ("//app.greenhouse.io/x", False),
        ("https:///x", False),
        ("", False),
    ],
)
def test_where_a_result_may_be_pushed(url: str, fine: bool) -> None:
    """A push goes to https and an allowed host, without user-info."""
    assert (callback_problem(url, HOSTS, allow_http=False) is None) == fine
