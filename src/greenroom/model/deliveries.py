"""Deliveries of events to destinations: states, retry schedules and limits. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from greenroom.errors import GiveUp, RemoteError, TryLater

Lane = Literal["vendor", "ats"]
State = Literal["pending", "delivered", "dead", "held", "cancelled"]
Trigger = Literal["auto", "manual", "replay", "test", "nudge"]
#: queues of pending deliveries: manual (`hand`), new (`first`), retry (`again`) and replayed ones
Queue = Literal["hand", "first", "again", "replay"]

#: concurrency slots of one worker: attempts in flight at the most
SLOTS = 256
#: concurrency limit of each queue, in the order in which they are served. A million retries leave 64 slots to other
#: deliveries, any number of new ones leaves 32 slots, and manual ones may use every slot
SHARES: dict[Queue, int] = {"hand": SLOTS, "first": 224, "again": 192, "replay": 32}
#: concurrency limit of one destination over all workers. A destination that never answers occupies a quarter of one
#: worker's slots; a fast one needs this many to keep a worker's processor busy while the next deliveries are claimed
PER_DESTINATION = 64

#: retry schedules: the waits before attempts 1, 2, …; jitter only lengthens them
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

#: a delivery is dead-lettered when it was due for this long and its destination's breaker is open
PATIENCE = timedelta(days=7)

#: attempts that may fail on an internal error before a delivery is dead-lettered
OWN_FAILURES = 3

#: largest jitter, as a fraction of the wait
JITTER = 0.1


@dataclass(frozen=True)
class Claimed:
    """
    A delivery that this worker has claimed until its lease expires.

    `attempt` is the number of this attempt, from 1; `step` is its number since the retry schedule last began.
    `nudge_count` is how many notifications the ATS has acknowledged before without requesting the result.
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
    nudge_count: int
    lease: str
    payload: str
    created_at: datetime
    #: the traceparent of the request that caused its event, if tracing was on
    trace: str | None = None


@dataclass(frozen=True)
class Nudging:
    """
    Repeated notifications of an ATS that acknowledged a notification and has not requested the result.

    `waits` come before each nudge. `unread` is what the order says after the last one, with `{times}` for the number of
    notifications.
    """

    waits: tuple[timedelta, ...]
    unread: str


@dataclass(frozen=True)
class Next:
    """The next state of a delivery; `wait` before the next attempt while pending; `nudge_count` as in `Claimed`."""

    state: State
    wait: timedelta | None = None
    nudge_count: int = 0


def after_attempt(lane: Lane, step: int, fault: RemoteError | None, *, chance: float) -> Next:
    """
    Returns the next state of a delivery after attempt number `step` of its schedule (from 1).

    `chance` in [0, 1) sets the jitter. A wait that the endpoint asked for (`TryLater.wait`) only lengthens the wait.
    """
    if fault is None:
        return Next("delivered")
    schedule = SCHEDULES[lane]
    last = OWN_FAILURES if fault.kind == "internal" else len(schedule)
    if isinstance(fault, GiveUp) or step >= last:
        return Next("dead")
    asked = fault.wait if isinstance(fault, TryLater) else None
    return Next("pending", max(schedule[step], asked or timedelta(0)) * (1 + JITTER * chance))


def nudge_until_read(
    following: Next, nudge_count: int, waits: Sequence[timedelta], *, asked: bool, chance: float
) -> Next:
    """
    Returns the next state of a delivery to an ATS: nudges the ATS a few times until it requests the result.

    `waits` are those of `Nudging`. `following` is the state without nudges, `nudge_count` how many notifications the
    ATS acknowledged before this attempt, `asked` whether it has requested the result.
    """
    if asked and nudge_count:
        return Next("delivered", nudge_count=nudge_count)
    if asked or following.state != "delivered":
        return replace(following, nudge_count=nudge_count)
    if nudge_count == len(waits):
        return Next("delivered", nudge_count=nudge_count + 1)
    return Next("pending", waits[nudge_count] * (1 + JITTER * chance), nudge_count=nudge_count + 1)
