"""
Signing in with an e-mail address and a password, and with a code where the user has two-factor sign-in.

Attempts are limited per pair of source address and account, with a growing delay: nobody can lock another person out
from elsewhere, and no account is ever locked as a whole.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import TooManyRequests, Unauthorized
from greenroom.model.audit import Actor
from greenroom.model.people import Client, SignedIn
from greenroom.security import passwords, totp
from greenroom.security.tokens import token_hash
from greenroom.services import sessions
from greenroom.services.sessions import to_whole_ms
from greenroom.store import one_time_tokens as token_rows
from greenroom.store import sign_in_failures as failure_rows
from greenroom.store import users as user_rows
from greenroom.store.db import Row, Tx

#: how long a right password may wait for its code
CODE_LIVES = timedelta(minutes=5)
#: attempts without a delay, then each failure doubles it
FREE = 5
LONGEST_DELAY_S = 900
#: characters of an e-mail address (RFC 5321)
LONGEST_EMAIL = 254
WRONG = "The e-mail address or the password is wrong."
WRONG_CODE = "The code is wrong, was used already, or has expired. Wait for the next code of your app."


def normal_email(email: str) -> str:
    """Returns an e-mail address as it is stored and looked up: without blanks around it, in lower case."""
    return email.strip()[: LONGEST_EMAIL + 1].lower().encode(errors="replace").decode().replace("\0", " ")


async def with_password(ctx: Context, email: str, password: str, client: Client) -> SignedIn:
    """
    Signs a user in; unknown users and wrong passwords get the same answer after the same work.

    When `SignedIn.needs_code` is set, the user has two-factor sign-in: pass `SignedIn.token` and the code to
    `with_code` within five minutes. Otherwise `SignedIn.token` is the session's, for the cookie.

    Raises:
        Unauthorized: the address or the password is wrong.
        TooManyRequests: too many attempts for this account from this address; `retry_after` says how long to wait.
        Unavailable: too many people sign in at this moment.
    """
    email = normal_email(email)
    pair = _pair(ctx, email, client)
    await _count_attempt(ctx, pair)
    row = await _find(ctx, email)
    stored = row["password_hash"] if row else None
    if not await passwords.verify(stored, password, source=client.source) or row is None or stored is None:
        raise Unauthorized(WRONG)
    fresh = await passwords.hash_password(password, source=client.source) if passwords.is_outdated(stored) else None
    return await _finish(ctx, row["id"], stored, fresh, pair, client)


async def with_code(ctx: Context, token: str, code: str, client: Client) -> SignedIn:
    """
    Completes a sign-in with a code of the authenticator app, or a recovery code, which is then used up.

    A code is accepted once, within 30 s before and after its time. A wrong code uses up nothing but an attempt.

    Raises:
        Unauthorized: the code is wrong or was used, or the five minutes have passed (then `code` is `SignInExpired`).
        TooManyRequests: too many attempts; `retry_after` says how long to wait.
    """
    hashed = token_hash(token, ctx.pepper)
    email = await _find_pending(ctx, hashed)
    pair = _pair(ctx, email, client)
    await _count_attempt(ctx, pair)
    return await _finish_with_code(ctx, hashed, code, pair, client)


def _pair(ctx: Context, email: str, client: Client) -> str:
    return token_hash(f"{client.source} {email}", ctx.pepper)


@transaction
async def _count_attempt(_: Context, tx: Tx, pair: str) -> None:
    """Counts an attempt as failed before it is made, so that attempts at the same time gain nothing."""
    failures, left_ms = await failure_rows.count(tx, pair)
    if left_ms > 0:
        wait = -(-left_ms // 1000)
        message = f"Too many attempts to sign in to this account from this address. Try again in {wait} s."
        raise TooManyRequests(message, retry_after=wait)
    over = failures + 1 - FREE
    delay_s = 0 if over < 0 else min(2 ** min(over, 20), LONGEST_DELAY_S)
    await failure_rows.add(tx, pair, blocked_ms=delay_s * 1000)


@snapshot
async def _find(_: Context, tx: Tx, email: str) -> Row | None:
    return await user_rows.find_by_email(tx, email)


@transaction
async def _finish(
    ctx: Context, tx: Tx, user_id: str, stored: str, fresh: str | None, pair: str, client: Client
) -> SignedIn:
    row = await user_rows.find(tx, user_id, lock=True)
    if row is None or row["password_hash"] != stored:  # it was changed while the old one was verified
        raise Unauthorized(WRONG)
    if fresh is not None:
        await user_rows.set_password(tx, user_id, fresh)
    user = user_rows.read_user(row)
    if user.has_totp:
        token = secrets.token_urlsafe(32)
        lives_ms = to_whole_ms(CODE_LIVES)
        token_id, hashed = ctx.new_id("sif"), token_hash(token, ctx.pepper)
        await token_rows.add(tx, token_id, "second_factor", hashed, lives_ms=lives_ms, user_id=user_id)
        return SignedIn(token, user, needs_code=True)
    await failure_rows.delete(tx, pair)
    return SignedIn(await sessions.begin(ctx, tx, Actor("user", user.id, user.email), client), user)


@snapshot
async def _find_pending(_: Context, tx: Tx, hashed: str) -> str:
    pending = await token_rows.find(tx, "second_factor", hashed)
    row = await user_rows.find(tx, pending["user_id"]) if pending else None
    if row is None:
        raise _expired()
    return str(row["email"])


@transaction
async def _finish_with_code(ctx: Context, tx: Tx, hashed: str, code: str, pair: str, client: Client) -> SignedIn:
    pending = await token_rows.find(tx, "second_factor", hashed)
    row = await user_rows.find(tx, pending["user_id"], lock=True) if pending else None
    if row is None:
        raise _expired()
    if not await use_code(ctx, tx, row, code):
        raise Unauthorized(WRONG_CODE)
    if not await token_rows.use(tx, "second_factor", hashed):
        raise _expired()
    await failure_rows.delete(tx, pair)
    user = user_rows.read_user(row)
    return SignedIn(await sessions.begin(ctx, tx, Actor("user", user.id, user.email), client), user)


async def use_code(ctx: Context, tx: Tx, row: Row, code: str) -> bool:
    """
    Uses up a user's code, of the app or a recovery code, inside another service's transaction.

    `row` is the user's, locked. Returns False for a code that is wrong or was used.
    """
    sealed = row["totp_secret_sealed"]
    if sealed is None:
        return False
    secret = ctx.vault.open(sealed, table="users", row=row["id"], column="totp_secret_sealed")
    step = totp.matching_step(secret, code, at_s=ctx.now().timestamp())
    if step is not None:
        return await user_rows.use_step(tx, row["id"], step)
    if row["totp_enabled_at"] is None:
        return False
    return await user_rows.use_recovery_code(tx, row["id"], recovery_hash(ctx, code))


def recovery_hash(ctx: Context, code: str) -> str:
    """Returns the stored hash of a recovery code, however it is spaced."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return token_hash(f"recovery {plain}", ctx.pepper)


def _expired() -> Unauthorized:
    return Unauthorized(
        "The sign-in took too long. Enter your e-mail address and password again.", code="SignInExpired"
    )
