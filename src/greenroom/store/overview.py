"""Counts of deliveries and breakers for the metrics, over all workers, from indexes alone."""

from __future__ import annotations

from greenroom.store.db import Tx


async def stuck(tx: Tx) -> dict[str, int]:
    """Counts held and dead-lettered deliveries."""
    rows = await tx.all("SELECT state, count(*) AS n FROM deliveries WHERE state IN ('held', 'dead') GROUP BY state")
    return {"held": 0, "dead": 0} | {row["state"]: row["n"] for row in rows}


async def held_for_projects(tx: Tx) -> tuple[int, float]:
    """Returns the number of events held for projects and the age of the oldest, in seconds; 0 for none."""
    row = await tx.one(
        "SELECT sum(n) AS n, now_ms() - min(oldest) AS age FROM (SELECT "
        "(SELECT count(*) FROM deliveries WHERE destination_id = projects.id AND state = 'held') AS n, "
        "(SELECT created_at FROM deliveries WHERE destination_id = projects.id AND state = 'held' ORDER BY id LIMIT 1) "
        "AS oldest FROM projects) AS held"
    )
    return (int(row["n"] or 0), max(0, row["age"] or 0) / 1000) if row else (0, 0.0)


async def leased(tx: Tx) -> int:
    """Counts deliveries in flight."""
    row = await tx.one(
        "SELECT count(*) AS n FROM deliveries WHERE lease IS NOT NULL AND state = 'pending' AND due_at > now_ms()"
    )
    return int(row["n"]) if row else 0


async def queue_full_projects(tx: Tx, *, limit: int) -> frozenset[str]:
    """Returns the projects that have `limit` pending or held deliveries for one webhook, or for the project."""
    rows = await tx.all(
        "SELECT DISTINCT project_id FROM (SELECT project_id, id FROM webhooks UNION ALL SELECT id, id FROM projects) "
        "AS destinations WHERE (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE destination_id = destinations.id "
        "AND state IN ('pending', 'held') LIMIT $1) AS waiting) >= $1",
        limit,
    )
    return frozenset(row["project_id"] for row in rows)


async def breakers(tx: Tx, *, full_limit: int) -> dict[str, int]:
    """Counts open and half-open breakers."""
    rows = await tx.all(
        "SELECT CASE WHEN open_until > now_ms() THEN 'open' ELSE 'half_open' END AS state, count(*) AS n "
        "FROM breakers WHERE open_until > now_ms() OR room < $1 GROUP BY 1",
        full_limit,
    )
    return {"open": 0, "half_open": 0} | {row["state"]: row["n"] for row in rows}
