"""
Claims and leases of deliveries.

A pending delivery is due at `due_at`. A claim sets `due_at` to the expiry of the lease and stores a lease token. When
the lease has expired or its worker is dead, `interrupt` makes the delivery due again. The token is a fencing token: a
late worker's token no longer matches, so its writes change nothing. The cost of each statement does not depend on the
length of the queues: the index is stepped through from one destination to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenroom.model.breakers import Breaker
from greenroom.model.deliveries import SHARES, Claimed, Queue, Trigger
from greenroom.model.rates import Bucket
from greenroom.store import breakers as breaker_rows
from greenroom.store.db import Row, Tx, from_ms

_CLAIMED = (
    "deliveries.id, deliveries.project_id, event_id, deliveries.order_id, deliveries.account_id, lane, "
    "deliveries.destination_id, event_name, queue, trigger, attempts, attempts_before, deliveries.told, lease, "
    "payload, trace, deliveries.created_at"
)


async def take_claim_lock(tx: Tx) -> None:
    """Takes the claim lock, so that no other worker changes the counts of deliveries in flight."""
    await tx.run("UPDATE claim_turn SET id = id")


@dataclass(frozen=True)
class Candidate:
    """
    A destination with pending deliveries in a queue.

    `due` is the number of due deliveries, counted up to a limit; `held` the attempts in flight of all other workers;
    `expired` the expired leases. `breaker` is None for a healthy destination, `bucket` for one without a rate limit.
    `now` is the database's time in ms since 1970.
    """

    destination_id: str
    due: int
    held: int
    expired: int
    breaker: Breaker | None
    bucket: Bucket | None
    now: int


async def find_candidates(
    tx: Tx, begins: Mapping[Queue, str], *, steps: int, most: int, over_ms: int, but: str
) -> dict[Queue, list[Candidate]]:
    """
    Returns the next batch of candidates of each queue, by id, after the given id.

    A batch has up to `steps` destinations. Due deliveries are counted up to `most`. In flight are those whose lease
    expires in more than `over_ms` and does not begin with `but`.
    """
    starts = ", ".join(f"(CAST(${2 * n + 6} AS TEXT), CAST(${2 * n + 7} AS TEXT))" for n in range(len(begins)))
    rows = await tx.all(
        f"WITH RECURSIVE begins(queue, after) AS (VALUES {starts}), walk(queue, id, step) AS ("  # noqa: S608
        "SELECT queue, (SELECT destination_id FROM deliveries WHERE state = 'pending' AND queue = begins.queue "
        "AND destination_id > begins.after ORDER BY destination_id LIMIT 1), 1 FROM begins "
        "UNION ALL "
        "SELECT queue, (SELECT destination_id FROM deliveries WHERE state = 'pending' AND queue = walk.queue "
        "AND destination_id > walk.id ORDER BY destination_id LIMIT 1), step + 1 "
        "FROM walk WHERE id IS NOT NULL AND step < $1), "
        # the expressions leave only the small index on leases usable; only pending deliveries have a lease
        "leased(id, held, expired) AS (SELECT destination_id || '', "
        "count(*) FILTER (WHERE due_at > now_ms()), count(*) FILTER (WHERE due_at <= now_ms()) FROM deliveries "
        "WHERE lease > '' AND (due_at <= now_ms() OR due_at - now_ms() > $3 AND substr(lease, 1, $4) <> $5) "
        "GROUP BY destination_id || '') "
        "SELECT walk.queue, walk.id, coalesce(leased.held, 0) AS held, coalesce(leased.expired, 0) AS expired, "
        "breakers.*, rate_limit, rate_spent_to, "
        "(SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' "
        "AND queue = walk.queue AND destination_id = walk.id AND due_at <= now_ms() LIMIT $2) AS ready) AS due, "
        "now_ms() AS now FROM walk LEFT JOIN leased ON leased.id = walk.id "
        "LEFT JOIN breakers ON breakers.destination_id = walk.id "
        "LEFT JOIN webhooks ON webhooks.id = walk.id AND rate_limit IS NOT NULL "
        "WHERE walk.id IS NOT NULL ORDER BY walk.queue, walk.id",
        steps,
        most,
        over_ms,
        len(but),
        but,
        *(value for begin in begins.items() for value in begin),
    )
    found: dict[Queue, list[Candidate]] = {queue: [] for queue in begins}
    for row in rows:
        breaker = breaker_rows.read(row) if row["destination_id"] is not None else None
        bucket = Bucket(row["rate_limit"], row["rate_spent_to"]) if row["rate_limit"] is not None else None
        found[row["queue"]].append(
            Candidate(row["id"], row["due"], row["held"], row["expired"], breaker, bucket, row["now"])
        )
    return found


async def claim(tx: Tx, shares: Sequence[tuple[Queue, str, int]], *, lease: str, lease_ms: int) -> list[Claimed]:
    """
    Claims due deliveries, up to a number for each queue and destination, the longest due first.

    Deliveries with an expired lease are not claimed: `interrupt` makes them due again.
    """
    if not shares:
        return []
    await tx.many(
        "UPDATE deliveries SET lease = $1, due_at = now_ms() + $2, attempts = attempts + 1 WHERE id IN "
        "(SELECT id FROM deliveries WHERE state = 'pending' AND queue = $3 AND destination_id = $4 "
        "AND due_at <= now_ms() AND lease IS NULL ORDER BY due_at LIMIT $5 {skip_locked})",
        [(lease, lease_ms, *share) for share in shares],
    )
    rows = await tx.all(
        f"SELECT {_CLAIMED} FROM deliveries JOIN events ON events.id = deliveries.event_id WHERE lease = $1",  # noqa: S608
        lease,
    )
    return [_claimed(row) for row in rows]


async def find_overdue(tx: Tx, *, over_ms: int, most: int) -> list[Claimed]:
    """
    Returns unclaimed deliveries that were due for more than `over_ms`, to destinations whose breaker is open.

    Only breakers that failures have opened count, not pauses that a destination asked for. The deliveries are not
    claimed; their `lease` is empty.
    """
    queues = ", ".join(f"'{queue}'" for queue in SHARES)
    rows = await tx.all(
        f"SELECT {_CLAIMED} FROM breakers JOIN deliveries ON deliveries.destination_id = breakers.destination_id "  # noqa: S608
        f"AND state = 'pending' AND queue IN ({queues}) AND due_at < now_ms() - $1 AND lease IS NULL "
        "JOIN events ON events.id = deliveries.event_id WHERE open_until > now_ms() AND trips > 0 LIMIT $2",
        over_ms,
        most,
    )
    return [_claimed(row) for row in rows]


async def release(tx: Tx, lease: str, delivery_ids: Sequence[str], *, error: str | None = None) -> None:
    """
    Releases claimed deliveries without an attempt, as if they had not been claimed.

    An `error` is stored as their last error.
    """
    await tx.many(
        "UPDATE deliveries SET lease = NULL, due_at = now_ms(), attempts = attempts - 1, "
        "last_error = COALESCE($3, last_error) WHERE id = $1 AND lease = $2",
        [(delivery_id, lease, error) for delivery_id in delivery_ids],
    )


async def hold(tx: Tx, lease: str, delivery_ids: Sequence[str]) -> None:
    """Releases claimed deliveries of a disabled webhook, and holds them until it is enabled."""
    await tx.many(
        "UPDATE deliveries SET state = 'held', lease = NULL, due_at = now_ms(), attempts = attempts - 1, "
        "updated_at = now_ms() WHERE id = $1 AND lease = $2",
        [(delivery_id, lease) for delivery_id in delivery_ids],
    )


@dataclass(frozen=True)
class Leased:
    """A delivery with a lease; `until` is the expiry, in ms since 1970."""

    id: str
    project_id: str
    lease: str
    attempt: int
    trigger: Trigger
    until: int

    @property
    def worker(self) -> str:
        """Returns the id of the worker that holds the lease."""
        return "_".join(self.lease.split("_", 2)[:2])


async def leased(tx: Tx, begins: str = "", *, expired: bool = False) -> list[Leased]:
    """
    Locks and returns the deliveries whose lease begins with `begins`, or only the `expired` ones of them.

    Skips rows that another transaction has locked, because their attempts are being completed.
    """
    rows = await tx.all(
        "SELECT id, project_id, lease, attempts, trigger, due_at FROM deliveries "  # noqa: S608
        "WHERE lease > '' AND substr(lease, 1, length($1)) = $1"
        f"{' AND due_at <= now_ms()' if expired else ''} {{skip_locked}}",
        begins,
    )
    return [
        Leased(*(row[name] for name in ("id", "project_id", "lease", "attempts", "trigger", "due_at"))) for row in rows
    ]


async def interrupt(tx: Tx, interrupted: Sequence[Leased]) -> None:
    """
    Ends leases of interrupted attempts; the deliveries are due now, before the others of their destination.

    The attempts stay counted, but do not advance the retry schedule.
    """
    await tx.run_rows(
        "UPDATE deliveries SET lease = NULL, attempts_before = attempts_before + 1, "
        "due_at = coalesce((SELECT min(due_at) - 1 FROM deliveries AS others WHERE others.state = 'pending' "
        "AND others.queue = deliveries.queue AND others.destination_id = deliveries.destination_id "
        "AND others.due_at <= now_ms()), now_ms()) "
        "FROM {given} WHERE deliveries.id = given.id AND deliveries.lease = given.lease",
        {"id": "TEXT", "lease": "TEXT"},
        [(one.id, one.lease) for one in interrupted],
    )


def _claimed(row: Row) -> Claimed:
    return Claimed(
        id=row["id"],
        project_id=row["project_id"],
        event_id=row["event_id"],
        order_id=row["order_id"],
        account_id=row["account_id"],
        lane=row["lane"],
        destination_id=row["destination_id"],
        event_name=row["event_name"],
        queue=row["queue"],
        trigger=row["trigger"],
        attempt=row["attempts"],
        step=row["attempts"] - row["attempts_before"],
        nudge_count=row["told"],
        lease=row["lease"] or "",
        payload=row["payload"],
        trace=row["trace"],
        created_at=from_ms(row["created_at"]),
    )
