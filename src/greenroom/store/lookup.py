"""The project of an object."""

from __future__ import annotations

from typing import Literal

from greenroom.store.db import Tx


async def find_project(
    tx: Tx, table: Literal["orders", "deliveries", "webhooks", "accounts", "request_logs"], object_id: str
) -> str | None:
    """Returns the project of a row, or None."""
    row = await tx.one(f"SELECT project_id FROM {table} WHERE id = $1", object_id)  # noqa: S608 - one of five names
    return str(row["project_id"]) if row else None
