"""
Attempts to link an account by consent at the ATS, in a window that the hub opens.

The hub creates an attempt and asks for its state; the connector's consent routes call `get_pending` before they send
the customer to the ATS, and `complete` or `fail` once the customer is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Gone, NotFound
from greenroom.model.accounts import Account
from greenroom.model.connect_sessions import ConnectSession
from greenroom.model.connection_attempts import ConnectionAttempt
from greenroom.services import hub_sessions
from greenroom.store import connect_sessions as session_rows
from greenroom.store import connection_attempts as attempt_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx

#: time for the customer to consent at the ATS
LIVES = timedelta(minutes=10)
#: limit of attempts that a session keeps
MOST = 20
#: limits of an ATS's error, in characters
LONGEST_CODE = 100
LONGEST_DESCRIPTION = 500


@transaction
async def create(ctx: Context, tx: Tx, session: ConnectSession) -> str:
    """Creates a pending attempt of a session; returns its id."""
    attempt_id = ctx.new_id("cat")
    await session_rows.lock(tx, session.id)
    lives_ms = int(LIVES.total_seconds() * 1000)
    await attempt_rows.add(tx, attempt_id, session.project_id, session.id, lives_ms=lives_ms, most=MOST)
    return attempt_id


@snapshot(kind="batchable")
async def get(_: Context, tx: Tx, session: ConnectSession, attempt_id: str) -> ConnectionAttempt:
    """
    Returns an attempt of a session.

    Raises:
        NotFound: the session has no such attempt.
    """
    return _require(await attempt_rows.find(tx, attempt_id, session_id=session.id))


@snapshot(kind="batchable")
async def get_pending(_: Context, tx: Tx, session: ConnectSession, attempt_id: str) -> ConnectionAttempt:
    """
    Returns an attempt of a session that can still be completed.

    Raises:
        NotFound: the session has no such attempt.
        Gone: the attempt has ended.
    """
    attempt = _require(await attempt_rows.find(tx, attempt_id, session_id=session.id))
    if attempt.status != "pending":
        raise _ended()
    return attempt


@transaction
async def open_session(_: Context, tx: Tx, attempt_id: str) -> ConnectSession:
    """
    Returns the session of a pending attempt, whose id only the holder of the session's token knows.

    Raises:
        NotFound: there is no such attempt.
        Gone: the attempt or its session has ended.
    """
    attempt = _require(await attempt_rows.find(tx, attempt_id))
    session = await session_rows.lock(tx, attempt.session_id)
    if attempt.status != "pending" or session is None or not await session_rows.is_open(tx, session.id):
        raise _ended()
    return session


@transaction
async def cancel(_: Context, tx: Tx, session: ConnectSession, attempt_id: str) -> None:
    """
    Cancels an attempt of a session; one that has ended stays as it is.

    Raises:
        NotFound: the session has no such attempt.
    """
    attempt = _require(await attempt_rows.find(tx, attempt_id, session_id=session.id))
    await attempt_rows.end(tx, attempt.id, "cancelled")


@transaction(queues=True)
async def complete(
    ctx: Context, tx: Tx, attempt_id: str, integration_id: str, credentials: Mapping[str, Any]
) -> Account:
    """
    Links the account of an attempt's session with the ATS's grant, and ends the attempt as `authenticated`.

    `credentials` are the connector's to check. An attempt is completed once.

    Raises:
        NotFound: there is no such attempt, or the integration is not available to its session.
        Gone: the attempt has ended, or its session has.
    """
    attempt = _require(await attempt_rows.find(tx, attempt_id))
    await project_rows.lock(tx, attempt.project_id)
    session = await session_rows.lock(tx, attempt.session_id)
    if session is None or not await session_rows.is_open(tx, session.id):
        raise _ended()
    account = await hub_sessions.read_choice(ctx, tx, session, integration_id)
    if not await attempt_rows.end(tx, attempt.id, "authenticated", account_id=account.id):
        raise _ended()
    return await hub_sessions.complete(ctx, tx, session, account, credentials)


@transaction
async def fail(
    _: Context, tx: Tx, attempt_id: str, code: str, description: str, status: Literal["error", "cancelled"] = "error"
) -> None:
    """Ends a pending attempt with the ATS's error, which has no secrets; one that has ended stays as it is."""
    await attempt_rows.end(
        tx,
        attempt_id,
        status,
        error_code=code[:LONGEST_CODE],
        error_description=description[:LONGEST_DESCRIPTION],
    )


def _require(attempt: ConnectionAttempt | None) -> ConnectionAttempt:
    if attempt is None:
        raise NotFound("There is no such connection attempt for this link.")
    return attempt


def _ended() -> Gone:
    return Gone("This attempt to connect has ended. Go back to the first window and start again.", code="AttemptEnded")
