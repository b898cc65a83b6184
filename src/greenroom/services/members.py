"""The members of a project: their roles, and the invitations by which they come."""

from __future__ import annotations

import secrets
from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Forbidden, NotFound
from greenroom.model.audit import Actor
from greenroom.model.people import Client, Invitation, Member, Role, SignedIn, User
from greenroom.security import passwords
from greenroom.security.tokens import token_hash
from greenroom.services import audit, sessions, users
from greenroom.services.sessions import to_whole_ms
from greenroom.store import one_time_tokens as token_rows
from greenroom.store import projects as project_rows
from greenroom.store import users as user_rows
from greenroom.store.db import Row, Tx

INVITATION_LIVES = timedelta(days=7)
#: open invitations of a project, and members
MOST_INVITATIONS = 100
MOST_MEMBERS = 500
ENDED = "This invitation was used, withdrawn, or has expired. Ask whoever sent it for a new one."


@snapshot
async def list_members(_: Context, tx: Tx, project_id: str) -> list[Member]:
    """Returns a project's members by e-mail address, 500 at the most."""
    return await user_rows.list_members(tx, project_id)


@transaction
async def change_role(ctx: Context, tx: Tx, project_id: str, user_id: str, role: Role) -> None:
    """
    Changes a member's role, from their next request on. The same role changes nothing.

    Raises:
        NotFound: the user is not a member of the project.
        Conflict: the member is the project's last owner (`LastOwner`).
    """
    old = await _member_role(tx, project_id, user_id)
    if old == role:
        return
    if old == "owner":
        await _check_other_owner(tx, project_id)
    await user_rows.set_role(tx, project_id, user_id, role)
    detail = {"from": old, "to": role}
    await audit.record(ctx, tx, "member.role_changed", user_id, project_id=project_id, detail=detail)


@transaction
async def remove(ctx: Context, tx: Tx, project_id: str, user_id: str) -> None:
    """
    Removes a member from a project, from their next request on; the user stays.

    Raises:
        NotFound: the user is not a member of the project.
        Conflict: the member is the project's last owner (`LastOwner`).
    """
    old = await _member_role(tx, project_id, user_id)
    if old == "owner":
        await _check_other_owner(tx, project_id)
    await user_rows.set_role(tx, project_id, user_id, None)
    await audit.record(ctx, tx, "member.removed", user_id, project_id=project_id, detail={"role": old})


async def _member_role(tx: Tx, project_id: str, user_id: str) -> Role:
    await project_rows.lock(tx, project_id)  # or two owners could remove each other
    role = await user_rows.find_role(tx, project_id, user_id)
    if role is None:
        raise NotFound("This person is not a member of the project.")
    return role


async def _check_other_owner(tx: Tx, project_id: str) -> None:
    if await user_rows.count_owners(tx, project_id) < 2:
        raise Conflict("This is the project's last owner. Make another member an owner first.", code="LastOwner")


@transaction
async def invite(ctx: Context, tx: Tx, project_id: str, *, email: str, role: Role) -> tuple[Invitation, str]:
    """
    Invites a person to a project; returns the invitation and its link, `…/invitations/{token}`, shown this once.

    The link works once within seven days. An open invitation of the same person to the project is replaced.

    Raises:
        Invalid: `email` is no e-mail address.
        Conflict: the person is a member already (`AlreadyMember`), or too many invitations are open (`QuotaReached`).
        NotFound: there is no such project.
    """
    email = users.check_email(email)
    if await project_rows.find(tx, project_id) is None:
        raise NotFound(f"No project {project_id}.")
    await project_rows.lock(tx, project_id)
    known = await user_rows.find_by_email(tx, email)
    if known is not None and await user_rows.find_role(tx, project_id, known["id"]):
        problem = f"email: {email} is a member already; change the role instead"
        raise Conflict(problem, code="AlreadyMember", errors=[problem])
    is_full = len(await token_rows.list_invitations(tx, project_id)) >= MOST_INVITATIONS
    if is_full or len(await user_rows.list_members(tx, project_id)) >= MOST_MEMBERS:
        raise Conflict(
            f"The project has {MOST_INVITATIONS} open invitations or {MOST_MEMBERS} members, the most it may have. "
            "Withdraw some invitations, or remove members.",
            code="QuotaReached",
        )
    token = secrets.token_urlsafe(32)
    hashed = token_hash(token, ctx.pepper)
    await token_rows.add(
        tx,
        ctx.new_id("inv"),
        "invitation",
        hashed,
        lives_ms=to_whole_ms(INVITATION_LIVES),
        project_id=project_id,
        email=email,
        role=role,
        created_by=ctx.actor.name,
    )
    invitation = token_rows.read_invitation(await _open_row(tx, hashed))
    detail = {"email": email, "role": role}
    await audit.record(ctx, tx, "invitation.created", invitation.id, project_id=project_id, detail=detail)
    return invitation, f"{ctx.settings.public_url}/invitations/{token}"


@snapshot
async def list_invitations(_: Context, tx: Tx, project_id: str) -> list[Invitation]:
    """Returns a project's open invitations, newest first, 100 at the most."""
    return await token_rows.list_invitations(tx, project_id)


@transaction
async def revoke_invitation(ctx: Context, tx: Tx, project_id: str, invitation_id: str) -> None:
    """
    Withdraws an open invitation; its link ends now.

    Raises:
        NotFound: the project has no such open invitation.
    """
    email = await token_rows.revoke(tx, project_id, invitation_id)
    if email is None:
        raise NotFound("This invitation was used, withdrawn, or has expired.")
    await audit.record(ctx, tx, "invitation.revoked", invitation_id, project_id=project_id, detail={"email": email})


@snapshot
async def find_invitation(ctx: Context, tx: Tx, token: str) -> Invitation:
    """
    Returns the invitation of a link; uses up nothing, so a GET may call it.

    When `Invitation.has_user` is set, the person signs in and `join` accepts it; otherwise `accept` makes a user.

    Raises:
        NotFound: the link is unknown, was used, or has expired.
    """
    return token_rows.read_invitation(await _open_row(tx, token_hash(token, ctx.pepper)))


async def accept(ctx: Context, token: str, *, name: str, password: str, client: Client) -> SignedIn:
    """
    Uses up an invitation: makes a user with its e-mail address and role, and signs them in.

    Raises:
        NotFound: the link is unknown, was used, or has expired.
        Invalid: the name or the password is not acceptable; the link still works.
        Conflict: the address belongs to a user already (`EmailTaken`): sign in, then `join`.
    """
    invitation = await find_invitation(ctx, token)
    name = users.check_name(name)
    passwords.check(password, email=invitation.email)
    hashed = await passwords.hash_password(password, source=client.source)
    return await _accept(ctx, token, name, hashed, client)


@transaction
async def _accept(ctx: Context, tx: Tx, token: str, name: str, hashed: str, client: Client) -> SignedIn:
    invitation = await _use(ctx, tx, token)
    actor = Actor("user", None, invitation.email, client.address)
    user = await users.add(ctx, tx, email=invitation.email, name=name, password_hash=hashed, actor=actor)
    actor = Actor("user", user.id, user.email, client.address)
    await _add_member(ctx, tx, invitation, user.id, actor)
    return SignedIn(await sessions.begin(ctx, tx, actor, client), user)


@transaction
async def join(ctx: Context, tx: Tx, token: str, user: User) -> Invitation:
    """
    Uses up an invitation for a user who is signed in; returns the invitation, with the project to go to.

    Raises:
        NotFound: the link is unknown, was used, or has expired.
        Forbidden: the invitation is for another e-mail address.
    """
    found = token_rows.read_invitation(await _open_row(tx, token_hash(token, ctx.pepper)))
    if found.email != user.email:
        raise Forbidden(
            f"This invitation is for {found.email}, and you are signed in as {user.email}. Sign in as them."
        )
    invitation = await _use(ctx, tx, token)
    actor = Actor("user", user.id, user.email, ctx.actor.address)
    await _add_member(ctx, tx, invitation, user.id, actor)
    return invitation


async def _add_member(ctx: Context, tx: Tx, invitation: Invitation, user_id: str, actor: Actor) -> None:
    if not await user_rows.add_member(tx, invitation.project_id, user_id, invitation.role):
        raise Conflict("You are a member of this project already.", code="AlreadyMember")
    detail = {"email": invitation.email, "role": invitation.role}
    await audit.record(
        ctx, tx, "invitation.accepted", invitation.id, project_id=invitation.project_id, detail=detail, actor=actor
    )


async def _use(ctx: Context, tx: Tx, token: str) -> Invitation:
    hashed = token_hash(token, ctx.pepper)
    invitation = token_rows.read_invitation(await _open_row(tx, hashed))
    if not await token_rows.use(tx, "invitation", hashed):
        raise NotFound(ENDED)
    return invitation


async def _open_row(tx: Tx, hashed: str) -> Row:
    row = await token_rows.find(tx, "invitation", hashed)
    if row is None:
        raise NotFound(ENDED)
    return row
