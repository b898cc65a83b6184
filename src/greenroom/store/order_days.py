"""Counts of orders per day in UTC by stage of the funnel; finished days are counted once and stored."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import ColumnType, Row, Tx

#: the counted columns: stages of the funnel
COUNTED = ("ordered", "notified", "invited", "started", "done", "acknowledged")
_GIVEN: dict[str, ColumnType] = {
    "project_id": "TEXT",
    "day": "BIGINT",
    "next_day": "BIGINT",
    "first_id": "TEXT",
    "next_id": "TEXT",
}


def _live(table: str, condition: str) -> str:
    return f"(SELECT count(*) FROM {table} WHERE {table}.project_id = given.project_id AND {condition})"  # noqa: S608


def _at(table: str, column: str) -> str:
    # "IS NOT NULL" is what the partial indexes require
    return _live(table, f"{column} IS NOT NULL AND {column} >= given.day AND {column} < given.next_day")


#: stored counts are null where there are none; the subquery beside them then counts from an index alone
_COUNT = (
    "SELECT given.project_id, given.day, "  # noqa: S608
    f"coalesce(stored.ordered, {_live('orders', 'id >= given.first_id AND id < given.next_id')}) AS ordered, "
    f"coalesce(stored.notified, {_at('deliveries', 'notified_at')}) AS notified, "
    f"coalesce(stored.invited, {_at('orders', 'invited_at')}) AS invited, "
    f"coalesce(stored.started, {_at('orders', 'started_at')}) AS started, "
    f"coalesce(stored.resulted, {_at('orders', 'result_at')}) AS done, "
    f"coalesce(stored.was_read, {_at('orders', 'acknowledged_at')}) AS acknowledged "
    "FROM {given} LEFT JOIN (SELECT project_id, day, notified, invited, started, "
    "CASE WHEN is_counted = 1 THEN ordered END AS ordered, CASE WHEN is_counted = 1 THEN resulted END AS resulted, "
    "CASE WHEN is_counted = 1 THEN was_read END AS was_read FROM order_days) AS stored "
    "ON stored.project_id = given.project_id AND stored.day = given.day ORDER BY given.day"
)


async def count(tx: Tx, project_id: str, days: Sequence[tuple[int, int, str, str]]) -> Sequence[Row]:
    """
    Counts a project's orders by stage (`COUNTED`) for each of these days, oldest first.

    A day is its start and end, in ms since 1970 and as ids of orders.
    """
    return await tx.run_rows(_COUNT, _GIVEN, [(project_id, *day) for day in days])


async def find_uncounted(tx: Tx, days: Sequence[int]) -> tuple[str, int] | None:
    """Returns a project and one of these days that is not counted for it; None when all are."""
    row = await tx.one(
        "SELECT p.id, d.day FROM projects p CROSS JOIN "  # noqa: S608
        f"({' UNION ALL '.join(f'SELECT CAST(${number} AS BIGINT) AS day' for number in range(1, len(days) + 1))}) d "
        "WHERE p.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM order_days o WHERE o.project_id = p.id "
        "AND o.day = d.day AND o.is_counted = 1) LIMIT 1",
        *days,
    )
    return (row["id"], int(row["day"])) if row else None


async def add(tx: Tx, project_id: str, day: int) -> None:
    """Adds an uncounted day unless it exists."""
    await tx.run(
        "INSERT INTO order_days (project_id, day) VALUES ($1, $2) ON CONFLICT (project_id, day) DO NOTHING",
        project_id,
        day,
    )


async def lock(tx: Tx, project_id: str, day: int) -> bool:
    """Locks a day until this transaction ends, so that `forget` waits; returns False if there is no such row."""
    return await tx.run("UPDATE order_days SET is_counted = 0 WHERE project_id = $1 AND day = $2", project_id, day) == 1


async def save(tx: Tx, counts: Row) -> None:
    """
    Stores the counts of a day, as `count` returned them.

    Those of `notified`, `invited` and `started` never change later, also when the deliveries have been deleted.
    """
    await tx.run(
        "UPDATE order_days SET ordered = $3, notified = $4, invited = $5, started = $6, resulted = $7, was_read = $8, "
        "is_counted = 1 WHERE project_id = $1 AND day = $2",
        counts["project_id"],
        counts["day"],
        *(counts[name] for name in COUNTED),
    )


async def forget(tx: Tx, project_id: str, days: Sequence[int]) -> None:
    """Marks days as uncounted, since a time of one of their orders has changed."""
    for day in sorted(set(days)):
        await tx.run("UPDATE order_days SET is_counted = 0 WHERE project_id = $1 AND day = $2", project_id, day)
