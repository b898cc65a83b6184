"""
Claims: which worker holds which delivery, and until when.

A pending delivery is due at `due_at`. A claim puts that to the end of its lease and leaves a token: once the lease has
expired, or its worker has died, `interrupt` makes the row due again, and the token of a worker that wakes too late no
longer fits. Every statement here costs the same however long the queues are: destinations are found by hopping over the
index from one to the next.
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


async def wait_turn(tx: Tx) -> None:
    """One claim at a time over all workers, so that what is under way to a destination can be counted."""
    await tx.run("UPDATE claim_turn SET id = id")


@dataclass(frozen=True)
class Candidate:
    """
    A destination met on a round: how many of its deliveries are due (counted up to a limit) and how many attempts at it
    are under way, over all workers but one; how many leases on its deliveries have expired; its breaker where it is in
    trouble, its bucket where it has a rate limit; the database's time in ms.
    """

    destination_id: str
    due: int
    held: int
    expired: int
    breaker: Breaker | None
    bucket: Bucket | None
    now: int


async def look(
    tx: Tx, begins: Mapping[Queue, str], *, steps: int, most: int, over_ms: int, but: str
) -> dict[Queue, list[Candidate]]:
    """
    The next `steps` destinations with pending deliveries of each queue, in the order of their ids, after the given one.

    What is due is counted up to `most`; under way is what has a lease for longer than `over_ms` that does not begin
    with `but`.
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
        # written so that no index fits but that of the few leases; only what is pending has one
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
    met: dict[Queue, list[Candidate]] = {queue: [] for queue in begins}
    for row in rows:
        breaker = breaker_rows.read(row) if row["destination_id"] is not None else None
        bucket = Bucket(row["rate_limit"], row["rate_spent_to"]) if row["rate_limit"] is not None else None
        met[row["queue"]].append(
            Candidate(row["id"], row["due"], row["held"], row["expired"], breaker, bucket, row["now"])
        )
    return met


async def take(tx: Tx, shares: Sequence[tuple[Queue, str, int]], *, lease: str, lease_ms: int) -> list[Claimed]:
    """
    Claim so many due deliveries of each (queue, destination), the longest due first.

    One whose lease has expired is left to `interrupt`, which puts the attempt that was cut on record.
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


async def overdue(tx: Tx, *, over_ms: int, most: int) -> list[Claimed]:
    """
    Deliveries that nobody holds, due for longer than so many ms, to destinations that have failed until their breaker
    opened and is open now. They are not claimed: their lease is empty.
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
    Give back claimed deliveries of which no attempt was made, as if they had not been claimed.

    An `error` says why, for people who look at the delivery.
    """
    await tx.many(
        "UPDATE deliveries SET lease = NULL, due_at = now_ms(), attempts = attempts - 1, "
        "last_error = COALESCE($3, last_error) WHERE id = $1 AND lease = $2",
        [(delivery_id, lease, error) for delivery_id in delivery_ids],
    )


async def hold(tx: Tx, lease: str, delivery_ids: Sequence[str]) -> None:
    """`release` deliveries of a disabled webhook: they wait until it is enabled."""
    await tx.many(
        "UPDATE deliveries SET state = 'held', lease = NULL, due_at = now_ms(), attempts = attempts - 1, "
        "updated_at = now_ms() WHERE id = $1 AND lease = $2",
        [(delivery_id, lease) for delivery_id in delivery_ids],
    )


@dataclass(frozen=True)
class Leased:
    """A delivery under a lease; `until` is when that ends, in ms since 1970."""

    id: str
    project_id: str
    lease: str
    attempt: int
    trigger: Trigger
    until: int

    @property
    def worker(self) -> str:
        """The id of the worker that holds the lease."""
        return "_".join(self.lease.split("_", 2)[:2])


async def leased(tx: Tx, begins: str = "", *, expired: bool = False) -> list[Leased]:
    """
    Locks the deliveries under a lease that `begins` so, or only those whose lease has `expired`.

    Leaves out what another transaction has locked: its attempt is being completed.
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
    End leases whose attempts were cut: the deliveries are due at once, before the others of their destination.

    The attempt stays counted, and takes no step of the retry schedule.
    """
    await tx.together(
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
        told=row["told"],
        lease=row["lease"] or "",
        payload=row["payload"],
        trace=row["trace"],
        created_at=from_ms(row["created_at"]),
    )
