"""Integrations, as rows: secrets stay sealed here, the service opens them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenroom.store.db import Row, Tx, insert, update


async def find(tx: Tx, project_id: str, provider: str) -> Row | None:
    """The project's integration of one provider."""
    return await tx.one("SELECT * FROM integrations WHERE project_id = $1 AND provider = $2", project_id, provider)


async def list_integrations(tx: Tx, project_id: str) -> list[Row]:
    """All of a project's, by provider."""
    return list(await tx.all("SELECT * FROM integrations WHERE project_id = $1 ORDER BY provider", project_id))


async def save(tx: Tx, row: Mapping[str, Any], *, is_new: bool) -> None:
    """Write every column of an integration."""
    if is_new:
        await insert(tx, "integrations", row)
    else:
        await update(tx, "integrations", row["id"], {name: row[name] for name in row if name != "id"})
