"""Loops that find the database away share one log line a period."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from greenroom.engine import outages
from greenroom.errors import Unavailable


def test_loops_that_fail_together_log_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(outages, "_last", -math.inf)
    monkeypatch.setattr(outages, "time", SimpleNamespace(monotonic=lambda: now[0]))

    with capture_logs() as lines:
        for _ in range(20):
            outages.log_outage(Unavailable())
        now[0] += outages.PERIOD_S
        outages.log_outage(Unavailable())

    assert [line["event"] for line in lines] == ["database_away"] * 2
    assert lines[0]["error"] == Unavailable().message
