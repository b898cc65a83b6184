"""Greenhouse reads a result with test_status; one that does not is notified again, a few times."""

from __future__ import annotations

from datetime import timedelta

from greenroom.connectors.contract import Nudging

NUDGING = Nudging(
    waits=(timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2)),
    unread=(
        "The ATS accepted {times} notifications but never requested the result (test_status), so it shows no result. "
        "Ask the ATS's support to compare the test_status URL they call with `endpoints` of the integration, then "
        "retry the delivery."
    ),
)
