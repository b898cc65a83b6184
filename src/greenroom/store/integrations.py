"""Queries on integrations, as rows with sealed secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenroom.store.db import Row, Tx, insert, update


async def find(tx: Tx, project_id: str, provider: str) -> Row | None:
    """Returns the integration of a project with one provider."""
    return await tx.one("SELECT * FROM integrations WHERE project_id = $1 AND provider = $2", project_id, provider)


async def find_by_tenant(tx: Tx, provider: str, tenant_id: str) -> Row | None:
    """Returns the enabled integration with a tenant id, which one project at most has."""
    return await tx.one(
        "SELECT * FROM integrations WHERE provider = $1 AND tenant_id = $2 AND enabled = 1", provider, tenant_id
    )


async def find_with_scope(tx: Tx, project_id: str, provider: str, account_id: str) -> Row | None:
    """
    Returns an integration as `find` does, with the `scope` of the packages published for an account.

    `scope` is the account's id if it has packages of its own, '' if packages for all accounts apply, else None.
    """
    published = "SELECT 1 FROM packages WHERE project_id = $1 AND category = integrations.partner_category"
    return await tx.one(
        f"SELECT *, CASE WHEN EXISTS ({published} AND account_id = $3) THEN $3 "  # noqa: S608
        f"WHEN EXISTS ({published} AND account_id = '') THEN '' END AS scope "
        "FROM integrations WHERE project_id = $1 AND provider = $2",
        project_id,
        provider,
        account_id,
    )


async def list_integrations(tx: Tx, project_id: str) -> list[Row]:
    """Lists the integrations of a project, by provider."""
    return list(await tx.all("SELECT * FROM integrations WHERE project_id = $1 ORDER BY provider", project_id))


async def has_tenant(tx: Tx, provider: str, tenant_id: str, *, but: str) -> bool:
    """Returns whether any project except `but` has this tenant id at a provider."""
    row = await tx.one(
        "SELECT 1 AS found FROM integrations WHERE provider = $1 AND tenant_id = $2 AND project_id <> $3 LIMIT 1",
        provider,
        tenant_id,
        but,
    )
    return row is not None


async def save(tx: Tx, row: Mapping[str, Any], *, is_new: bool) -> None:
    """Saves all columns of an integration."""
    if is_new:
        await insert(tx, "integrations", row)
    else:
        await update(tx, "integrations", row["id"], {name: row[name] for name in row if name != "id"})
