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
    first = len(destination_ids) + 1
    counts = [
        f"SELECT {number} AS period, '{state}' AS step, count(*) AS n FROM deliveries "  # noqa: S608
        f"WHERE destination_id IN ({marks(destination_ids)}) AND state = '{state}' "
        f"AND id >= ${first + number} AND id < ${first + number + 1}"
        for number in range(len(bounds) - 1)
        for state in COUNTED
    ]
    return await tx.all(" UNION ALL ".join(counts), *destination_ids, *bounds)


async def count_ended(tx: Tx, destination_ids: Sequence[str], bounds: Sequence[str]) -> Sequence[Row]:
    """Counts delivered and dead-lettered deliveries by `destination_id`, `period` (as above) and `state`."""
    if not destination_ids:
        return []
    first = len(destination_ids) + 1
    cases = " ".join(f"WHEN id < ${first + number} THEN {number - 1}" for number in range(1, len(bounds)))
    return await tx.all(
        f"SELECT destination_id, CASE {cases} END AS period, state, count(*) AS n FROM deliveries "  # noqa: S608
        f"WHERE destination_id IN ({marks(destination_ids)}) AND state IN ('delivered', 'dead') "
        f"AND id >= ${first} AND id < ${first + len(bounds) - 1} GROUP BY 1, 2, 3",
        *destination_ids,
        *bounds,
    )


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
