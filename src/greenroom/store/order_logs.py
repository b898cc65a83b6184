"""Queries on the logs of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from greenroom.store.db import (
    ColumnType,
    Tx,
    marks,
    to_json,
)

#: kinds of log entries whose message never has personal data; erasure replaces the messages of all others
SAFE_KINDS = ("received", "released", "result", "acknowledged", "content_erased")


ERASED = "(erased)"


#: columns of a log entry whose values the caller gives
_LOGGED: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "order_id": "TEXT",
    "kind": "TEXT",
    "message": "TEXT",
    "detail": "TEXT",
}


_LOG = f"INSERT INTO order_log ({', '.join(_LOGGED)}, at) SELECT {', '.join(_LOGGED)}, now_ms() FROM {{given}}"  # noqa: S608


async def add(
    tx: Tx, entry_id: str, order_id: str, kind: str, message: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Adds an entry to an order's log."""
    await tx.add(_LOG, _LOGGED, (entry_id, order_id, kind, message, to_json(dict(detail or {}))))


async def add_all(tx: Tx, entries: Sequence[tuple[str, str, str, str]]) -> None:
    """Adds entries to the logs of several orders, each with id, order id, kind and message."""
    await tx.run_rows(_LOG, _LOGGED, [(*entry, "{}") for entry in entries])


async def erase(tx: Tx, order_id: str) -> int:
    """Erases the details of an order's log, and the messages that may have personal data; returns how many entries."""
    return await tx.run(
        f"UPDATE order_log SET detail = '{{}}', message = CASE WHEN kind IN ({marks(SAFE_KINDS, 3)}) THEN message "  # noqa: S608
        "ELSE $2 END WHERE order_id = $1",
        order_id,
        ERASED,
        *SAFE_KINDS,
    )
