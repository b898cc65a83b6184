"""Queries on reports of an ATS about answers that it could not use."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Tx, marks, to_json


def log_id(report_id: str) -> str:
    """Returns the id of a report's entry in its order's log; both are deleted together."""
    return f"log_{report_id.removeprefix('rer_')}"


async def add(
    tx: Tx, report_id: str, project_id: str, account_id: str, *, order_id: str | None, call: str, errors: str, raw: str
) -> None:
    """Stores a report."""
    await tx.run(
        "INSERT INTO response_errors (id, project_id, account_id, order_id, api_call, errors, raw, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, now_ms())",
        report_id,
        project_id,
        account_id,
        order_id,
        call,
        errors,
        raw,
    )


async def count(tx: Tx, account_id: str, order_id: str | None, *, most: int) -> tuple[int, int]:
    """Counts the reports on an order and all of its account, both up to `most`."""
    row = await tx.one(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM response_errors "
        "WHERE account_id = $1 AND order_id = $2 LIMIT $3) AS kept) AS of_order, "
        "(SELECT count(*) FROM (SELECT 1 FROM response_errors WHERE account_id = $1 LIMIT $3) AS kept) AS of_account",
        account_id,
        order_id,
        most,
    )
    return (row["of_order"], row["of_account"]) if row else (0, 0)


async def count_one_more(tx: Tx, report_id: str, project_id: str, account_id: str, *, order_id: str | None) -> int:
    """Counts a report that is not kept, in the row with this id; returns the count."""
    row = await tx.one(
        "INSERT INTO response_errors (id, project_id, account_id, order_id, api_call, errors, raw, not_kept, at) "
        "VALUES ($1, $2, $3, $4, '', '[]', '{}', 1, now_ms()) "
        "ON CONFLICT (id) DO UPDATE SET not_kept = response_errors.not_kept + 1, at = now_ms() RETURNING not_kept",
        report_id,
        project_id,
        account_id,
        order_id,
    )
    return int(row["not_kept"]) if row else 0


async def log_count(tx: Tx, entry_id: str, order_id: str, message: str, number: int) -> None:
    """Writes to an order's log how many reports were not kept; the entry keeps its place."""
    await tx.run(
        "INSERT INTO order_log (id, order_id, kind, message, detail, at) "
        "VALUES ($1, $2, 'response_error', $3, $4, now_ms()) "
        "ON CONFLICT (id) DO UPDATE SET message = excluded.message, detail = excluded.detail",
        entry_id,
        order_id,
        message,
        to_json({"not_kept": number}),
    )


async def list_old(tx: Tx, *, days: int, shortest: int, limit: int) -> list[str]:
    """
    Lists the oldest reports that are older than their project keeps them.

    A project without a retention of its own keeps them for `days`. `shortest` is the shortest of all retentions.
    """
    rows = await tx.all(
        "SELECT response_errors.id FROM response_errors JOIN projects ON projects.id = response_errors.project_id "
        "WHERE at < now_ms() - $2 * CAST(86400000 AS BIGINT) "
        "AND at < now_ms() - coalesce(projects.retention_days, $1) * CAST(86400000 AS BIGINT) ORDER BY at LIMIT $3",
        days,
        shortest,
        limit,
    )
    return [row["id"] for row in rows]


async def delete(tx: Tx, report_ids: Sequence[str]) -> None:
    """Deletes reports and their entries in the orders' logs."""
    if report_ids:
        entry_ids = [log_id(report_id) for report_id in report_ids]
        await tx.run(f"DELETE FROM response_errors WHERE id IN ({marks(report_ids)})", *report_ids)  # noqa: S608
        await tx.run(f"DELETE FROM order_log WHERE id IN ({marks(entry_ids)})", *entry_ids)  # noqa: S608


async def erase(tx: Tx, account_id: str, order_id: str, email: str) -> int:
    """Erases the ATS's reports on an order, and those without an order that have this e-mail; returns how many."""
    named = to_json(email.casefold())[1:-1]
    rows = await tx.all("SELECT id, raw FROM response_errors WHERE account_id = $1 AND order_id IS NULL", account_id)
    ids = [(row["id"],) for row in rows if named and named in row["raw"].casefold()]
    erase = "UPDATE response_errors SET errors = '[]', raw = '{}'"
    await tx.many(f"{erase} WHERE id = $1", ids)
    return len(ids) + await tx.run(f"{erase} WHERE account_id = $1 AND order_id = $2", account_id, order_id)
