"""Sign-in to the dashboard: links that work once, and the sessions that they open."""

from __future__ import annotations

import secrets
from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Unauthorized
from greenroom.security.tokens import token_hash
from greenroom.store import sessions as session_rows
from greenroom.store.db import Tx

LINK_LIVES = timedelta(minutes=15)
SESSION_LIVES = timedelta(days=7)
#: id of an installation's first code, so that only one of several starting processes can create it
FIRST = "sic_first"


@transaction
async def make_link(ctx: Context, tx: Tx) -> str:
    """Returns a URL that signs the owner in, once, within `LINK_LIVES`."""
    link = await _link(ctx, tx, ctx.new_id("sic"))
    assert link is not None  # noqa: S101 - the id is new
    return link


@transaction
async def first_link(ctx: Context, tx: Tx) -> str | None:
    """Returns the first link of an installation, in one process only; None if there was a link before."""
    return None if await session_rows.has_codes(tx) else await _link(ctx, tx, FIRST)


async def _link(ctx: Context, tx: Tx, code_id: str) -> str | None:
    code = secrets.token_urlsafe(32)
    lives_ms = int(LINK_LIVES.total_seconds() * 1000)
    if not await session_rows.add_code(tx, code_id, token_hash(code, ctx.pepper), lives_ms=lives_ms):
        return None
    return f"{ctx.settings.public_url}/sign-in/{code}"


@transaction
async def sign_in(ctx: Context, tx: Tx, code: str) -> str:
    """
    Creates a session and returns its token.

    Raises:
        Unauthorized: the code is unknown, used or expired; the message is always the same.
    """
    if not await session_rows.use_code(tx, token_hash(code, ctx.pepper)):
        raise Unauthorized("This link was used or has expired. `greenroom sign-in-link` prints a new one.")
    token = secrets.token_urlsafe(32)
    lives_ms = int(SESSION_LIVES.total_seconds() * 1000)
    await session_rows.add(tx, ctx.new_id("ses"), token_hash(token, ctx.pepper), lives_ms=lives_ms)
    return token


@snapshot(kind="batchable")
async def is_signed_in(ctx: Context, tx: Tx, token: str | None) -> bool:
    """Returns whether a session token is live."""
    return bool(token) and await session_rows.is_live(tx, token_hash(str(token), ctx.pepper))


@transaction
async def sign_out(ctx: Context, tx: Tx, token: str) -> None:
    """Ends a session with immediate effect."""
    await session_rows.end(tx, token_hash(token, ctx.pepper))
