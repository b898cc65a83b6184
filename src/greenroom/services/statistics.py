"""Figures per day for the charts: deliveries, response times, and how far orders come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.model.webhooks import Webhook
from greenroom.security.tokens import first_id
from greenroom.store import order_days as order_day_rows
from greenroom.store import statistics as statistic_rows
from greenroom.store.db import Tx, from_ms, to_ms

DAYS = 7
#: how long after its end a day is counted: an order of its last moment is committed by then
SETTLED = timedelta(minutes=10)
#: deliveries of each day whose response times are looked at
SAMPLED = 200


@dataclass(frozen=True)
class DeliveryDay:
    """
    The deliveries to webhooks that were created on a day in UTC.

    `p50_ms` and `p95_ms` are response times of the newest `SAMPLED` deliveries of the day that an endpoint accepted;
    None for none.
    """

    start: datetime
    delivered: int
    failed: int
    waiting: int
    p50_ms: int | None = None
    p95_ms: int | None = None


@dataclass(frozen=True)
class OrderDay:
    """What happened on a day in UTC: orders received, results recorded, results that an ATS has read."""

    start: datetime
    ordered: int
    resulted: int
    read: int


@snapshot
async def delivery_days(
    ctx: Context, tx: Tx, project_id: str, webhook: Webhook, *, days: int = DAYS
) -> list[DeliveryDay]:
    """Counts the deliveries of one webhook of a project for each of the last days, oldest first."""
    starts = _starts(ctx.now(), days)
    bounds = [first_id("dlv", start) for start in starts]
    counts = {
        (row["period"], row["step"]): int(row["n"])
        for row in await statistic_rows.count_deliveries(tx, [webhook.id], bounds)
    }
    durations: list[list[int]] = [[] for _ in range(days)]
    for row in await statistic_rows.sample_durations(tx, webhook.id, bounds, most=SAMPLED):
        durations[row["period"]].append(int(row["duration_ms"]))
    return _delivery_days(starts, counts, durations)


@snapshot
async def project_days(
    ctx: Context, tx: Tx, project_id: str, webhooks: Sequence[Webhook], *, days: int = DAYS
) -> tuple[list[OrderDay], list[DeliveryDay]]:
    """
    Counts a project's orders, and the deliveries to its webhooks without response times, for each of the last days.

    `webhooks` are those of the project; events that no webhook takes count as waiting.
    """
    starts = _starts(ctx.now(), days)
    rows = await statistic_rows.count_project(
        tx, project_id, [*(one.id for one in webhooks), project_id], [first_id("dlv", start) for start in starts],
        [first_id("ord", start) for start in starts], [to_ms(start) for start in starts],
    )  # fmt: skip
    counts = {(row["period"], row["step"]): int(row["n"]) for row in rows}
    return _order_days(starts, counts), _delivery_days(starts, counts, [[] for _ in range(days)])


def _order_days(starts: Sequence[datetime], counts: Mapping[tuple[int, str], int]) -> list[OrderDay]:
    return [
        OrderDay(start, counts[number, "ordered"], counts[number, "resulted"], counts[number, "read"])
        for number, start in enumerate(starts[:-1])
    ]


def _delivery_days(
    starts: Sequence[datetime], counts: Mapping[tuple[int, str], int], durations: Sequence[Sequence[int]]
) -> list[DeliveryDay]:
    return [
        DeliveryDay(
            start,
            delivered=counts.get((number, "delivered"), 0),
            failed=counts.get((number, "dead"), 0),
            waiting=counts.get((number, "pending"), 0) + counts.get((number, "held"), 0),
            p50_ms=percentile(durations[number], 0.5),
            p95_ms=percentile(durations[number], 0.95),
        )
        for number, start in enumerate(starts[:-1])
    ]


@snapshot
async def order_days(ctx: Context, tx: Tx, project_id: str, *, days: int = DAYS) -> list[OrderDay]:
    """Counts a project's orders, results and read results for each of the last days, oldest first."""
    starts = _starts(ctx.now(), days)
    rows = await statistic_rows.count_orders(
        tx, project_id, [first_id("ord", start) for start in starts], [to_ms(start) for start in starts]
    )
    counts = {(row["period"], row["step"]): int(row["n"]) for row in rows}
    return [
        OrderDay(start, counts[number, "ordered"], counts[number, "resulted"], counts[number, "read"])
        for number, start in enumerate(starts[:-1])
    ]


async def count_next_day(ctx: Context) -> bool:
    """Counts one finished day of one project, for `order_days`; returns False when there is none to count."""
    day = await _add_day(ctx)
    if day is None:
        return False
    await _count_day(ctx, *day)
    return True


@transaction
async def _add_day(ctx: Context, tx: Tx) -> tuple[str, int] | None:
    starts = _starts(ctx.now() - SETTLED, DAYS)[:-2]  # without the day that is not over
    found = await order_day_rows.find_uncounted(tx, [to_ms(start) for start in starts])
    if found is not None:
        await order_day_rows.add(tx, *found)
    return found


@transaction
async def _count_day(_: Context, tx: Tx, project_id: str, day: int) -> None:
    if not await order_day_rows.lock(tx, project_id, day):
        return  # the project was deleted
    bounds = [from_ms(day), from_ms(day) + timedelta(days=1)]
    rows = await statistic_rows.count_orders(
        tx, project_id, [first_id("ord", bound) for bound in bounds], [to_ms(bound) for bound in bounds]
    )
    counts = {row["step"]: int(row["n"]) for row in rows}
    await order_day_rows.save(
        tx, project_id, day, ordered=counts["ordered"], resulted=counts["resulted"], was_read=counts["read"]
    )


async def forget_days(tx: Tx, project_id: str, times: Sequence[datetime | None]) -> None:
    """Lets the days of these times be counted again, inside another service's transaction."""
    midnights = [at.replace(hour=0, minute=0, second=0, microsecond=0) for at in times if at is not None]
    await order_day_rows.forget(tx, project_id, [to_ms(midnight) for midnight in midnights])


def percentile(values: Sequence[int], share: float) -> int | None:
    """Returns the smallest value that is not exceeded by this share of the values; None for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def _starts(now: datetime, days: int) -> list[datetime]:
    """Returns the starts of the last days in UTC, oldest first, and the start of tomorrow."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return [tomorrow - timedelta(days=number) for number in range(days, -1, -1)]
