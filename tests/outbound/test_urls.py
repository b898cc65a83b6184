"""URLs are checked by their text alone."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from greenroom.outbound import callable_problem, public_problem

#: pieces of URLs that parsers read differently
PIECES = ["a", "b.com", "A", "127.0.0.1", "[::1]", ":", "/", "//", "@", "?", "#", "[", "]", "%", "%40", "%2f", ";", ".", "。", "：",
          "＠", "ß", "ü", "\u200d", "\xad", "ℂ", "℀", "xn--", "-", "_", "443", "\ud800"]  # fmt: skip


@given(st.text() | st.text().map(lambda text: f"https://{text}") | st.text().map(lambda text: f"https://x.com:{text}"))
@example("https://[")
@example("https://\ud800")
@example("https://xn--/")
@example("https://a..b/")
def test_any_text_is_judged(text: str) -> None:
    """Any text has a problem or none, and never raises an exception."""
    for problem in (callable_problem(text, allow_http=True), public_problem(text)):
        assert problem is None or isinstance(problem, str)


@settings(max_examples=500, suppress_health_check=[HealthCheck.filter_too_much])  # few of these URLs can be called
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(lambda some: "https://" + "".join(some)))
@example("https://127.0.0.1%b.com/")
@example("https://vendor.example.com#@127.0.0.1/")
def test_the_host_that_was_judged_is_the_host_that_is_called(url: str) -> None:
    """The check and the client read the same host in every URL."""
    assume(callable_problem(url, allow_http=False) is None)
    try:
        called = URL(url).raw_host or ""
    except ValueError:
        return  # refused when it is called
    judged = urlsplit(url).hostname or ""
    if judged.isascii():
        assert called.rstrip(".").lower() == judged.rstrip(".")
    assert called.isascii()


def test_an_international_name_is_judged_as_it_is_called() -> None:
    """The check uses the client's version of IDNA: in the older one ß is another name."""
    assert "xn--strae-oqa.internal" in (public_problem("https://straße.internal/") or "")


@pytest.mark.parametrize(
    "url",
    [
        "https://vendor.example.com/hooks?x=1",
        "https://vendor.example.com:8443/",
        "https://VENDOR.example.com./",
        "https://bücher.example.com/",
        "https://93.184.215.14/r",
        "https://[2606:4700::1111]/r",
    ],
)
def test_what_can_be_called(url: str) -> None:
    """Absolute https URLs can be called: with a port, a trailing dot, an international name."""
    assert callable_problem(url, allow_http=False) is None
    assert public_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example.com/",
        "ftp://vendor.example.com/",
        "//vendor.example.com/",
        "/hooks",
        "",
        "https://",
        "https://user@vendor.example.com/",
        "https://user:pw@vendor.example.com/",
        "https://vendor.example.com:99999/",
        "https://vendor.example.com:0/",
        "https://vendor.example.com/a b",
        "https://vendor.example.com/\n",
        "https://vendor.example.com\\@evil.example.net/",
        "https://-x.example.com/",
        "https://a..example.com/",
        "https://[::1/",
        "https://127.0.0.1%25x/",
        "https://8.8.8.8%evil.example.net/",
    ],
)
def test_what_cannot_be_called(url: str) -> None:
    """These URLs are refused by their text."""
    assert callable_problem(url, allow_http=False)
    assert public_problem(url)


@pytest.mark.parametrize(
    "host",
    ["localhost", "intranet", "x.local", "x.internal", "x.test", "x.invalid", "x.example", "x.localhost", "x.onion",
     "x.home.arpa", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]",
     "[::ffff:10.0.0.1]", "[fd00::1]", "[64:ff9b::7f00:1]", "0.0.0.0",
     "１２７.0.0.1", "127。0。0。1", "10.0.0.1."],
)  # fmt: skip
def test_a_result_url_must_be_public(host: str) -> None:
    """A private result URL is refused, since Greenhouse shows none; development permits it."""
    assert public_problem(f"https://{host}/r")
    assert public_problem(f"http://{host}/r", allow_http=True) is None
