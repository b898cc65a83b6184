"""Consents at an ATS's authorization server: begun here, and used once by the browser that began them."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.errors import Conflict, Forbidden, Gone, NotFound
from greenroom.security.tokens import token_hash
from greenroom.services import accounts
from greenroom.store import authorizations as authorization_rows
from greenroom.store import connection_attempts as attempt_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx

#: time for a person to consent
LIVES = timedelta(minutes=10)


@dataclass(frozen=True)
class Authorization:
    """A consent that came back; `attempt_id` is set when it was begun in the hub."""

    project_id: str
    account_id: str
    provider: str
    started_by: str
    attempt_id: str | None


@transaction
async def start(
    ctx: Context,
    tx: Tx,
    project_id: str,
    account_id: str,
    *,
    browser: str,
    started_by: str,
    attempt_id: str | None = None,
) -> str:
    """
    Begins an authorization and returns its state; only the same `browser`, a secret in its cookie, can use it.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    await accounts.read(tx, project_id, account_id)
    state = secrets.token_urlsafe(32)
    await authorization_rows.add(
        tx,
        ctx.new_id("oas"),
        state_hash=token_hash(state, ctx.pepper),
        browser_hash=token_hash(browser, ctx.pepper),
        project_id=project_id,
        account_id=account_id,
        started_by=started_by,
        attempt_id=attempt_id,
        lives_ms=LIVES // timedelta(milliseconds=1),
    )
    return state


@transaction
async def use(ctx: Context, tx: Tx, state: str, browser: str | None) -> Authorization:
    """
    Uses up an authorization.

    Raises:
        NotFound: no authorization has this state, or its account was disconnected.
        Forbidden: another browser has begun it.
        Conflict: it was used before.
        Gone: it has expired, or its window was closed in the hub.
    """
    row = await authorization_rows.find(tx, token_hash(state, ctx.pepper))
    if row is None or row["provider"] is None:
        raise NotFound("No authorization was begun here for this answer, or its account was disconnected. Start again.")
    if not hmac.compare_digest(row["browser_hash"], token_hash(browser or "", ctx.pepper)):
        raise Forbidden(
            "This authorization was begun in another browser, or the browser has deleted its cookie. Nothing was "
            "changed. Start again, and stay in one browser."
        )
    if not await authorization_rows.use(tx, row["id"]):
        raise Conflict("This answer was used before, and works only once. If something is missing, start again.")
    if not row["open"]:
        minutes = LIVES // timedelta(minutes=1)
        raise Gone(f"This authorization took longer than {minutes} minutes and has expired. Start again.")
    if row["attempt_id"] is not None:
        attempt = await attempt_rows.find(tx, row["attempt_id"])
        if attempt is None or attempt.status != "pending":
            raise Gone("This authorization was ended in the first window. Go back there and start again.")
    return Authorization(row["project_id"], row["account_id"], row["provider"], row["started_by"], row["attempt_id"])
