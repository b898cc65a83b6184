"""Figures per day, counted from indexes alone."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks

#: states of deliveries that are counted
COUNTED = ("delivered", "dead", "pending", "held")


async def count_deliveries(tx: Tx, destination_ids: Sequence[str], bounds: Sequence[str]) -> Sequence[Row]:
    """
    Counts the deliveries to these destinations by `period` and `step`, which is their state.

    `bounds` are ids in their order: the period with number n has the ids from `bounds[n]` up to `bounds[n + 1]`.
    """
    if not destination_ids:
        return []
    counts = _delivery_counts(destination_ids, len(bounds))
    return await tx.all(" UNION ALL ".join(counts), *destination_ids, *bounds)


async def count_project(
    tx: Tx, project_id: str, destination_ids: Sequence[str], bounds: Sequence[str], ids: Sequence[str],
    times: Sequence[int],
) -> Sequence[Row]:  # fmt: skip
    """
    Counts deliveries as `count_deliveries` does, and orders by `period` and `step`: ordered, resulted and read.

    `ids` and `times` are the bounds of the same periods, as ids of orders and in ms since 1970.
    """
    first = len(destination_ids) + len(bounds) + 1
    counts = _delivery_counts(destination_ids, len(bounds)) + _order_counts(len(ids), first)
    return await tx.all(" UNION ALL ".join(counts), *destination_ids, *bounds, project_id, *ids, *times)


def _delivery_counts(destination_ids: Sequence[str], bounds: int) -> list[str]:
    """Returns a SELECT per period and state; its parameters are the destinations, then the bounds."""
    first = len(destination_ids) + 1
    return [
        f"SELECT {number} AS period, '{state}' AS step, count(*) AS n FROM deliveries "  # noqa: S608
        f"WHERE destination_id IN ({marks(destination_ids)}) AND state = '{state}' "
        f"AND id >= ${first + number} AND id < ${first + number + 1}"
        for number in range(bounds - 1)
        for state in COUNTED
    ]


async def sample_durations(tx: Tx, destination_id: str, bounds: Sequence[str], *, most: int) -> Sequence[Row]:
    """
    Returns `period` and `duration_ms` of successful attempts at the `most` newest deliveries of each period.

    Only those to one destination; `bounds` as in `count_deliveries`.
    """
    samples = [
        f"SELECT {number} AS period, duration_ms FROM attempts WHERE status BETWEEN 200 AND 299 AND delivery_id IN "  # noqa: S608
        f"(SELECT id FROM deliveries WHERE destination_id = $1 AND state = 'delivered' AND lane = 'vendor' "
        f"AND id >= ${3 + number} AND id < ${4 + number} ORDER BY id DESC LIMIT $2)"
        for number in range(len(bounds) - 1)
    ]
    return await tx.all(" UNION ALL ".join(samples), destination_id, most, *bounds)


async def count_orders(tx: Tx, project_id: str, ids: Sequence[str], times: Sequence[int]) -> Sequence[Row]:
    """Counts a project's orders as `count_project` does."""
    return await tx.all(" UNION ALL ".join(_order_counts(len(ids), 1)), project_id, *ids, *times)


def _order_counts(bounds: int, first: int) -> list[str]:
    """
    Returns a SELECT per period and step; its parameters from `$first` on are the project, ids and times.

    A day that maintenance has counted is read from `order_days`.
    """
    counts = []
    for number in range(bounds - 1):
        by_id, by_time = first + 1 + number, first + 1 + bounds + number
        for step, stored, condition in (
            ("ordered", "ordered", f"id >= ${by_id} AND id < ${by_id + 1}"),
            ("resulted", "resulted", _between("result_at", by_time)),
            ("read", "was_read", _between("acknowledged_at", by_time)),
        ):
            # the second subquery runs only where the first has no row
            counts.append(
                f"SELECT {number} AS period, '{step}' AS step, coalesce((SELECT {stored} FROM order_days "  # noqa: S608
                f"WHERE project_id = ${first} AND day = ${by_time} AND is_counted = 1), "
                f"(SELECT count(*) FROM orders WHERE project_id = ${first} AND {condition})) AS n"
            )
    return counts


def _between(column: str, first: int) -> str:
    return f"{column} IS NOT NULL AND {column} >= ${first} AND {column} < ${first + 1}"
