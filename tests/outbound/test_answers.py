"""The retry policy for each answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.outbound import Answer, judge_push, judge_webhook, retry_after

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def verdict(judge: object, status: int, **headers: str) -> RemoteError | None:
    """Returns the error that a judge raises, None for success."""
    try:
        judge(Answer(status, headers, b"", False, None, 1.0))  # type: ignore[operator]
    except RemoteError as error:
        return error
    return None


@given(st.integers(100, 599))
def test_every_status_has_a_verdict(status: int) -> None:
    """Both policies are total; success is 200 to 299."""
    for judge in (judge_webhook, judge_push):
        assert (verdict(judge, status) is None) == (200 <= status < 300)


@pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 408, 413, 422, 425, 429, 500, 502, 503, 504])
def test_a_webhook_is_tried_again(status: int) -> None:
    """A webhook is retried, since the receiver may be in the middle of a deployment."""
    assert isinstance(verdict(judge_webhook, status), TryLater)


def test_gone_is_final() -> None:
    """410 is final for a webhook."""
    fault = verdict(judge_webhook, 410)

    assert isinstance(fault, GiveUp)
    assert fault.gone


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, TryLater), (425, TryLater), (429, TryLater), (500, TryLater), (503, TryLater), (302, GiveUp), (400, GiveUp),
     (401, GiveUp), (404, GiveUp), (410, GiveUp), (422, GiveUp)],
)  # fmt: skip
def test_a_push_is_tried_again_only_for_passing_faults(status: int, kind: type[RemoteError]) -> None:
    """Other refusals of a push are final, since the ATS would refuse again."""
    assert type(verdict(judge_push, status)) is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", None),
        ("90", 90),
        (" 90 ", 90),
        ("Tue, 24 Nov 2026 10:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 09:00:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("9" * 4000, 86400),
        ("Tue, 24 Nov 2099 10:02:00 GMT", 86400),
        ("Tue, 24 Nov 2026 10:02:00", 120),
        ("Tue, 24 Nov 2026 12:02:00 +0200", 120),
        ("Tue, 24 Nov 2026 10:02:00 +99999999999999999999", None),
        ("24 Nov 99999999999999999999 10:02:00 GMT", None),
        ("Tue, 24 Nov 2026 99999999999999999999:02:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86400),
        ("Mon, 1 Jan 0001 00:00:00 +2359", None),
    ],
)
def test_retry_after(text: str, seconds: int | None) -> None:
    """Seconds or an HTTP date are read, up to a day; the past and nonsense are ignored."""
    wait = retry_after({"retry-after": text}, NOW)

    assert wait == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text())
def test_any_retry_after_is_read(text: str) -> None:
    """Any header is a wait of at most a day, or none."""
    wait = retry_after({"retry-after": text}, NOW)

    assert wait is None or timedelta(0) < wait <= timedelta(days=1)


@given(
    st.integers(), st.sampled_from(["Jan", "Nov", "Foo"]), st.integers(), st.integers(), st.integers(), st.integers()
)
def test_any_date_is_read(day: int, month: str, year: int, hour: int, minute: int, zone: int) -> None:
    """Impossible dates are a wait of at most a day, or none."""
    wait = retry_after({"retry-after": f"{day} {month} {year} {hour}:{minute}:00 {zone:+05}"}, NOW)

    assert wait is None or timedelta(0) < wait <= timedelta(days=1)


def test_retry_after_counts_for_429_and_503_only() -> None:
    """Retry-After of other statuses is ignored."""
    waits = {
        status: getattr(verdict(judge_push, status, **{"retry-after": "90"}), "wait", None)
        for status in (429, 500, 503)
    }
    assert waits == {429: timedelta(seconds=90), 500: None, 503: timedelta(seconds=90)}
