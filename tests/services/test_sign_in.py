"""Signing in with a password and a code, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from greenroom.context import Context
from greenroom.errors import Conflict, Invalid, TooManyRequests, Unauthorized
from greenroom.model.audit import Actor
from greenroom.model.people import Client, SignedIn, User
from greenroom.security import totp
from greenroom.services import projects, sessions, sign_in, users
from greenroom.store import sign_in_failures as failure_rows
from greenroom.store.db import Store, Tx

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
HOME = Client("203.0.113.7", "Firefox/140")
ELSEWHERE = Client("198.51.100.9", "curl/8")
CLI = Actor("cli", name="root")


@pytest.fixture
async def ada(ctx: Context) -> User:
    """A user who is an owner of the project `acme`."""
    project = await projects.ensure(ctx, "acme")
    return await users.create(
        replace(ctx, actor=CLI), email=" Ada@Example.com ", name="Ada", password=PASSWORD, project_ids=[project.id]
    )


async def attempt(ctx: Context, password: str, client: Client = HOME, email: str = EMAIL) -> SignedIn | Exception:
    """Signs in; returns the refusal if there is one."""
    try:
        return await sign_in.with_password(ctx, email, password, client)
    except (Unauthorized, TooManyRequests) as error:
        return error


async def test_a_password_opens_a_session_with_a_role(ctx: Context, ada: User) -> None:
    """Whatever the case of the address; the session says where it began, and ends with its sign-out."""
    project = await projects.ensure(ctx, "acme")
    other = await projects.ensure(ctx, "mallory")

    signed_in = await sign_in.with_password(ctx, "ADA@example.com", PASSWORD, HOME)
    identity = await sessions.identify(ctx, signed_in.token, project.id)
    elsewhere = await sessions.identify(ctx, signed_in.token, other.id)

    assert identity is not None
    assert (identity.user, identity.role, identity.project) == (ada, "owner", project)
    assert identity.can("viewer")
    assert elsewhere is not None
    assert (elsewhere.project, elsewhere.role, elsewhere.can("viewer")) == (None, None, False)
    assert await sessions.list_projects(ctx, identity) == [(project, "owner")]
    (listed,) = await sessions.list_sessions(ctx, ada.id)
    assert (listed.network, listed.user_agent) == ("203.0.113.0/24", "Firefox/140")
    await sessions.sign_out(ctx, signed_in.token, HOME)
    assert await sessions.identify(ctx, signed_in.token, project.id) is None


async def test_wrong_and_unknown_get_the_same_answer(ctx: Context, ada: User) -> None:
    """So that nobody learns which users there are."""
    wrong = await attempt(ctx, "wrong password here")
    unknown = await attempt(ctx, PASSWORD, email="eve@example.com")
    odd = await attempt(ctx, PASSWORD, email="\x00 ' OR 1=1 \ud800")

    assert isinstance(wrong, Unauthorized)
    assert str(wrong) == str(unknown) == str(odd) == sign_in.WRONG


async def test_guessing_is_slowed_down_for_the_guesser_alone(ctx: Context, ada: User) -> None:
    """After five failures the right password waits, too, from that address; from another one it opens at once."""
    guesses = [await attempt(ctx, f"guess number {number}", ELSEWHERE) for number in range(5)]
    blocked = await attempt(ctx, PASSWORD, ELSEWHERE)

    assert all(isinstance(one, Unauthorized) for one in guesses)
    assert isinstance(blocked, TooManyRequests)
    assert blocked.retry_after == 1
    assert isinstance(await attempt(ctx, PASSWORD, HOME), SignedIn)
    await ctx.store.write(lambda tx: tx.run("UPDATE sign_in_failures SET blocked_until = 0"))
    assert isinstance(await attempt(ctx, PASSWORD, ELSEWHERE), SignedIn)
    assert isinstance(await attempt(ctx, "guess again, please", ELSEWHERE), Unauthorized)  # counted from the start


async def test_the_delay_doubles_up_to_a_limit(ctx: Context) -> None:
    """15 minutes, however often somebody fails."""
    waits = []
    for _ in range(18):
        await ctx.store.write(lambda tx: tx.run("UPDATE sign_in_failures SET blocked_until = 0"))
        await sign_in._count_attempt(ctx, "pair")
        row = await ctx.store.read(
            lambda tx: tx.one("SELECT blocked_until - failed_at AS ms FROM sign_in_failures WHERE pair_hash = 'pair'")
        )
        assert row is not None
        waits.append(max(row["ms"], 0) // 1000)

    assert waits == [0] * 4 + [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


async def test_attempts_at_the_same_time_are_all_counted(ctx: Context) -> None:
    """Many guesses at once gain nothing over one after the other."""
    counted = await asyncio.gather(*(sign_in._count_attempt(ctx, "pair") for _ in range(12)), return_exceptions=True)

    assert sum(isinstance(one, TooManyRequests) for one in counted) == 7


async def test_failures_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up accounts push out no pair that has failed more often."""
    monkeypatch.setattr(failure_rows, "MOST", 3)

    async def fail(tx: Tx, pair: str) -> None:
        await failure_rows.count(tx, pair)
        await failure_rows.add(tx, pair, blocked_ms=60_000)

    for pair in ["guessed", "guessed", *(f"made up {number}" for number in range(6))]:
        await store.write(lambda tx, pair=pair: fail(tx, pair))
    rows = await store.read(lambda tx: tx.all("SELECT pair_hash FROM sign_in_failures"))

    assert len(rows) == 3
    assert "guessed" in {row["pair_hash"] for row in rows}


async def test_a_second_factor_is_asked_for_and_used_once(ctx: Context, ada: User) -> None:
    """A code works once; the half-finished sign-in opens nothing; a recovery code works once, however spaced."""
    secret, uri = await users.start_totp(ctx, ada.id)
    assert secret in uri
    assert not (await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).needs_code  # not confirmed yet
    with pytest.raises(Invalid, match="code"):
        await users.confirm_totp(ctx, ada.id, "000000x")
    step = int(ctx.now().timestamp()) // totp.STEP_S
    codes = await users.confirm_totp(ctx, ada.id, totp.code_at(secret, step))
    later = replace(ctx, now=lambda: ctx.now() + timedelta(seconds=30))
    fresh = totp.code_at(secret, step + 1)

    half = await sign_in.with_password(later, EMAIL, PASSWORD, HOME)
    assert half.needs_code
    assert await sessions.identify(later, half.token) is None
    with pytest.raises(Unauthorized):  # it was used to confirm
        await sign_in.with_code(later, half.token, totp.code_at(secret, step), HOME)
    whole = await sign_in.with_code(later, half.token, fresh, HOME)
    assert await sessions.identify(later, whole.token) is not None
    with pytest.raises(Unauthorized, match="too long"):
        await sign_in.with_code(later, half.token, fresh, HOME)
    again = await sign_in.with_password(later, EMAIL, PASSWORD, HOME)
    with pytest.raises(Unauthorized):  # a replay
        await sign_in.with_code(later, again.token, fresh, HOME)
    await sign_in.with_code(later, again.token, codes[0].upper().replace("-", " "), HOME)
    third = await sign_in.with_password(later, EMAIL, PASSWORD, HOME)
    with pytest.raises(Unauthorized):
        await sign_in.with_code(later, third.token, codes[0], HOME)
    assert await users.count_recovery_codes(ctx, ada.id) == users.RECOVERY_CODES - 1
    with pytest.raises(Conflict):
        await users.start_totp(ctx, ada.id)
    await users.disable_totp(ctx, ada.id, PASSWORD, client=HOME)
    assert not (await sign_in.with_password(later, EMAIL, PASSWORD, HOME)).needs_code


async def test_a_changed_password_ends_other_sessions(ctx: Context, ada: User) -> None:
    """And the old password; a wrong old one changes nothing."""
    here = (await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).token
    there = (await sign_in.with_password(ctx, EMAIL, PASSWORD, ELSEWHERE)).token
    identity = await sessions.identify(ctx, here)
    assert identity is not None
    new = "another long password"

    with pytest.raises(Unauthorized):
        await users.change_password(ctx, ada.id, "wrong", new, client=HOME, keep_session_id=identity.session_id)
    await users.change_password(ctx, ada.id, PASSWORD, new, client=HOME, keep_session_id=identity.session_id)

    assert await sessions.identify(ctx, here) is not None
    assert await sessions.identify(ctx, there) is None
    assert isinstance(await attempt(ctx, PASSWORD), Unauthorized)
    assert isinstance(await attempt(ctx, new), SignedIn)


async def test_a_reset_link_works_once(ctx: Context, ada: User) -> None:
    """Looking at it, or choosing a weak password, uses up nothing."""
    link = await users.make_reset_link(replace(ctx, actor=CLI), ada.id)
    token = link.rpartition("/")[2]
    before = (await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).token

    assert (await users.find_reset(ctx, token)).id == ada.id
    with pytest.raises(Invalid):
        await users.reset_password(ctx, token, "short", HOME)
    await users.reset_password(ctx, token, "a brand new password", HOME)

    assert await sessions.identify(ctx, before) is None
    assert isinstance(await attempt(ctx, "a brand new password"), SignedIn)
    with pytest.raises(Exception, match="used or has expired"):
        await users.reset_password(ctx, token, "and one more password", HOME)


async def test_sessions_end_when_idle_and_after_a_week(ctx: Context, ada: User) -> None:
    """A session in use is marked as used every few minutes, not with each request."""
    token = (await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).token

    async def age(column: str, by: timedelta) -> None:
        ms = by // timedelta(milliseconds=1)
        await ctx.store.write(lambda tx: tx.run(f"UPDATE sessions SET {column} = {column} - $1", ms))

    fresh = await sessions.identify(ctx, token)
    assert fresh is not None
    assert not fresh.is_idle
    await age("last_used_at", sessions.TOUCH + timedelta(seconds=1))
    idle = await sessions.identify(ctx, token)
    touched = await sessions.identify(ctx, token)
    assert idle is not None
    assert touched is not None
    assert (idle.is_idle, touched.is_idle) == (True, False)
    await age("last_used_at", sessions.SESSION_IDLE + timedelta(seconds=1))
    assert await sessions.identify(ctx, token) is None
    assert await sessions.list_sessions(ctx, ada.id) == []
    token = (await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).token
    await age("expires_at", sessions.SESSION_LIVES)
    assert await sessions.identify(ctx, token) is None


async def test_a_user_ends_own_sessions_alone(ctx: Context, ada: User) -> None:
    """One by its id, or all others."""
    tokens = [(await sign_in.with_password(ctx, EMAIL, PASSWORD, HOME)).token for _ in range(3)]
    newest, _, oldest = await sessions.list_sessions(ctx, ada.id)

    with pytest.raises(Exception, match="ended already"):
        await sessions.end_session(ctx, "usr_somebody", oldest.id)
    with pytest.raises(Exception, match="ended already"):
        await sessions.end_session(ctx, None, oldest.id)
    await sessions.end_session(ctx, ada.id, oldest.id)
    assert await sessions.end_others(ctx, ada.id, newest.id) == 1

    live = [await sessions.identify(ctx, token) for token in tokens]
    assert sum(one is not None for one in live) == 1


async def test_a_sign_in_link_is_an_owner_of_every_project(ctx: Context) -> None:
    """Without a user; and of no project that does not exist."""
    project = await projects.ensure(ctx, "acme")
    link = await sessions.make_link(ctx)
    token = await sessions.sign_in(ctx, link.rpartition("/")[2], HOME)

    identity = await sessions.identify(ctx, token, project.id)
    nowhere = await sessions.identify(ctx, token, "prj_unknown")

    assert identity is not None
    assert (identity.user, identity.role) == (None, "owner")
    assert nowhere is not None
    assert nowhere.role is None
