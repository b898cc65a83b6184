"""Queries on hiring teams that orders lack, for the doctor; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks

#: newest accounts of the project, and newest orders, that are examined
ACCOUNTS = 200
ORDERS = 200


async def list_accounts(tx: Tx, project_id: str, providers: Sequence[str]) -> Sequence[Row]:
    """Lists the newest accounts of these providers, with the state of their access to the ATS's API."""
    if not providers:
        return []
    return await tx.all(
        "SELECT accounts.id, accounts.origin_owner_name, accounts.created_at, "  # noqa: S608
        "CASE WHEN credentials_sealed IS NULL THEN 0 ELSE 1 END AS has_credentials, "
        "CASE WHEN tokens_sealed IS NULL THEN 0 ELSE 1 END AS has_tokens, "
        "problem_code, problem_reason, problem_scope, problem_at FROM accounts "
        "LEFT JOIN account_access ON account_access.account_id = accounts.id WHERE accounts.project_id = $1 "
        f"AND accounts.deleted_at IS NULL AND accounts.provider IN ({marks(providers, 2)}) "
        f"ORDER BY accounts.id DESC LIMIT {ACCOUNTS}",
        project_id,
        *providers,
    )


async def list_orders(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the newest orders that an ATS placed and that have an enrichment, newest first, with their age in ms."""
    return await tx.all(
        "SELECT id, account_id, package_name, enrichment, now_ms() - created_at AS age_ms FROM "  # noqa: S608
        "(SELECT * FROM orders WHERE project_id = $1 ORDER BY id DESC "
        f"LIMIT {ORDERS}) AS newest WHERE source = 'ats' AND enrichment IS NOT NULL AND expunged_at IS NULL "
        "ORDER BY id DESC",
        project_id,
    )


async def list_reads(tx: Tx, order_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the attempts to read the facts of these orders, oldest first."""
    if not order_ids:
        return []
    return await tx.all(
        f"SELECT order_id, detail FROM order_log WHERE order_id IN ({marks(order_ids)}) AND kind = 'enrichment' "  # noqa: S608
        "ORDER BY id",
        *order_ids,
    )
