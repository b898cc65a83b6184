"""How the queues stand, over all workers: counts that an index answers."""

from __future__ import annotations

from greenroom.store.db import Tx


async def stuck(tx: Tx) -> dict[str, int]:
    """How many deliveries are held, and how many dead."""
    rows = await tx.all("SELECT state, count(*) AS n FROM deliveries WHERE state IN ('held', 'dead') GROUP BY state")
    return {"held": 0, "dead": 0} | {row["state"]: row["n"] for row in rows}


async def leased(tx: Tx) -> int:
    """How many deliveries are under way."""
    row = await tx.one(
        "SELECT count(*) AS n FROM deliveries WHERE lease IS NOT NULL AND state = 'pending' AND due_at > now_ms()"
    )
    return int(row["n"]) if row else 0


async def crowded(tx: Tx, *, limit: int) -> frozenset[str]:
    """The projects with a webhook for which so many deliveries wait, held ones included."""
    rows = await tx.all(
        "SELECT DISTINCT project_id FROM webhooks WHERE (SELECT count(*) FROM (SELECT 1 FROM deliveries "
        "WHERE destination_id = webhooks.id AND state IN ('pending', 'held') LIMIT $1) AS waiting) >= $1",
        limit,
    )
    return frozenset(row["project_id"] for row in rows)


async def breakers(tx: Tx, *, whole_room: int) -> dict[str, int]:
    """How many breakers are open, and how many half-open."""
    rows = await tx.all(
        "SELECT CASE WHEN open_until > now_ms() THEN 'open' ELSE 'half_open' END AS state, count(*) AS n "
        "FROM breakers WHERE open_until > now_ms() OR room < $1 GROUP BY 1",
        whole_room,
    )
    return {"open": 0, "half_open": 0} | {row["state"]: row["n"] for row in rows}
