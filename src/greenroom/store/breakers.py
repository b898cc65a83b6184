"""Queries on circuit breakers; a destination without a row is healthy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from greenroom.model.breakers import FULL_LIMIT, Breaker, Failure
from greenroom.store.db import Row, Tx, marks, to_json


async def lock(tx: Tx, destination_id: str) -> tuple[Breaker, int]:
    """Locks a destination's breaker; returns it and the database's time in ms since 1970."""
    row = await tx.one(
        "INSERT INTO breakers (destination_id, failures, trips, open_until, room, last_error, told) "
        "VALUES ($1, 0, 0, 0, $2, '', 0) ON CONFLICT (destination_id) DO UPDATE SET room = breakers.room "
        "RETURNING *, now_ms() AS now",
        destination_id,
        FULL_LIMIT,
    )
    assert row is not None  # noqa: S101 - just written
    return read(row), row["now"]


async def save(tx: Tx, destination_id: str, breaker: Breaker | None) -> None:
    """Saves a locked breaker; None deletes it."""
    if breaker is None:
        await tx.run("DELETE FROM breakers WHERE destination_id = $1", destination_id)
        return
    await tx.run(
        "UPDATE breakers SET failures = $2, trips = $3, open_until = $4, room = $5, last_error = $6, "
        "told = $7, failure = $8 WHERE destination_id = $1",
        destination_id,
        breaker.failures,
        breaker.trips,
        breaker.open_until,
        breaker.limit,
        breaker.last_error,
        int(breaker.notified),
        to_json(asdict(breaker.failure)) if breaker.failure else "",
    )


async def clear_failure(tx: Tx, destination_id: str) -> None:
    """Clears the failure of a destination, whose endpoint answered well outside the queue."""
    await tx.run("UPDATE breakers SET failure = '' WHERE destination_id = $1", destination_id)


async def find(tx: Tx, destination_ids: Sequence[str]) -> dict[str, tuple[Breaker, int]]:
    """Returns the breakers of those of these destinations that have one, each with the database's time in ms."""
    if not destination_ids:
        return {}
    rows = await tx.all(
        f"SELECT breakers.*, now_ms() AS now FROM breakers WHERE destination_id IN ({marks(destination_ids)})",  # noqa: S608
        *destination_ids,
    )
    return {row["destination_id"]: (read(row), row["now"]) for row in rows}


def read(row: Row) -> Breaker:
    """Returns the breaker of a row that has at least the columns of `breakers`."""
    return Breaker(
        failures=row["failures"],
        trips=row["trips"],
        open_until=row["open_until"],
        limit=row["room"],
        last_error=row["last_error"],
        notified=bool(row["told"]),
        failure=Failure(**json.loads(row["failure"])) if row["failure"] else None,
    )
