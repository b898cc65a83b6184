"""Greenhouse reads a result with test_status; one that does not is notified again, a few times."""

from __future__ import annotations

from datetime import timedelta

from greenroom.connectors.contract import Nudging

NUDGING = Nudging(
    waits=(timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2)),
    unread=(
        "The ATS was told {times} times, answered well each time and never asked for the result (test_status), so it "
        "shows nothing. Have the ATS's support check the test_status URL that it calls against `endpoints` of the "
        "integration, then retry the delivery."
    ),
)
