"""The owner's way into the dashboard: a link that works once, and the session it opens."""

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
#: the id of the first code there is: of processes that start together one can make it
FIRST = "sic_first"


@transaction
async def make_link(ctx: Context, tx: Tx) -> str:
    """The URL that signs in the owner, once, within `LINK_LIVES`."""
    link = await _link(ctx, tx, ctx.new_id("sic"))
    assert link is not None  # noqa: S101 - nobody has made this id before
    return link


@transaction
async def first_link(ctx: Context, tx: Tx) -> str | None:
    """`make_link` for an installation that never made one, and one process of it; None for any other."""
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
    The token of a new session.

    Raises:
        Unauthorized: the code is unknown, was used, or has expired; always the same words.
    """
    if not await session_rows.use_code(tx, token_hash(code, ctx.pepper)):
        raise Unauthorized("This link was used or has expired. `greenroom sign-in-link` prints a new one.")
    token = secrets.token_urlsafe(32)
    lives_ms = int(SESSION_LIVES.total_seconds() * 1000)
    await session_rows.add(tx, ctx.new_id("ses"), token_hash(token, ctx.pepper), lives_ms=lives_ms)
    return token


@snapshot(kind="batchable")
async def is_signed_in(ctx: Context, tx: Tx, token: str | None) -> bool:
    """Whether a session token is live."""
    return bool(token) and await session_rows.is_live(tx, token_hash(str(token), ctx.pepper))


@transaction
async def sign_out(ctx: Context, tx: Tx, token: str) -> None:
    """End a session now."""
    await session_rows.end(tx, token_hash(token, ctx.pepper))
