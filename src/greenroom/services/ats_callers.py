"""Accounts with the latest call of each one's ATS; these functions run inside another service's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

from greenroom.model.ats_calls import Caller, Refused, TokenUse
from greenroom.store import ats_facts as fact_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms


async def list_callers(tx: Tx, project_id: str, provider: str, subjects: Sequence[str]) -> list[Caller]:
    """Lists the newest accounts of a provider and those among `subjects`."""
    rows = {row["id"]: row for row in await fact_rows.list_newest(tx, project_id, provider)}
    missing = [subject for subject in subjects if subject.startswith("acc_") and subject not in rows]
    rows |= {row["id"]: row for row in await fact_rows.list_named(tx, project_id, missing)}
    tokens: dict[str, list[TokenUse]] = {}
    for row in await fact_rows.list_tokens(tx, list(rows)):
        tokens.setdefault(row["account_id"], []).append(_use(row))
    return [_caller(row, tokens.get(row["id"], ())) for row in rows.values()]


def to_refused(row: Row) -> Refused:
    """Returns stored refused calls."""
    return Refused(
        row["provider"],
        row["kind"],
        row["subject"],
        row["count"],
        from_ms(row["first_at"]),
        from_ms(row["last_at"]),
        json.loads(row["detail"]),
    )


def _caller(row: Row, tokens: Sequence[TokenUse]) -> Caller:
    return Caller(
        id=row["id"],
        provider=row["provider"],
        owner_id=row["origin_owner_id"],
        name=row["origin_owner_name"],
        is_linked=row["status"] != "inactive",
        is_deleted=row["deleted_at"] is not None,
        is_paused=row["paused_at"] is not None,
        created_at=from_ms(row["created_at"]),
        called_at=maybe_from_ms(row["called_at"]),
        tokens=tuple(tokens),
    )


def _use(row: Row) -> TokenUse:
    return TokenUse(
        created_at=from_ms(row["created_at"]),
        expires_at=maybe_from_ms(row["expires_at"]),
        first_used_at=maybe_from_ms(row["first_used_at"]),
        last_used_at=maybe_from_ms(row["last_used_at"]),
    )
