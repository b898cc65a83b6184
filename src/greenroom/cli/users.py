"""`greenroom users`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.model.people import Client, Role, User
from greenroom.model.projects import Project
from greenroom.services import installation, members, projects, users

app = typer.Typer(help="People of the dashboard: create, list, invite, reset.", no_args_is_help=True)
Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]
Email = Annotated[str, typer.Option(help="The person's e-mail address.")]
RoleOption = Annotated[Role, typer.Option(help="owner, developer or viewer.")]


@app.command("create")
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="The person's name.")],
    project: Annotated[str, typer.Option(help="The project they are a member of.")] = projects.DEFAULT,
    role: RoleOption = "owner",
    data: Data = None,
) -> None:
    """Create a user. The password is asked for, or read as one line from stdin when that is no terminal."""
    password = _read_password()

    async def run(ctx: Context) -> User:
        found = await _find_project(ctx, project)
        return await users.create(ctx, email=email, name=name, password=password, project_ids=[found.id], role=role)

    user = with_context(data, run)
    print(f"Created {user.id}, {user.email}, {role} of {project}.")


@app.command("list")
def list_users(data: Data = None) -> None:
    """Show every user: id, e-mail address, name, roles, whether sign-in asks for a code."""
    for user, roles in with_context(data, users.list_users):
        shown = ", ".join(f"{role} of {project}" for project, role in roles.items()) or "no project"
        print(f"{user.id}  {user.email}  {user.name}  {shown}{'  two-factor' if user.has_totp else ''}")


@app.command("invite")
def invite(
    email: Email,
    project: Annotated[str, typer.Option(help="The project they are invited to.")] = projects.DEFAULT,
    role: RoleOption = "developer",
    data: Data = None,
) -> None:
    """Print a link by which a person joins a project, once, within seven days."""

    async def run(ctx: Context) -> str:
        ctx = await installation.with_public_url(ctx)
        found = await _find_project(ctx, project)
        return (await members.invite(ctx, found.id, email=email, role=role))[1]

    print(with_context(data, run))


@app.command("reset")
def reset(
    email: Email,
    totp_off: Annotated[
        bool, typer.Option("--totp-off", help="Turn two-factor sign-in off, for somebody who lost their device.")
    ] = False,
    data: Data = None,
) -> None:
    """Print a link by which a user chooses a new password, once, within an hour."""

    async def run(ctx: Context) -> str:
        ctx = await installation.with_public_url(ctx)
        user = await users.find_by_email(ctx, email)
        if user is None:
            raise NotFound(f"No user has the e-mail address {email}. `greenroom users list` shows them.")
        if totp_off:
            await users.disable_totp(ctx, user.id, None, client=Client())
        return await users.make_reset_link(ctx, user.id)

    print(with_context(data, run))


async def _find_project(ctx: Context, name: str) -> Project:
    found = await projects.find_by_name(ctx, name)
    if found is None:
        raise NotFound(f"No project {name}. `greenroom keys create --project {name} --name …` creates it.")
    return found


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
