"""Queries on connect sessions and their tokens for the hub; tokens and links are stored as hashes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.model.connect_sessions import ConnectSession, SessionState
from greenroom.store.db import Row, Tx, from_json, from_ms, insert, maybe_from_ms, to_json, to_ms

#: how long a session stays usable once its account is linked, in ms: the customer still reads the next steps
USABLE_AFTER_LINKING_MS = 600_000


def _state(expires_at: str) -> str:
    return (
        "CASE WHEN s.closed_at IS NOT NULL THEN 'closed' "
        f"WHEN s.linked_at <= now_ms() - {USABLE_AFTER_LINKING_MS} THEN 'used' "
        f"WHEN {expires_at} <= now_ms() THEN 'expired' ELSE 'open' END AS state"
    )


@dataclass(frozen=True)
class FoundToken:
    """A token's session and state; the times are those of the token, `left_ms` is until it expires."""

    session: ConnectSession
    state: SessionState
    created_at_ms: int
    expires_at_ms: int
    left_ms: int


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
            "multiple": int(session.multiple),
            "token_hash": token_hash,
            "link_hash": link_hash,
            "created_at": to_ms(session.created_at),
            "expires_at": to_ms(session.expires_at),
        },
    )


async def find_by_token(tx: Tx, project_id: str, token_hash: str) -> tuple[ConnectSession, SessionState] | None:
    """Returns the session of a vendor's token in a project, and its state."""
    row = await tx.one(
        f"SELECT s.*, {_state('s.expires_at')} FROM connect_sessions s "  # noqa: S608
        "WHERE s.token_hash = $1 AND s.project_id = $2",
        token_hash,
        project_id,
    )
    return (_session(row), row["state"]) if row else None


async def find_for_hub(tx: Tx, token_hash: str) -> FoundToken | None:
    """Returns the session of a token in any project: the vendor's, or one that a link was exchanged for."""
    row = await tx.one(
        f"SELECT s.*, {_state('s.expires_at')}, s.created_at AS token_created_at, "  # noqa: S608
        "s.expires_at AS token_expires_at, s.expires_at - now_ms() AS left_ms "
        "FROM connect_sessions s WHERE s.token_hash = $1",
        token_hash,
    ) or await tx.one(
        f"SELECT s.*, {_state('t.expires_at')}, t.created_at AS token_created_at, "  # noqa: S608
        "t.expires_at AS token_expires_at, t.expires_at - now_ms() AS left_ms "
        "FROM hub_tokens t JOIN connect_sessions s ON s.id = t.session_id WHERE t.token_hash = $1",
        token_hash,
    )
    if row is None:
        return None
    return FoundToken(_session(row), row["state"], row["token_created_at"], row["token_expires_at"], row["left_ms"])


async def find_by_link(tx: Tx, link_hash: str) -> tuple[ConnectSession, SessionState] | None:
    """Returns the session of a hosted link, in any project, and its state."""
    row = await tx.one(
        f"SELECT s.*, {_state('s.expires_at')} FROM connect_sessions s WHERE s.link_hash = $1",  # noqa: S608
        link_hash,
    )
    return (_session(row), row["state"]) if row else None


async def lock(tx: Tx, session_id: int) -> ConnectSession | None:
    """Returns a session, locked until the transaction ends; None if it does not exist."""
    row = await tx.one("SELECT * FROM connect_sessions WHERE id = $1 {for_update}", session_id)
    return _session(row) if row else None


async def is_open(tx: Tx, session_id: int) -> bool:
    """Returns whether a session is neither closed nor used; tokens expire by themselves."""
    row = await tx.one(
        "SELECT 1 AS found FROM connect_sessions WHERE id = $1 AND closed_at IS NULL "  # noqa: S608
        f"AND (linked_at IS NULL OR linked_at > now_ms() - {USABLE_AFTER_LINKING_MS})",
        session_id,
    )
    return row is not None


async def list_open(tx: Tx, project_id: str, *, before: int | None, limit: int) -> Sequence[ConnectSession]:
    """Lists the sessions of a project that can still be used, newest first, after the session `before`."""
    rows = await tx.all(
        "SELECT s.* FROM connect_sessions s WHERE s.project_id = $1 AND s.closed_at IS NULL "  # noqa: S608
        f"AND s.expires_at > now_ms() AND (s.linked_at IS NULL OR s.linked_at > now_ms() - {USABLE_AFTER_LINKING_MS}) "
        "AND (CAST($2 AS BIGINT) IS NULL OR (s.created_at, s.id) < "
        "(SELECT b.created_at, b.id FROM connect_sessions b WHERE b.id = $2 AND b.project_id = $1)) "
        "ORDER BY s.created_at DESC, s.id DESC LIMIT $3",
        project_id,
        before,
        limit,
    )
    return [_session(row) for row in rows]


async def close(tx: Tx, project_id: str, session_id: int) -> bool:
    """Ends a session of a project with its link and tokens; returns False if there is no such open session."""
    return bool(
        await tx.run(
            "UPDATE connect_sessions SET closed_at = now_ms() "
            "WHERE id = $1 AND project_id = $2 AND closed_at IS NULL AND expires_at > now_ms()",
            session_id,
            project_id,
        )
    )


async def extend(tx: Tx, token_hash: str, *, lives_ms: int, longest_ms: int, least_gain_ms: int) -> None:
    """
    Lets a live token expire `lives_ms` from now, at most `longest_ms` after it was made; never sooner than before.

    Does nothing if that would gain less than `least_gain_ms`.
    """
    for table in ("connect_sessions", "hub_tokens"):
        await tx.run(
            f"UPDATE {table} SET expires_at = "  # noqa: S608
            "CASE WHEN now_ms() + $2 < created_at + $3 THEN now_ms() + $2 ELSE created_at + $3 END "
            "WHERE token_hash = $1 AND expires_at > now_ms() AND expires_at < created_at + $3 "
            "AND expires_at < now_ms() + $2 - $4",
            token_hash,
            lives_ms,
            longest_ms,
            least_gain_ms,
        )


async def add_token(tx: Tx, session_id: int, token_hash: str, *, lives_ms: int, most: int) -> None:
    """Adds a token that a session's link was exchanged for; the oldest over `most` end."""
    await tx.run(
        "INSERT INTO hub_tokens (token_hash, session_id, created_at, expires_at) "
        "VALUES ($1, $2, now_ms(), now_ms() + $3)",
        token_hash,
        session_id,
        lives_ms,
    )
    await tx.run(
        "DELETE FROM hub_tokens WHERE session_id = $1 AND token_hash NOT IN "
        "(SELECT token_hash FROM hub_tokens WHERE session_id = $1 ORDER BY created_at DESC, token_hash LIMIT $2)",
        session_id,
        most,
    )


async def delete_token(tx: Tx, token_hash: str) -> bool:
    """Deletes a token that a link was exchanged for; returns False if there is no such token."""
    return await tx.run("DELETE FROM hub_tokens WHERE token_hash = $1", token_hash) == 1


async def choose(tx: Tx, session_id: int, account_id: str) -> None:
    """Records the account that the customer chose by its provider; the session's own provider stays open."""
    await tx.run("UPDATE connect_sessions SET account_id = $2 WHERE id = $1", session_id, account_id)


async def count_open(tx: Tx, project_id: str) -> int:
    """Counts the sessions of a project that are neither expired nor closed."""
    row = await tx.one(
        "SELECT count(*) AS n FROM connect_sessions WHERE project_id = $1 AND expires_at > now_ms() "
        "AND closed_at IS NULL",
        project_id,
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
        multiple=bool(row["multiple"]),
    )
