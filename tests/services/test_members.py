"""Members of a project and invitations, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from greenroom.context import Context
from greenroom.errors import Conflict, Forbidden, Invalid, NotFound
from greenroom.model.audit import Actor
from greenroom.model.people import Client, User
from greenroom.model.projects import Project
from greenroom.services import members, projects, sessions, sign_in, users

PASSWORD = "correct horse battery staple"
HOME = Client("203.0.113.7")
CLI = Actor("cli", name="root")


@pytest.fixture
async def acme(ctx: Context) -> Project:
    """A project."""
    return await projects.ensure(ctx, "acme")


async def create(ctx: Context, name: str, *project_ids: str) -> User:
    """A user who owns these projects."""
    operator = replace(ctx, actor=CLI)
    return await users.create(
        operator, email=f"{name}@example.com", name=name, password=PASSWORD, project_ids=project_ids
    )


def acting(ctx: Context, user: User) -> Context:
    """The context of a user's request."""
    return replace(ctx, actor=Actor("user", user.id, user.email, HOME.address))


async def test_an_invitation_makes_a_member_once(ctx: Context, acme: Project) -> None:
    """Looking at the link and a weak password use up nothing; the second use is refused."""
    ada = await create(ctx, "ada", acme.id)
    invitation, link = await members.invite(acting(ctx, ada), acme.id, email="Bob@Example.com", role="viewer")
    token = link.rpartition("/")[2]

    assert await members.find_invitation(ctx, token) == invitation
    assert (invitation.email, invitation.has_user, invitation.invited_by) == ("bob@example.com", False, ada.email)
    with pytest.raises(Invalid, match="password"):
        await members.accept(ctx, token, name="Bob", password="short", client=HOME)
    with pytest.raises(Invalid, match="name"):
        await members.accept(ctx, token, name=" \x00", password=PASSWORD, client=HOME)
    accepted = await members.accept(ctx, token, name=" Bob ", password=PASSWORD, client=HOME)

    identity = await sessions.identify(ctx, accepted.token, acme.id)
    assert identity is not None
    assert identity.user is not None
    assert (identity.user.name, identity.role) == ("Bob", "viewer")
    assert [(one.user.email, one.role) for one in await members.list_members(ctx, acme.id)] == [
        ("ada@example.com", "owner"),
        ("bob@example.com", "viewer"),
    ]
    assert await members.list_invitations(ctx, acme.id) == []
    with pytest.raises(NotFound):
        await members.accept(ctx, token, name="Bob", password=PASSWORD, client=HOME)
    with pytest.raises(Conflict, match="member already"):
        await members.invite(acting(ctx, ada), acme.id, email="bob@example.com", role="owner")


async def test_a_link_is_used_by_one_of_many(ctx: Context, acme: Project) -> None:
    """Who come at the same time."""
    _, link = await members.invite(ctx, acme.id, email="bob@example.com", role="viewer")
    token = link.rpartition("/")[2]

    came = [
        members.accept(ctx, token, name="Bob", password=PASSWORD, client=Client(f"203.0.113.{n}")) for n in (1, 2, 3)
    ]
    results = await asyncio.gather(*came, return_exceptions=True)

    assert sum(not isinstance(one, Exception) for one in results) == 1
    assert all(isinstance(one, NotFound | Conflict) for one in results if isinstance(one, Exception))


async def test_a_user_joins_another_project(ctx: Context, acme: Project) -> None:
    """With their account; nobody joins by an invitation of another user, and nobody takes over an account with it."""
    bob, eve = await create(ctx, "bob"), await create(ctx, "eve")
    invitation, link = await members.invite(ctx, acme.id, email=bob.email, role="developer")
    token = link.rpartition("/")[2]

    assert invitation.has_user
    with pytest.raises(Forbidden, match=r"bob@example\.com"):
        await members.join(acting(ctx, eve), token, eve)
    with pytest.raises(Conflict, match="sign in instead"):
        await members.accept(ctx, token, name="Eve", password="eve's own password", client=HOME)
    await members.join(acting(ctx, bob), token, bob)

    signed_in = await sign_in.with_password(ctx, bob.email, PASSWORD, HOME)
    identity = await sessions.identify(ctx, signed_in.token, acme.id)
    assert identity is not None
    assert (identity.can("developer"), identity.can("owner")) == (True, False)


async def test_an_invitation_is_replaced_and_withdrawn(ctx: Context, acme: Project) -> None:
    """The last link of a person counts; another project cannot withdraw it; an expired one ends."""
    _, first = await members.invite(ctx, acme.id, email="bob@example.com", role="viewer")
    invitation, second = await members.invite(ctx, acme.id, email="bob@example.com", role="owner")
    other = await projects.ensure(ctx, "other")

    assert await members.list_invitations(ctx, acme.id) == [invitation]
    with pytest.raises(NotFound):
        await members.find_invitation(ctx, first.rpartition("/")[2])
    with pytest.raises(NotFound):
        await members.revoke_invitation(ctx, other.id, invitation.id)
    await members.revoke_invitation(ctx, acme.id, invitation.id)
    with pytest.raises(NotFound):
        await members.find_invitation(ctx, second.rpartition("/")[2])
    _, third = await members.invite(ctx, acme.id, email="bob@example.com", role="viewer")
    await ctx.store.write(lambda tx: tx.run("UPDATE one_time_tokens SET expires_at = created_at"))
    with pytest.raises(NotFound):
        await members.accept(ctx, third.rpartition("/")[2], name="Bob", password=PASSWORD, client=HOME)


async def test_the_last_owner_stays(ctx: Context, acme: Project) -> None:
    """Also when two owners remove each other at the same time; a removed member sees nothing from then on."""
    ada, bob = await create(ctx, "ada", acme.id), await create(ctx, "bob", acme.id)
    token = (await sign_in.with_password(ctx, bob.email, PASSWORD, HOME)).token

    results = await asyncio.gather(
        members.remove(ctx, acme.id, ada.id),
        members.change_role(ctx, acme.id, bob.id, "viewer"),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in results) == 1
    for one in await members.list_members(ctx, acme.id):
        if one.role == "owner":
            with pytest.raises(Conflict, match="last owner"):
                await members.remove(ctx, acme.id, one.user.id)
            with pytest.raises(Conflict, match="last owner"):
                await members.change_role(ctx, acme.id, one.user.id, "developer")
            await members.change_role(ctx, acme.id, one.user.id, "owner")
    await create(ctx, "eve", acme.id)
    await members.remove(ctx, acme.id, bob.id)
    identity = await sessions.identify(ctx, token, acme.id)
    assert identity is not None
    assert identity.role is None
    with pytest.raises(NotFound):
        await members.remove(ctx, acme.id, bob.id)


async def test_a_reset_link_opens_no_foreign_project(ctx: Context, acme: Project) -> None:
    """An owner of one project resets only who is in no project of others."""
    other = await projects.ensure(ctx, "other")
    ada = await create(ctx, "ada", acme.id)
    bob = await create(ctx, "bob", acme.id)
    eve = await create(ctx, "eve", acme.id, other.id)

    assert await users.make_reset_link(acting(ctx, ada), bob.id)
    with pytest.raises(Forbidden):
        await users.make_reset_link(acting(ctx, ada), eve.id)
    assert await users.make_reset_link(acting(ctx, eve), ada.id)
    assert await users.make_reset_link(replace(ctx, actor=CLI), eve.id)
    with pytest.raises(Forbidden):
        await users.create(acting(ctx, ada), email="x@example.com", name="X", password=PASSWORD)


async def test_who_makes_a_project_owns_it(ctx: Context) -> None:
    """A user; a project that exists stays as it is."""
    ada, bob = await create(ctx, "ada"), await create(ctx, "bob")

    project = await projects.ensure(acting(ctx, ada), "new")
    assert await projects.ensure(acting(ctx, bob), "new") == project

    assert [one.user.email for one in await members.list_members(ctx, project.id)] == [ada.email]


@pytest.mark.parametrize("email", ["", "ada", "a b@example.com", "ada@", "x" * 250 + "@a.io", "a\x00@b.c", "a@b@c"])
async def test_what_is_no_address_is_refused(ctx: Context, acme: Project, email: str) -> None:
    """The message names the field."""
    with pytest.raises(Invalid, match="email"):
        await members.invite(ctx, acme.id, email=email, role="viewer")
