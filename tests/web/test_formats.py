"""How pages write user agents and paths."""

from __future__ import annotations

import pytest

from greenroom.web import formats

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/140.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("curl/8.14.1", "curl/8.14.1"),
        (None, "Unknown browser"),
    ],
)
def test_a_user_agent_in_words(agent: str | None, words: str) -> None:
    """An unknown one stays as it is."""
    assert formats.browser(agent) == words


def test_a_path_has_short_ids() -> None:
    """Words that look alike stay as they are."""
    path = "/unified/ats/background_check/orders/ord_01m8k9gfq21gh80m9xnqmpgps4/result"

    assert formats.short_path(path) == "/unified/ats/background_check/orders/ord_…mpgps4/result"
