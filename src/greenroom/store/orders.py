"""Queries on orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from greenroom.model.enrichment import Enrichment
from greenroom.model.orders import EMAIL_LIMIT, FINAL, Candidate, Order, OrderRequest
from greenroom.model.results import Result
from greenroom.store import order_logs
from greenroom.store.db import (
    Row,
    Tx,
    from_json,
    from_ms,
    insert,
    marks,
    maybe_from_ms,
    to_json,
    to_ms,
    update,
)

#: orders locked in one statement
LOCK_CHUNK = 500
#: statuses of an order that has ended
ENDED = sorted(FINAL)
#: an order, and since when its event is held
_SELECT = (
    "SELECT orders.*, (SELECT min(created_at) FROM deliveries "
    "WHERE order_id = orders.id AND lane = 'vendor' AND state = 'held') AS held_at FROM orders"
)
#: the orders of a project ($1) whose event is held, for the project itself or for a disabled webhook
_HELD = (
    "id IN (SELECT order_id FROM deliveries WHERE state = 'held' "
    "AND destination_id IN (SELECT id FROM webhooks WHERE project_id = $1 UNION ALL SELECT $1))"
)
#: a literal, since a partial index does not serve a parameter
_REFUSED = "delivery = 'refused'"
#: the newest order for the same candidate and package
_PREVIOUS = (
    "(SELECT id FROM orders WHERE account_id = {account_id} AND candidate_email = {candidate_email} "
    "AND package_id = {package_id} AND {candidate_email} <> '' ORDER BY id DESC LIMIT 1)"
)


async def add(tx: Tx, order: Order, *, dedupe_key: str) -> bool:
    """
    Adds a new order, with the id of the previous one for the same candidate and package.

    Returns False, and adds nothing, if the account has an order with this key.
    """
    request = order.request
    return await insert(
        tx,
        "orders",
        {
            "id": order.id,
            "project_id": order.project_id,
            "account_id": order.account_id,
            "provider": order.provider,
            "category": order.category,
            "source": order.source,
            "dedupe_key": dedupe_key,
            "package_id": request.package_id,
            "package_name": order.package_name,
            "candidate_email": _searchable(request.candidate.email),
            "candidate_remote_id": request.candidate.remote_id,
            "store": order.store,
            "request": to_json(_request_columns(request)),
            "raw": to_json(request.raw),
            "callback_url": request.callback_url,
            "callback_problem": request.callback_problem,
            "created_at": to_ms(order.created_at),
            **_changing(order),
        },
        found={"previous_id": _PREVIOUS},
        or_ignore=("account_id", "dedupe_key"),
    )


async def save(tx: Tx, order: Order) -> None:
    """Updates the mutable columns of an order."""
    await update(tx, "orders", order.id, _changing(order))


async def erase(tx: Tx, order: Order) -> int:
    """
    Overwrites a stored order with its erased form, and erases its log's details; returns the number of log entries.

    A deduplication key that is a digest of the request, e-mail included, is replaced. Others stay, so that repeated
    requests of the ATS still find this order.
    """
    assert order.erased_at is not None  # noqa: S101 - for the type checker
    changes = {
        "candidate_email": "",
        "candidate_remote_id": None,
        "request": to_json(_request_columns(order.request)),
        "raw": "{}",
        "callback_url": None,
        "callback_problem": None,
        "callback_hash": order.callback_hash,
        "expunged_at": to_ms(order.erased_at),
        **_changing(order),
    }
    await update(tx, "orders", order.id, changes)
    await tx.run("UPDATE orders SET dedupe_key = 'erased:' || id WHERE id = $1 AND dedupe_key LIKE 'same:%'", order.id)
    return await order_logs.erase(tx, order.id)


async def set_candidate(tx: Tx, order_id: str, remote_id: str) -> None:
    """Stores the ATS's id of an order's candidate where it was unknown."""
    await tx.run(
        "UPDATE orders SET candidate_remote_id = $2 WHERE id = $1 AND candidate_remote_id IS NULL", order_id, remote_id
    )


async def share(tx: Tx, order_ids: Iterable[str]) -> list[Row]:
    """
    Locks orders against erasure until this transaction ends.

    Returns `id`, `project_id` and `expunged_at` of those orders that exist.
    """
    ids = sorted(order_ids)
    found: list[Row] = []
    for first in range(0, len(ids), LOCK_CHUNK):
        found += await tx.run_rows(
            "SELECT orders.id, orders.project_id, orders.expunged_at FROM {given} JOIN orders ON orders.id = given.id "
            "ORDER BY orders.id {for_share}",
            {"id": "TEXT"},
            [(order_id,) for order_id in ids[first : first + LOCK_CHUNK]],
        )
    return found


async def find(tx: Tx, project_id: str, order_id: str) -> Order | None:
    """Returns an order of a project."""
    row = await tx.one(f"{_SELECT} WHERE id = $1 AND project_id = $2", order_id, project_id)
    return _order(row) if row else None


async def find_of_account(tx: Tx, account_id: str, order_id: str, *, lock: bool = False) -> Order | None:
    """Returns an order of an account; `lock` locks its row until this transaction ends."""
    if lock:  # a no-op update takes the row lock on PostgreSQL; on SQLite the writer holds the write lock anyway
        await tx.run("UPDATE orders SET updated_at = updated_at WHERE id = $1", order_id)
    row = await tx.one(f"{_SELECT} WHERE id = $1 AND account_id = $2", order_id, account_id)
    return _order(row) if row else None


async def list_by_id(tx: Tx, account_id: str, order_ids: Sequence[str]) -> list[Order]:
    """Lists those of these orders that are the account's."""
    if not order_ids:
        return []
    rows = await tx.all(
        f"{_SELECT} WHERE account_id = $1 AND id IN ({marks(order_ids, 2)}) ORDER BY id", account_id, *order_ids
    )
    return [_order(row) for row in rows]


async def find_by_dedupe_key(tx: Tx, account_id: str, dedupe_key: str) -> Order | None:
    """Returns the order with this deduplication key."""
    row = await tx.one(f"{_SELECT} WHERE account_id = $1 AND dedupe_key = $2", account_id, dedupe_key)
    return _order(row) if row else None


async def release_key(tx: Tx, account_id: str, dedupe_key: str, *, before: datetime) -> None:
    """Takes a key from an order that was placed before a time, so that a new order can have the key."""
    await tx.run(
        "UPDATE orders SET dedupe_key = 'released:' || id "
        "WHERE account_id = $1 AND dedupe_key = $2 AND created_at < $3",
        account_id,
        dedupe_key,
        to_ms(before),
    )


async def release_ended_key(tx: Tx, account_id: str, dedupe_key: str) -> None:
    """Takes a key from an order that has ended, so that a new order can have the key."""
    await tx.run(
        "UPDATE orders SET dedupe_key = 'released:' || id WHERE account_id = $1 AND dedupe_key = $2 "  # noqa: S608
        f"AND status IN ({marks(ENDED, 3)})",
        account_id,
        dedupe_key,
        *ENDED,
    )


async def ids_of(tx: Tx, account_id: str, email: str) -> list[str]:
    """Returns the ids of an account's orders for a candidate."""
    rows = await tx.all(
        "SELECT id FROM orders WHERE account_id = $1 AND candidate_email = $2", account_id, _searchable(email)
    )
    return [row["id"] for row in rows]


async def ids_of_candidate(tx: Tx, project_id: str, email: str, *, limit: int) -> list[Row]:
    """Returns `id` and `account_id` of a project's orders for a candidate, sorted by id, at most `limit`."""
    rows = await tx.all(
        "SELECT id, account_id FROM orders WHERE account_id IN (SELECT id FROM accounts WHERE project_id = $1) "
        "AND candidate_email = $2 ORDER BY id LIMIT $3",
        project_id,
        _searchable(email),
        limit,
    )
    return list(rows)


async def ids_of_remote_candidate(
    tx: Tx, project_id: str, provider: str, candidate_id: str, *, after: str, limit: int
) -> list[Row]:
    """Returns `id` and `account_id` of the next orders for a candidate of an ATS, sorted by id."""
    rows = await tx.all(
        "SELECT id, account_id FROM orders WHERE project_id = $1 AND candidate_remote_id = $2 AND provider = $3 "
        "AND id > $4 ORDER BY id LIMIT $5",
        project_id,
        candidate_id,
        provider,
        after,
        limit,
    )
    return list(rows)


async def save_candidate_id(tx: Tx, order: Order) -> None:
    """Updates the candidate's id at the ATS."""
    changes = {
        "request": to_json(_request_columns(order.request)),
        "candidate_remote_id": order.request.candidate.remote_id,
    }
    await update(tx, "orders", order.id, changes)


async def next_orders(tx: Tx, project_id: str, *, after: str, before: str, limit: int) -> list[Row]:
    """Returns `id` and `account_id` of a project's next orders between two ids, sorted by id."""
    rows = await tx.all(
        "SELECT id, account_id FROM orders WHERE project_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4",
        project_id,
        after,
        before,
        limit,
    )
    return list(rows)


async def list_orders(
    tx: Tx, project_id: str, filters: Mapping[str, Any], *, before: str | None, limit: int
) -> list[Order]:
    """
    Lists orders of a project, newest first, after id `before`.

    `filters` takes id, account_id, package_id, status, delivery (its state on the way to the ATS, or `held`), category,
    candidate_email, created_after and updated_after (datetimes).
    """
    where: list[str] = ["project_id = $1"]
    values: list[str | int] = [project_id]
    for name in ("id", "account_id", "package_id", "status", "delivery", "category", "candidate_email"):
        if name == "delivery" and filters.get(name) == "held":
            where.append(_HELD)
        elif name == "delivery" and filters.get(name) == "refused":
            where.append(_REFUSED)
        elif filters.get(name) is not None:
            values.append(_searchable(filters[name]) if name == "candidate_email" else filters[name])
            where.append(f"{name} = ${len(values)}")
    for name, column in (("created_after", "created_at"), ("updated_after", "updated_at")):
        if filters.get(name) is not None:
            values.append(to_ms(filters[name]))
            where.append(f"{column} > ${len(values)}")
    if before is not None:
        values.append(before)
        where.append(f"id < ${len(values)}")
    values.append(limit)
    rows = await tx.all(
        f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ${len(values)}",
        *values,
    )
    return [_order(row) for row in rows]


async def list_by_ids(tx: Tx, project_id: str, order_ids: Sequence[str]) -> list[Order]:
    """Lists those of these orders that are the project's, newest first."""
    if not order_ids:
        return []
    wanted = f"project_id = $1 AND id IN ({marks(order_ids, 2)})"
    return [_order(row) for row in await tx.all(f"{_SELECT} WHERE {wanted} ORDER BY id DESC", project_id, *order_ids)]


async def list_newest(tx: Tx, project_id: str, *, most: int, most_refused: int) -> list[Order]:
    """Lists a project's newest orders, and its newest whose result is refused, without duplicates, newest first."""
    parts = [
        f"SELECT * FROM ({_SELECT} WHERE project_id = $1 {where} ORDER BY id DESC LIMIT {limit}) AS {name}"  # noqa: S608
        for name, where, limit in (("newest", "", "$2"), ("refused", f"AND {_REFUSED}", "$3"))
    ]
    found = {row["id"]: row for row in await tx.all(" UNION ALL ".join(parts), project_id, most, most_refused)}
    return [_order(found[order_id]) for order_id in sorted(found, reverse=True)]


async def count_some(tx: Tx, project_id: str, *, most: int) -> dict[str, int]:
    """Counts a project's orders, and those that are refused, held and completed, up to `most` each, from indexes."""
    conditions = {
        "all": "project_id = $1",
        "refused": f"project_id = $1 AND {_REFUSED}",
        "held": f"project_id = $1 AND {_HELD}",
        # results have an index, statuses do not
        "completed": "project_id = $1 AND result_at IS NOT NULL AND status = 'completed'",
    }
    counts = [
        f"SELECT '{name}' AS name, (SELECT count(*) FROM (SELECT 1 FROM orders WHERE {where} LIMIT $2) AS some) AS n"  # noqa: S608
        for name, where in conditions.items()
    ]
    return {row["name"]: int(row["n"]) for row in await tx.all(" UNION ALL ".join(counts), project_id, most)}


def _searchable(email: str) -> str:
    """Returns the searchable form of an address, cut to a length that the index allows."""
    return email.casefold()[:EMAIL_LIMIT]


def _request_columns(request: OrderRequest) -> dict[str, Any]:
    # what has a column of its own, or is not stored, is left out before anything is copied: `raw` is most of a request
    own = {"raw", "package_id", "callback_url", "callback_problem", "fingerprint", "one_at_a_time"}
    kept = {field.name: getattr(request, field.name) for field in fields(request) if field.name not in own}
    return {**kept, "candidate": asdict(request.candidate)}


def _changing(order: Order) -> dict[str, Any]:
    return {
        "status": order.status,
        "status_message": order.status_message,
        "outcome": order.outcome,
        "application_status": order.application_status,
        "delivery": order.delivery,
        "delivery_detail": order.delivery_detail,
        "result": to_json(order.result.as_dict()) if order.result else None,
        "invited_at": to_ms(order.invited_at) if order.invited_at else None,
        "started_at": to_ms(order.started_at) if order.started_at else None,
        "result_at": to_ms(order.result_at) if order.result_at else None,
        "acknowledged_at": to_ms(order.acknowledged_at) if order.acknowledged_at else None,
        "update_ms": order.update_ms,
        "enrichment": _enrichment_column(order.enrichment),
        "updated_at": to_ms(order.updated_at),
    }


def _enrichment_column(found: Enrichment | None) -> str | None:
    if found is None:
        return None
    return to_json(
        {name: value for name, value in asdict(found).items() if value is not None} | {"at": to_ms(found.at)}
    )


def _enrichment(text: str | None) -> Enrichment | None:
    if text is None:
        return None
    kept = from_json(text)
    return Enrichment(**{"reason": None, **kept, "at": from_ms(kept["at"])})


def _order(row: Row) -> Order:
    kept = from_json(row["request"])
    request = OrderRequest(
        **{**kept, "candidate": Candidate(**kept["candidate"])},
        package_id=row["package_id"],
        callback_url=row["callback_url"],
        callback_problem=row["callback_problem"],
        raw=from_json(row["raw"]),
    )
    return Order(
        id=row["id"],
        project_id=row["project_id"],
        account_id=row["account_id"],
        provider=row["provider"],
        category=row["category"],
        source=row["source"],
        request=request,
        package_name=row["package_name"],
        previous_id=row["previous_id"],
        status=row["status"],
        status_message=row["status_message"],
        outcome=row["outcome"],
        delivery=row["delivery"],
        delivery_detail=row["delivery_detail"],
        result=Result.from_dict(from_json(row["result"])) if row["result"] else None,
        invited_at=maybe_from_ms(row["invited_at"]),
        started_at=maybe_from_ms(row["started_at"]),
        result_at=maybe_from_ms(row["result_at"]),
        acknowledged_at=maybe_from_ms(row["acknowledged_at"]),
        erased_at=maybe_from_ms(row["expunged_at"]),
        callback_hash=row["callback_hash"],
        held_at=maybe_from_ms(row["held_at"]),
        update_ms=row["update_ms"],
        store=row["store"] or "full",
        application_status=row["application_status"],
        enrichment=_enrichment(row["enrichment"]),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )
