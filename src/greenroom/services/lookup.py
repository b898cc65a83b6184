"""Finding the project of an object from its id alone."""

from __future__ import annotations

from typing import Literal

from greenroom.context import Context, snapshot
from greenroom.errors import NotFound
from greenroom.store import lookup as lookup_rows
from greenroom.store.db import Tx, is_plain

Kind = Literal["orders", "deliveries", "webhooks", "accounts", "request_logs"]


@snapshot
async def find_project(_: Context, tx: Tx, kind: Kind, object_id: str) -> str:
    """
    Returns the id of the project that an object belongs to. The caller checks who may see that project.

    Raises:
        NotFound: there is no such object.
    """
    project_id = await lookup_rows.find_project(tx, kind, object_id) if is_plain(object_id) else None
    if project_id is None:
        raise NotFound(f"There is no {kind.removesuffix('s').replace('deliverie', 'delivery')} {object_id[:80]} here.")
    return project_id
