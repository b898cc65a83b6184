"""Integrations, as rows: secrets stay sealed here, the service opens them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenroom.store.db import Row, Tx, insert, update


async def find(tx: Tx, project_id: str, provider: str) -> Row | None:
    """The project's integration of one provider."""
    return await tx.one("SELECT * FROM integrations WHERE project_id = $1 AND provider = $2", project_id, provider)


async def find_with_scope(tx: Tx, project_id: str, provider: str, account_id: str) -> Row | None:
    """
    `find` for an account, with `scope`: whose published packages stand for it: its own id when it has any, '' for
    everybody's, None when there are none.
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
    """All of a project's, by provider."""
    return list(await tx.all("SELECT * FROM integrations WHERE project_id = $1 ORDER BY provider", project_id))


async def has_tenant(tx: Tx, provider: str, tenant_id: str, *, but: str) -> bool:
    """Whether a project, `but` one, has this tenant id at a provider."""
    row = await tx.one(
        "SELECT 1 AS found FROM integrations WHERE provider = $1 AND tenant_id = $2 AND project_id <> $3 LIMIT 1",
        provider,
        tenant_id,
        but,
    )
    return row is not None


async def save(tx: Tx, row: Mapping[str, Any], *, is_new: bool) -> None:
    """Write every column of an integration."""
    if is_new:
        await insert(tx, "integrations", row)
    else:
        await update(tx, "integrations", row["id"], {name: row[name] for name in row if name != "id"})
