"""
The funnel of orders: how many reach each stage, per day in the database and since its start in each process.

The metrics are counters of the process whose commit moved an order: their sum over all `serve` and `work` processes is
right, and Prometheus' `increase` bridges restarts. A gauge from the database would count all orders at each scrape, and
every process would show the same number. When a process dies, its counts since the last scrape are missing from the
metrics; `list_days` reads the database and misses none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

from prometheus_client import Counter, Histogram

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import BadRequest
from greenroom.model.funnel import STAGES, FunnelDay, Reached
from greenroom.model.orders import Order
from greenroom.security.tokens import first_id
from greenroom.store import order_days as day_rows
from greenroom.store.db import Tx, from_ms, to_ms

P = ParamSpec("P")
T = TypeVar("T", bound=Order | None)

#: days that Home shows and that maintenance counts, and those of the longest range
DAYS = 7
MOST_DAYS = 92
#: how long after its end a day is counted: a change of its last moment is committed by then
SETTLED = timedelta(minutes=10)
DAY = timedelta(days=1)
EARLIEST = date(2000, 1, 1)

REACHED = Counter(
    "greenroom_order_stages",
    "Stages of the funnel that orders reached by a commit of this process, by ATS.",
    ["stage", "provider"],
)
AFTER = Histogram(
    "greenroom_order_stage_seconds",
    "From placing an order to each later stage of the funnel.",
    ["stage"],
    buckets=(1, 10, 60, 600, 3600, 21600, 86400, 259200, 604800, 1209600, 2592000),
)
# looking up a labelled child takes several times as long as incrementing its counter
_reached = cache(REACHED.labels)
_after = cache(AFTER.labels)


def show_from_zero(providers: Iterable[str]) -> None:
    """Makes the counters exist before the first order: Prometheus sees no increase in a series that begins at 1."""
    for stage in STAGES:
        for provider in providers:
            _reached(stage, provider)
        if stage != "ordered":
            _after(stage)


def count(reached: Reached) -> None:
    """Counts a stage that an order has reached; called after the commit."""
    _reached(reached.stage, reached.provider).inc()
    if reached.stage != "ordered":
        _after(reached.stage).observe(max(0.0, reached.after.total_seconds()))


def counted(
    service: Callable[Concatenate[Context, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """Counts the stages that the returned order has reached by the committed transaction of a service."""

    @wraps(service)
    async def run(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        order = await service(ctx, *args, **kwargs)
        for reached in order.list_reached() if order is not None else ():
            count(reached)
        return order

    return run


def check_range(first: date | None, last: date | None, *, today: date) -> tuple[date, date]:
    """
    Returns the first and the last day of a range; without a last day it ends today, without a first it has `DAYS` days.

    Raises:
        BadRequest: the range is empty, longer than `MOST_DAYS`, in the future, or before `EARLIEST`.
    """
    last = last or today
    first = first or max(EARLIEST, last - DAY * (DAYS - 1))
    if last > today:
        raise BadRequest(f"to: {last} is in the future. Today is {today} in UTC.", errors=["to: is in the future"])
    if not EARLIEST <= first <= last:
        raise BadRequest(
            f"from: {first} is not between {EARLIEST} and `to`, which is {last}. Leave out `to` for today.",
            errors=["from: is not a day before `to`"],
        )
    if (last - first).days >= MOST_DAYS:
        raise BadRequest(
            f"from: {first} to {last} is {(last - first).days + 1} days; {MOST_DAYS} is the most. Use several ranges.",
            errors=[f"from: more than {MOST_DAYS} days before `to`"],
        )
    return first, last


@snapshot
async def list_days(_: Context, tx: Tx, project_id: str, first: date, last: date) -> list[FunnelDay]:
    """Counts the orders of a project that reached each stage, for each day of a range that `check_range` returned."""
    start = datetime.combine(first, time(), UTC)
    return await read_days(tx, project_id, [start + DAY * number for number in range((last - first).days + 2)])


async def read_days(tx: Tx, project_id: str, starts: Sequence[datetime]) -> list[FunnelDay]:
    """Counts as `list_days` does, inside another service's transaction; the last of `starts` is the end."""
    rows = await day_rows.count(tx, project_id, [_bounds(start) for start in starts[:-1]])
    return [FunnelDay(from_ms(row["day"]), **{name: int(row[name]) for name in day_rows.COUNTED}) for row in rows]


async def count_next_day(ctx: Context) -> bool:
    """Counts one finished day of one project, so that it is not counted again; returns False when there is none."""
    day = await _add_day(ctx)
    if day is None:
        return False
    await _count_day(ctx, *day)
    return True


@transaction
async def _add_day(ctx: Context, tx: Tx) -> tuple[str, int] | None:
    starts = list_starts(ctx.now() - SETTLED, DAYS)[:-2]  # without the day that is not over
    found = await day_rows.find_uncounted(tx, [to_ms(start) for start in starts])
    if found is not None:
        await day_rows.add(tx, *found)
    return found


@transaction
async def _count_day(_: Context, tx: Tx, project_id: str, day: int) -> None:
    if await day_rows.lock(tx, project_id, day):  # else the project was deleted
        await day_rows.save(tx, (await day_rows.count(tx, project_id, [_bounds(from_ms(day))]))[0])


async def forget_days(tx: Tx, project_id: str, times: Sequence[datetime | None]) -> None:
    """Lets the days of these times be counted again, inside another service's transaction."""
    midnights = [at.replace(hour=0, minute=0, second=0, microsecond=0) for at in times if at is not None]
    await day_rows.forget(tx, project_id, [to_ms(midnight) for midnight in midnights])


def list_starts(now: datetime, days: int) -> list[datetime]:
    """Returns the starts of the last days in UTC, oldest first, and the start of tomorrow."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    return [tomorrow - DAY * number for number in range(days, -1, -1)]


def _bounds(start: datetime) -> tuple[int, int, str, str]:
    return to_ms(start), to_ms(start + DAY), first_id("ord", start), first_id("ord", start + DAY)
