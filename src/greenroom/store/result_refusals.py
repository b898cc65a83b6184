"""Queries on refused results and on answers that an ATS rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from greenroom.store.db import Row, Tx

Source = Literal["vendor", "ats"]
#: refusals of a project that name no order of it, at most
UNKNOWN = 20
#: days after which a refusal is not shown any more
DAYS = 30
_DAY_MS = 24 * 3600 * 1000


async def record(
    tx: Tx,
    project_id: str,
    subject: str,
    source: Source,
    *,
    code: str,
    account_id: str | None,
    is_known: bool,
    detail: str,
) -> None:
    """Replaces the latest refusal of a subject; drops what is old, and what exceeds `UNKNOWN`."""
    await tx.run(
        "INSERT INTO result_refusals "
        "(project_id, subject, source, code, account_id, is_known, detail, times, since_at, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, 1, now_ms(), now_ms()) "
        "ON CONFLICT (project_id, subject, source) DO UPDATE SET code = excluded.code, "
        "account_id = excluded.account_id, is_known = excluded.is_known, detail = excluded.detail, at = excluded.at, "
        "times = CASE WHEN result_refusals.code = excluded.code THEN result_refusals.times + 1 ELSE 1 END, "
        "since_at = CASE WHEN result_refusals.code = excluded.code THEN result_refusals.since_at "
        "ELSE excluded.since_at END",
        project_id,
        subject,
        source,
        code,
        account_id,
        int(is_known),
        detail,
    )
    await tx.run(
        "DELETE FROM result_refusals WHERE project_id = $1 AND at < now_ms() - CAST($2 AS BIGINT)",
        project_id,
        DAYS * _DAY_MS,
    )
    if not is_known:
        await tx.run(
            "DELETE FROM result_refusals WHERE project_id = $1 AND is_known = 0 AND at < (SELECT min(at) FROM "
            "(SELECT at FROM result_refusals WHERE project_id = $1 AND is_known = 0 ORDER BY at DESC LIMIT $2) "
            "AS kept)",
            project_id,
            UNKNOWN,
        )


async def forget(tx: Tx, project_id: str, order_id: str, *, account_id: str) -> None:
    """Deletes the refusal of an order, and those that name no order of the project: of this account, or of none."""
    await tx.run(
        "DELETE FROM result_refusals WHERE project_id = $1 AND subject = $2 AND source = 'vendor'", project_id, order_id
    )
    await tx.run(
        "DELETE FROM result_refusals WHERE project_id = $1 AND is_known = 0 "
        "AND (account_id = $2 OR account_id IS NULL)",
        project_id,
        account_id,
    )


async def forget_rejection(tx: Tx, project_id: str, subject: str) -> None:
    """Deletes the answer that an ATS rejected."""
    await tx.run(
        "DELETE FROM result_refusals WHERE project_id = $1 AND subject = $2 AND source = 'ats'", project_id, subject
    )


async def erase(tx: Tx, project_id: str, order_id: str) -> None:
    """Deletes everything on an order."""
    await tx.run("DELETE FROM result_refusals WHERE project_id = $1 AND subject = $2", project_id, order_id)


async def list_newest(tx: Tx, project_id: str, *, limit: int) -> Sequence[Row]:
    """
    Lists the newest refusals of a project, with the order's `package_name`, or else the account's `origin_owner_name`.

    A refused second result is listed for a day.
    """
    return await tx.all(
        "SELECT newest.*, package_name, origin_owner_name FROM (SELECT * FROM result_refusals WHERE project_id = $1 "
        "AND at > now_ms() - CASE WHEN code = 'result.second_update' THEN CAST($2 AS BIGINT) ELSE CAST($3 AS BIGINT) "
        "END ORDER BY at DESC LIMIT $4) AS newest LEFT JOIN orders ON orders.id = newest.subject "
        "AND orders.project_id = newest.project_id LEFT JOIN accounts ON orders.id IS NULL "
        "AND accounts.id = newest.account_id AND accounts.project_id = newest.project_id ORDER BY newest.at DESC",
        project_id,
        _DAY_MS,
        DAYS * _DAY_MS,
        limit,
    )
