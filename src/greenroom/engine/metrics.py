"""
Prometheus metrics of this process's attempts.

Label values come from closed lists and are never ids.
"""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from greenroom.model.attempts import FinishedAttempt, Recorded
from greenroom.services import funnel

ATTEMPTS = Counter("greenroom_attempts", "Attempts that have ended, by lane and what came of them.", ["lane", "result"])
POSTPONED = Counter(
    "greenroom_attempts_postponed", "Attempts that a fault of this process prevented, by kind of fault.", ["kind"]
)
DELIVERED_AFTER = Histogram(
    "greenroom_delivery_seconds",
    "From accepting an event to its delivery, manual retries and replays apart.",
    ["lane"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400),
)
CLAIM = Histogram(
    "greenroom_claim_seconds",
    "What a look at the queues took, with what it claimed.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
CLOCK_SKEW = Gauge("greenroom_clock_skew_seconds", "How far this process's clock is ahead of the database's.")

# looking up a labelled child takes several times as long as incrementing its counter
_attempts = cache(ATTEMPTS.labels)
_delivered_after = cache(DELIVERED_AFTER.labels)


def count(ended: FinishedAttempt, recorded: Recorded | None) -> None:
    """Counts a recorded attempt, and the stages of the funnel that its order has reached by it."""
    for reached in recorded.reached if recorded else ():
        funnel.count(reached)
    claimed, fault = ended.claimed, ended.fault
    # the result label is `delivered` or the kind of the fault
    _attempts(claimed.lane, fault.kind if fault else "delivered").inc()
    if fault is None and claimed.trigger == "auto":
        took = ended.started_at + ended.duration - claimed.created_at
        _delivered_after(claimed.lane).observe(max(0.0, took.total_seconds()))
