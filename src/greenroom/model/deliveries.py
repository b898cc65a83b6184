"""A delivery: an event on its way to one destination, and what becomes of it after each attempt. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from greenroom.errors import GiveUp, RemoteError, TryLater

Lane = Literal["vendor", "ats"]
State = Literal["pending", "delivered", "dead", "held", "cancelled"]
Trigger = Literal["auto", "manual", "replay", "test", "nudge"]
#: where a pending delivery waits: asked for by a person, for its first attempt, for another one, replayed
Queue = Literal["hand", "first", "again", "replay"]

#: attempts that one worker has under way at the most
SLOTS = 256
#: how many of them each queue may hold, served in this order. So a million retries leave 64 places to what is new,
#: however many new events leave 32 to retries, and a person waits for neither
SHARES: dict[Queue, int] = {"hand": SLOTS, "first": 224, "again": 192, "replay": 32}
#: attempts under way to one destination at the most, over all workers. A destination that hangs to the deadline holds a
#: quarter of one worker. A quick one needs so many to keep a worker's processor busy while the next ones are claimed
PER_DESTINATION = 64

#: waits before attempts 1, 2, …; jitter is only ever added
SCHEDULES: dict[Lane, tuple[timedelta, ...]] = {
    "vendor": (
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=14),
        timedelta(hours=20),
        timedelta(hours=24),
    ),
    "ats": (
        timedelta(0),
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=6),
        timedelta(hours=12),
        timedelta(hours=24),
    ),
}

#: waits before an ATS is told again that was told well and has not asked for the result; after the last it is not again
NUDGES = (timedelta(minutes=2), timedelta(minutes=15), timedelta(hours=2))

#: what has been due for so long, while its destination's breaker is open, is not tried any more
PATIENCE = timedelta(days=7)

#: attempts that our own code may fail before a delivery is put aside for a person to look at
OWN_FAILURES = 3

#: the most that jitter adds, as a share of the wait
JITTER = 0.1


@dataclass(frozen=True)
class Claimed:
    """
    A delivery that this worker holds until its lease ends.

    `attempt` counts from 1 and includes this one; `step` does so since the schedule last began. `told` is how often an
    ATS answered well before this one and did not ask for the result.
    """

    id: str
    project_id: str
    event_id: str
    order_id: str | None
    account_id: str | None
    lane: Lane
    destination_id: str
    event_name: str
    queue: Queue
    trigger: Trigger
    attempt: int
    step: int
    told: int
    lease: str
    payload: str
    created_at: datetime
    #: the traceparent of what its event comes of, where tracing was on
    trace: str | None = None


@dataclass(frozen=True)
class Next:
    """What becomes of a delivery: its state and, while pending, the wait before the next attempt; `told` as claimed."""

    state: State
    wait: timedelta | None = None
    told: int = 0


def after_attempt(lane: Lane, step: int, fault: RemoteError | None, *, chance: float) -> Next:
    """
    Decide what becomes of a delivery once attempt number `step` of its schedule (from 1) has ended.

    `chance` in [0, 1) places the jitter. What the other side asked for (`TryLater.wait`) can only lengthen the wait.
    """
    if fault is None:
        return Next("delivered")
    schedule = SCHEDULES[lane]
    last = OWN_FAILURES if fault.kind == "internal" else len(schedule)
    if isinstance(fault, GiveUp) or step >= last:
        return Next("dead")
    asked = fault.wait if isinstance(fault, TryLater) else None
    return Next("pending", max(schedule[step], asked or timedelta(0)) * (1 + JITTER * chance))


def nudge_until_read(following: Next, told: int, *, asked: bool, chance: float) -> Next:
    """
    What becomes of a delivery to an ATS, given what its attempt did: it is told again, a few times, until it asks.

    `told` is how often it answered well before this attempt.
    """
    if asked and told:
        return Next("delivered", told=told)
    if asked or following.state != "delivered":
        return replace(following, told=told)
    if told == len(NUDGES):
        return Next("delivered", told=told + 1)
    return Next("pending", NUDGES[told] * (1 + JITTER * chance), told=told + 1)
