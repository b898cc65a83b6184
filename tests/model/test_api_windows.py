"""The window of an API's rate limit follows the ATS's headers, and our own count before the first answer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from greenroom.model.api_windows import USUAL_SIZE, WINDOW_MS, ApiWindow

NOW = 1_800_000_000_000
NUMBERS = st.integers(min_value=0, max_value=10**12)


def test_a_window_is_used_up_and_a_new_one_begins() -> None:
    window = ApiWindow()
    for _ in range(USUAL_SIZE):
        assert window.wait_ms(NOW) == 0
        window = window.took(NOW)
    assert window.wait_ms(NOW + 10) == WINDOW_MS - 10
    assert window.wait_ms(NOW + WINDOW_MS) == 0
    assert window.took(NOW + WINDOW_MS).spare == USUAL_SIZE - 1


def test_the_ats_window_replaces_ours() -> None:
    """A late answer of the window before is ignored; of answers of one window, the least counts."""
    window = ApiWindow().took(NOW).answered(NOW, window_id=30, spare=5, size=10, ends_in_ms=4000)
    assert (window.spare, window.size, window.ends_at) == (5, 10, NOW + 4000)
    assert window.answered(NOW, window_id=30, spare=7, size=10, ends_in_ms=4000) == window
    assert window.answered(NOW, window_id=0, spare=0, size=10, ends_in_ms=4000) == window
    assert window.answered(NOW, window_id=30, spare=0, size=10, ends_in_ms=1).wait_ms(NOW) == 4000


def test_clocks_that_differ_leave_a_whole_window() -> None:
    for ends_in_ms in (-5, 0, WINDOW_MS + 1, 10**15):
        window = ApiWindow().answered(NOW, window_id=30, spare=0, size=10, ends_in_ms=ends_in_ms)
        assert window.wait_ms(NOW) == WINDOW_MS


def test_a_block_outlasts_the_window() -> None:
    window = ApiWindow().took(NOW).blocked(NOW, 60_000)
    assert window.wait_ms(NOW) == 60_000
    assert window.blocked(NOW, 5).wait_ms(NOW) == 60_000
    assert window.wait_ms(NOW + 60_000) == 0


@given(spare=NUMBERS, size=st.integers(1, 100_000), window_id=NUMBERS, ends_in_ms=st.integers(-(10**12), 10**12))
def test_no_answer_blocks_for_longer_than_a_window(spare: int, size: int, window_id: int, ends_in_ms: int) -> None:
    window = replace(ApiWindow(), spare=3, ends_at=NOW + 100)
    answered = window.answered(NOW, window_id=window_id, spare=spare, size=size, ends_in_ms=ends_in_ms)
    assert 0 <= answered.wait_ms(NOW) <= WINDOW_MS
