"""Sessions of the dashboard, and the link that works once: for the first owner, and for emergencies."""

from __future__ import annotations

import secrets
from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import NotFound, Unauthorized
from greenroom.model.audit import Actor
from greenroom.model.people import LONGEST_USER_AGENT, Client, Identity, Role, Session
from greenroom.model.projects import Project
from greenroom.security.tokens import token_hash
from greenroom.services import audit
from greenroom.store import projects as project_rows
from greenroom.store import sessions as session_rows
from greenroom.store import users as user_rows
from greenroom.store.db import Tx

LINK_LIVES = timedelta(minutes=15)
#: a session ends this long after its start …
SESSION_LIVES = timedelta(days=7)
#: … and after this long without a request
SESSION_IDLE = timedelta(days=1)
#: how exactly a session's last use is known: one write in this time
TOUCH = timedelta(minutes=5)
#: the id of the first code there is: of processes that start together one can make it
FIRST = "sic_first"


def to_whole_ms(span: timedelta) -> int:
    """Returns a time span as whole milliseconds."""
    return span // timedelta(milliseconds=1)


@transaction
async def make_link(ctx: Context, tx: Tx) -> str:
    """The URL that signs in the owner, once, within `LINK_LIVES`."""
    code_id = ctx.new_id("sic")
    link = await _link(ctx, tx, code_id)
    assert link is not None  # noqa: S101 - nobody has made this id before
    await audit.record(ctx, tx, "sign_in_link.created", code_id, project_id=None)
    return link


@transaction
async def first_link(ctx: Context, tx: Tx) -> str | None:
    """Returns the first link of an installation, in one process only; None if there was a link before."""
    return None if await session_rows.has_codes(tx) else await _link(ctx, tx, FIRST)


async def _link(ctx: Context, tx: Tx, code_id: str) -> str | None:
    code = secrets.token_urlsafe(32)
    lives_ms = to_whole_ms(LINK_LIVES)
    if not await session_rows.add_code(tx, code_id, token_hash(code, ctx.pepper), lives_ms=lives_ms):
        return None
    return f"{ctx.settings.public_url}/sign-in/{code}"


WRONG_LINK = "This link was used or has expired. `greenroom sign-in-link` prints a new one."


@snapshot
async def check_link(ctx: Context, tx: Tx, code: str) -> None:
    """
    Checks that a sign-in link can be used, without using it.

    Raises:
        Unauthorized: the code is unknown, used or expired; the message is always the same.
    """
    if not await session_rows.is_open_code(tx, token_hash(code, ctx.pepper)):
        raise Unauthorized(WRONG_LINK)


@transaction
async def sign_in(ctx: Context, tx: Tx, code: str, client: Client | None = None) -> str:
    """
    Uses up a sign-in link; returns the token of a new session without a user, an owner of every project.

    Raises:
        Unauthorized: the code is unknown, used or expired; the message is always the same.
    """
    if not await session_rows.use_code(tx, token_hash(code, ctx.pepper)):
        raise Unauthorized(WRONG_LINK)
    return await begin(ctx, tx, Actor("sign_in_link", name="sign-in link"), client or Client())


async def begin(ctx: Context, tx: Tx, actor: Actor, client: Client) -> str:
    """Starts a session, inside another service's transaction; returns its token. An actor without id has no user."""
    token, session_id = secrets.token_urlsafe(32), ctx.new_id("ses")
    user_agent = "".join(character for character in client.user_agent or "" if character.isprintable())
    await session_rows.add(
        tx,
        session_id,
        token_hash(token, ctx.pepper),
        user_id=actor.id,
        network=client.network,
        user_agent=user_agent[:LONGEST_USER_AGENT] or None,
        lives_ms=to_whole_ms(SESSION_LIVES),
        idle_ms=to_whole_ms(SESSION_IDLE),
    )
    actor = Actor(actor.kind, actor.id or session_id, actor.name, client.address)
    await audit.record(ctx, tx, "session.started", session_id, project_id=None, actor=actor)
    return token


async def identify(ctx: Context, token: str | None, project_id: str | None = None) -> Identity | None:
    """
    Returns whose live session a token is, and its role in a project; None when there is no such session.

    One query; every five minutes of use also a write. Without `project_id`, or when the session may not see the
    project, `Identity.project` and `Identity.role` are None: answer then as if there were no such project.
    """
    found = await _identify(ctx, token_hash(token, ctx.pepper), project_id) if token else None
    if found is not None and found.is_idle:
        await _touch(ctx, found.session_id)
    return found


@snapshot(kind="batchable")
async def _identify(_: Context, tx: Tx, hashed: str, project_id: str | None) -> Identity | None:
    idle_ms, touch_ms = to_whole_ms(SESSION_IDLE), to_whole_ms(TOUCH)
    return await session_rows.identify(tx, hashed, project_id, idle_ms=idle_ms, touch_ms=touch_ms)


@transaction(kind="short")
async def _touch(_: Context, tx: Tx, session_id: str) -> None:
    await session_rows.touch(tx, session_id)


@snapshot
async def list_projects(_: Context, tx: Tx, identity: Identity) -> list[tuple[Project, Role]]:
    """Returns the projects that a session may see, by name, with its role in each."""
    if identity.user is not None:
        return await user_rows.list_projects(tx, identity.user.id)
    return [(project, "owner") for project in await project_rows.list_projects(tx)]


@snapshot
async def list_sessions(_: Context, tx: Tx, user_id: str | None) -> list[Session]:
    """Returns a user's live sessions, newest first, 100 at the most; None: those of sign-in links."""
    return await session_rows.list_sessions(tx, user_id, idle_ms=to_whole_ms(SESSION_IDLE))


@transaction
async def end_session(ctx: Context, tx: Tx, user_id: str | None, session_id: str) -> None:
    """
    Ends one of a user's sessions now; None: one of a sign-in link.

    Raises:
        NotFound: the user has no such session.
    """
    if not await session_rows.end(tx, session_id, user_id):
        raise NotFound("This session has ended already.")
    await audit.record(ctx, tx, "session.ended", session_id, project_id=None)


@transaction
async def end_others(ctx: Context, tx: Tx, user_id: str, keep_session_id: str | None) -> int:
    """Ends all sessions of a user but one; returns how many."""
    ended = await session_rows.end_others(tx, user_id, keep=keep_session_id)
    if ended:
        await audit.record(ctx, tx, "session.ended", user_id, project_id=None, detail={"sessions": ended})
    return ended


@transaction
async def sign_out(ctx: Context, tx: Tx, token: str, client: Client | None = None) -> None:
    """Ends the session of a token; does nothing when there is none."""
    ended = await session_rows.end_by_hash(tx, token_hash(token, ctx.pepper))
    if ended is None:
        return
    session_id, user_id = ended
    row = await user_rows.find(tx, user_id) if user_id else None
    address = client.address if client else None
    actor = Actor("sign_in_link", session_id, "sign-in link", address)
    if row is not None:
        actor = Actor("user", row["id"], row["email"], address)
    await audit.record(ctx, tx, "session.ended", session_id, project_id=None, actor=actor)
