"""Users: their passwords, and their second factor."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from greenroom.model.audit import Actor
from greenroom.model.people import Client, Role, User
from greenroom.security import passwords, totp
from greenroom.security.tokens import token_hash
from greenroom.services import audit
from greenroom.services.sessions import to_whole_ms
from greenroom.services.sign_in import LONGEST_EMAIL, normal_email, recovery_hash, use_code
from greenroom.store import one_time_tokens as token_rows
from greenroom.store import sessions as session_rows
from greenroom.store import users as user_rows
from greenroom.store.db import Row, Tx

RESET_LIVES = timedelta(hours=1)
RECOVERY_CODES = 10
LONGEST_NAME = 200
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"
WRONG_PASSWORD = "The current password is wrong."  # noqa: S105 - a sentence
WRONG_RESET = "This link was used or has expired. Ask an owner of your project for a new one."


def check_email(email: str) -> str:
    """
    Returns a new e-mail address as it is stored.

    Raises:
        Invalid: it is none.
    """
    found = normal_email(email)
    if not EMAIL.fullmatch(found) or len(found) > LONGEST_EMAIL or not found.isprintable():
        problem = "email: expected an e-mail address such as ada@example.com"
        raise Invalid(problem, errors=[problem])
    return found


def check_name(name: str) -> str:
    """
    Returns a person's name without blanks around it.

    Raises:
        Invalid: it is empty, too long, or has control characters.
    """
    found = name.strip()
    if not 0 < len(found) <= LONGEST_NAME or not found.isprintable():
        problem = f"name: expected 1 to {LONGEST_NAME} printable characters"
        raise Invalid(problem, errors=[problem])
    return found


async def create(
    ctx: Context, *, email: str, name: str, password: str, project_ids: Sequence[str] = (), role: Role = "owner"
) -> User:
    """
    Creates a user with a role in some projects: for the CLI, and for the first owner, who came by a sign-in link.

    Raises:
        Invalid: the address, the name or the password is not acceptable; `errors` names the field.
        Conflict: another user has the address (`EmailTaken`).
        Forbidden: the actor is a user or an API key: invite people instead.
    """
    if ctx.actor.kind in ("user", "api_key"):
        raise Forbidden("Invite people with `members.invite`: they choose their own passwords.")
    email, name = check_email(email), check_name(name)
    passwords.check(password, email=email)
    hashed = await passwords.hash_password(password)
    return await _create(ctx, email, name, hashed, project_ids, role)


@transaction
async def _create(
    ctx: Context, tx: Tx, email: str, name: str, hashed: str, project_ids: Sequence[str], role: Role
) -> User:
    user = await add(ctx, tx, email=email, name=name, password_hash=hashed)
    for project_id in project_ids:
        await user_rows.add_member(tx, project_id, user.id, role)
        detail = {"email": email, "role": role}
        await audit.record(ctx, tx, "member.added", user.id, project_id=project_id, detail=detail)
    return user


async def add(ctx: Context, tx: Tx, *, email: str, name: str, password_hash: str, actor: Actor | None = None) -> User:
    """
    Stores a user, inside another service's transaction; `actor` is the user, whose id is not known yet.

    Raises:
        Conflict: another user has the address.
    """
    user_id = ctx.new_id("usr")
    if not await user_rows.add(tx, user_id, email=email, name=name, password_hash=password_hash):
        problem = f"email: {email} belongs to a user already; sign in instead"
        raise Conflict(problem, code="EmailTaken", errors=[problem])
    actor = actor and replace(actor, id=user_id)
    await audit.record(ctx, tx, "user.created", user_id, project_id=None, detail={"email": email}, actor=actor)
    return user_rows.read_user(await _row(tx, user_id))


@snapshot
async def get(_: Context, tx: Tx, user_id: str) -> User:
    """
    Returns a user.

    Raises:
        NotFound: there is none.
    """
    return user_rows.read_user(await _row(tx, user_id))


@snapshot
async def find_by_email(_: Context, tx: Tx, email: str) -> User | None:
    """Returns the user with an e-mail address."""
    row = await user_rows.find_by_email(tx, normal_email(email))
    return user_rows.read_user(row) if row else None


@snapshot
async def list_users(_: Context, tx: Tx) -> list[tuple[User, dict[str, Role]]]:
    """Returns every user by e-mail address, with their role in each project by the project's name."""
    return await user_rows.list_users(tx)


async def change_password(
    ctx: Context, user_id: str, old: str, new: str, *, client: Client, keep_session_id: str | None
) -> None:
    """
    Changes a user's password; ends their sessions but the one of this request.

    Raises:
        Invalid: the new password is not acceptable.
        Unauthorized: the old password is wrong.
    """
    row = await _read(ctx, user_id)
    passwords.check(new, email=row["email"])
    if not await passwords.verify(row["password_hash"], old, source=client.source):
        raise Unauthorized(WRONG_PASSWORD)
    hashed = await passwords.hash_password(new, source=client.source)
    await _set_password(ctx, user_id, hashed, row["password_hash"], keep_session_id)


@transaction
async def _set_password(
    ctx: Context, tx: Tx, user_id: str, hashed: str, verified: str, keep_session_id: str | None
) -> None:
    row = await _row(tx, user_id, lock=True)
    if row["password_hash"] != verified:
        raise Unauthorized(WRONG_PASSWORD)
    await _replace_password(tx, user_id, hashed, keep_session_id)
    await audit.record(ctx, tx, "user.password_changed", user_id, project_id=None)


async def _replace_password(tx: Tx, user_id: str, hashed: str, keep_session_id: str | None = None) -> None:
    await user_rows.set_password(tx, user_id, hashed)
    await token_rows.end_of_user(tx, user_id)
    await session_rows.end_others(tx, user_id, keep=keep_session_id)


@transaction
async def make_reset_link(ctx: Context, tx: Tx, user_id: str) -> str:
    """
    Returns a link that lets a user choose a new password, once, within an hour: `…/reset-password/{token}`.

    For the CLI, sessions of sign-in links, and users who own every project of that user: of anybody else the link
    would open projects that are not theirs.

    Raises:
        NotFound: there is no such user.
        Forbidden: the actor does not own every project of the user.
    """
    row = await _row(tx, user_id)
    if ctx.actor.kind not in ("cli", "sign_in_link"):
        owned = {
            project.id for project, role in await user_rows.list_projects(tx, str(ctx.actor.id)) if role == "owner"
        }
        theirs = {project.id for project, _ in await user_rows.list_projects(tx, user_id)}
        if ctx.actor.kind != "user" or not theirs or not theirs <= owned:
            raise Forbidden(
                f"{row['email']} is a member of projects that you do not own. Ask the operator to run "
                f"`greenroom users reset`."
            )
    token = secrets.token_urlsafe(32)
    lives_ms = to_whole_ms(RESET_LIVES)
    token_id, hashed = ctx.new_id("rst"), token_hash(token, ctx.pepper)
    await token_rows.add(tx, token_id, "password_reset", hashed, lives_ms=lives_ms, user_id=user_id)
    await audit.record(ctx, tx, "user.password_reset_created", user_id, project_id=None)
    return f"{ctx.settings.public_url}/reset-password/{token}"


@snapshot
async def find_reset(ctx: Context, tx: Tx, token: str) -> User:
    """
    Returns the user whose password a link resets; uses up nothing, so a GET may call it.

    Raises:
        NotFound: the link is unknown, was used, or has expired.
    """
    return user_rows.read_user(await _reset_row(ctx, tx, token))


async def reset_password(ctx: Context, token: str, new: str, client: Client) -> User:
    """
    Uses up a reset link: replaces the password and ends all sessions of the user. Two-factor sign-in stays.

    Raises:
        NotFound: the link is unknown, was used, or has expired.
        Invalid: the new password is not acceptable; the link still works.
    """
    user = await find_reset(ctx, token)
    passwords.check(new, email=user.email)
    hashed = await passwords.hash_password(new, source=client.source)
    return await _reset(ctx, token, hashed, client)


@transaction
async def _reset(ctx: Context, tx: Tx, token: str, hashed: str, client: Client) -> User:
    user = user_rows.read_user(await _reset_row(ctx, tx, token))
    if not await token_rows.use(tx, "password_reset", token_hash(token, ctx.pepper)):
        raise NotFound(WRONG_RESET)
    await _replace_password(tx, user.id, hashed)
    actor = Actor("user", user.id, user.email, client.address)
    detail = {"by": "reset link"}
    await audit.record(ctx, tx, "user.password_changed", user.id, project_id=None, detail=detail, actor=actor)
    return user


async def _reset_row(ctx: Context, tx: Tx, token: str) -> Row:
    found = await token_rows.find(tx, "password_reset", token_hash(token, ctx.pepper))
    if found is None:
        raise NotFound(WRONG_RESET)
    return await _row(tx, found["user_id"])


@transaction
async def start_totp(ctx: Context, tx: Tx, user_id: str) -> tuple[str, str]:
    """
    Starts two-factor sign-in; returns a new secret in base32 and its `otpauth://` URI, for `confirm_totp`.

    Until confirmed, sign-in asks for no code. Starting again replaces the pending secret.

    Raises:
        Conflict: two-factor sign-in is on already: turn it off first.
    """
    row = await _row(tx, user_id, lock=True)
    if row["totp_enabled_at"] is not None:
        raise Conflict("Two-factor sign-in is on already. Turn it off first.", code="TotpEnabled")
    secret = totp.new_secret()
    sealed = ctx.vault.seal(secret, table="users", row=user_id, column="totp_secret_sealed")
    await user_rows.set_totp(tx, user_id, sealed)
    return secret, totp.provisioning_uri(secret, email=row["email"])


@transaction
async def confirm_totp(ctx: Context, tx: Tx, user_id: str, code: str) -> list[str]:
    """
    Turns two-factor sign-in on; returns ten recovery codes, which are shown this once and work once each.

    Raises:
        Invalid: the code is not the app's code of now, or `start_totp` was not called.
        Conflict: two-factor sign-in is on already.
    """
    row = await _row(tx, user_id, lock=True)
    if row["totp_enabled_at"] is not None:
        raise Conflict("Two-factor sign-in is on already. Turn it off first.", code="TotpEnabled")
    if not await use_code(ctx, tx, row, code):
        problem = "code: is not the code that the app shows now; check the clock of your phone"
        raise Invalid(problem, errors=[problem])
    await user_rows.enable_totp(tx, user_id)
    codes = await _new_codes(ctx, tx, user_id)
    await audit.record(ctx, tx, "user.totp_enabled", user_id, project_id=None)
    return codes


@transaction
async def replace_recovery_codes(ctx: Context, tx: Tx, user_id: str) -> list[str]:
    """
    Returns ten new recovery codes, which are shown this once; the old ones end.

    Raises:
        Conflict: two-factor sign-in is off.
    """
    row = await _row(tx, user_id, lock=True)
    if row["totp_enabled_at"] is None:
        raise Conflict("Two-factor sign-in is off. Turn it on first.", code="TotpDisabled")
    codes = await _new_codes(ctx, tx, user_id)
    await audit.record(ctx, tx, "user.recovery_codes_replaced", user_id, project_id=None)
    return codes


async def _new_codes(ctx: Context, tx: Tx, user_id: str) -> list[str]:
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(RECOVERY_CODES)
    ]
    await user_rows.replace_recovery_codes(tx, user_id, [recovery_hash(ctx, code) for code in codes])
    return codes


@snapshot
async def count_recovery_codes(_: Context, tx: Tx, user_id: str) -> int:
    """Returns how many recovery codes a user has left."""
    return await user_rows.count_recovery_codes(tx, user_id)


async def disable_totp(ctx: Context, user_id: str, password: str | None, *, client: Client) -> None:
    """
    Turns two-factor sign-in off; the password is asked again. The CLI passes None.

    Raises:
        Unauthorized: the password is wrong.
    """
    if password is not None or ctx.actor.kind != "cli":
        row = await _read(ctx, user_id)
        if not await passwords.verify(row["password_hash"], password or "", source=client.source):
            raise Unauthorized(WRONG_PASSWORD)
    await _disable_totp(ctx, user_id)


@transaction
async def _disable_totp(ctx: Context, tx: Tx, user_id: str) -> None:
    row = await _row(tx, user_id, lock=True)
    await user_rows.set_totp(tx, user_id, None)
    await user_rows.replace_recovery_codes(tx, user_id, [])
    if row["totp_enabled_at"] is not None:
        await audit.record(ctx, tx, "user.totp_disabled", user_id, project_id=None)


@snapshot
async def _read(_: Context, tx: Tx, user_id: str) -> Row:
    return await _row(tx, user_id)


async def _row(tx: Tx, user_id: str, *, lock: bool = False) -> Row:
    row = await user_rows.find(tx, user_id, lock=lock)
    if row is None:
        raise NotFound(f"No user {user_id}.")
    return row
