"""Figures per day for the charts: deliveries, response times, and how far orders come (`services.funnel`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.model.funnel import FunnelDay
from greenroom.model.webhooks import Webhook
from greenroom.security.tokens import first_id
from greenroom.services import funnel
from greenroom.services.funnel import DAYS
from greenroom.store import statistics as statistic_rows
from greenroom.store.db import Tx

#: hours of a webhook that the list shows
HOURS = 24
#: deliveries of each day whose response times are looked at
SAMPLED = 100


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


@snapshot
async def delivery_days(
    ctx: Context, tx: Tx, project_id: str, webhook: Webhook, *, days: int = DAYS
) -> list[DeliveryDay]:
    """Counts the deliveries of one webhook of a project for each of the last days, oldest first."""
    starts = funnel.list_starts(ctx.now(), days)
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
async def delivery_hours(ctx: Context, tx: Tx, webhook_ids: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Counts, by webhook, what was delivered and given up of the events of each of the last `HOURS`, oldest first."""
    end = ctx.now() + timedelta(seconds=1)  # with the deliveries of this millisecond
    bounds = [first_id("dlv", end - timedelta(hours=number)) for number in range(HOURS, -1, -1)]
    found = {one: [[0, 0] for _ in range(HOURS)] for one in webhook_ids}
    for row in await statistic_rows.count_ended(tx, webhook_ids, bounds):
        found[row["destination_id"]][row["period"]][row["state"] == "dead"] = int(row["n"])
    return {one: [(delivered, failed) for delivered, failed in hours] for one, hours in found.items()}


@snapshot
async def project_days(
    ctx: Context, tx: Tx, project_id: str, webhooks: Sequence[Webhook], *, days: int = DAYS
) -> tuple[list[FunnelDay], list[DeliveryDay]]:
    """
    Counts a project's orders, and the deliveries to its webhooks without response times, for each of the last days.

    `webhooks` are those of the project; events that no webhook takes count as waiting.
    """
    starts = funnel.list_starts(ctx.now(), days)
    rows = await statistic_rows.count_deliveries(
        tx, [*(one.id for one in webhooks), project_id], [first_id("dlv", start) for start in starts]
    )
    counts = {(row["period"], row["step"]): int(row["n"]) for row in rows}
    return await funnel.read_days(tx, project_id, starts), _delivery_days(starts, counts, [[] for _ in range(days)])


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


def percentile(values: Sequence[int], share: float) -> int | None:
    """Returns the smallest value that is not exceeded by this share of the values; None for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
