"""Queries on connect sessions, whose tokens and links are stored as hashes."""

from __future__ import annotations

import json

from greenroom.model.connect_sessions import ConnectSession
from greenroom.store.db import Row, Tx, from_json, from_ms, insert, maybe_from_ms, to_json, to_ms


async def add(tx: Tx, session: ConnectSession, *, token_hash: str, link_hash: str) -> None:
    """Adds a new session."""
    await insert(
        tx,
        "connect_sessions",
        {
            "id": session.id,
            "project_id": session.project_id,
            "account_id": session.account_id,
            "provider": session.provider,
            "origin_owner_id": session.origin_owner_id,
            "origin_owner_name": session.origin_owner_name,
            "origin_username": session.origin_username,
            "categories": None if session.categories is None else to_json(list(session.categories)),
            "label": session.label,
            "metadata": to_json(session.metadata),
            "type": session.type,
            "integration_id": session.integration_id,
            "token_hash": token_hash,
            "link_hash": link_hash,
            "created_at": to_ms(session.created_at),
            "expires_at": to_ms(session.expires_at),
        },
    )


async def find_by_token(tx: Tx, project_id: str, token_hash: str) -> tuple[ConnectSession, bool] | None:
    """Returns the session of a token in a project, and whether it has not expired."""
    row = await tx.one(
        "SELECT *, expires_at > now_ms() AS open FROM connect_sessions WHERE token_hash = $1 AND project_id = $2",
        token_hash,
        project_id,
    )
    return (_session(row), bool(row["open"])) if row else None


async def find_by_link(tx: Tx, link_hash: str) -> tuple[ConnectSession, bool] | None:
    """Returns the session of a hosted link, in any project, and whether it has not expired."""
    row = await tx.one("SELECT *, expires_at > now_ms() AS open FROM connect_sessions WHERE link_hash = $1", link_hash)
    return (_session(row), bool(row["open"])) if row else None


async def count_open(tx: Tx, project_id: str) -> int:
    """Counts the sessions of a project that have not expired."""
    row = await tx.one(
        "SELECT count(*) AS n FROM connect_sessions WHERE project_id = $1 AND expires_at > now_ms()", project_id
    )
    return int(row["n"]) if row else 0


async def mark_linked(tx: Tx, session_id: int) -> None:
    """Records the time of the first link of a session."""
    await tx.run("UPDATE connect_sessions SET linked_at = now_ms() WHERE id = $1 AND linked_at IS NULL", session_id)


async def delete_old(tx: Tx, project_id: str, *, older_ms: int) -> int:
    """Deletes sessions of a project that expired more than `older_ms` ago; returns their number."""
    return await tx.run(
        "DELETE FROM connect_sessions WHERE project_id = $1 AND expires_at < now_ms() - $2", project_id, older_ms
    )


def _session(row: Row) -> ConnectSession:
    return ConnectSession(
        id=row["id"],
        project_id=row["project_id"],
        origin_owner_id=row["origin_owner_id"],
        origin_owner_name=row["origin_owner_name"],
        origin_username=row["origin_username"],
        provider=row["provider"],
        account_id=row["account_id"],
        categories=None if row["categories"] is None else tuple(json.loads(row["categories"])),
        label=row["label"],
        type=row["type"],
        metadata=from_json(row["metadata"]),
        integration_id=row["integration_id"],
        created_at=from_ms(row["created_at"]),
        expires_at=from_ms(row["expires_at"]),
        linked_at=maybe_from_ms(row["linked_at"]),
    )
