"""Projects and their API keys."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Invalid, NotFound, Unauthorized
from greenroom.model.projects import ApiKey, Project
from greenroom.security.tokens import new_api_key, token_hash
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx, to_ms

DEFAULT = "default"
#: window of the rate limit; begins with its first request
WINDOW = timedelta(minutes=1)


@transaction
async def create_key(ctx: Context, tx: Tx, *, name: str, project: str = DEFAULT) -> str:
    """
    Creates an API key, and its project if that is new; returns the key.

    The key is shown only once; its hash is stored.

    Raises:
        Invalid: a name is empty.
    """
    for label, value in (("name", name), ("project", project)):
        if not value.strip():
            raise Invalid(f"{label}: give it a name", errors=[f"{label}: empty"])
    owner = await project_rows.ensure(tx, ctx.new_id("prj"), project.strip())
    key = new_api_key()
    await project_rows.add_key(
        tx,
        ctx.new_id("key"),
        owner.id,
        name.strip(),
        hint=key[-4:],
        key_hash=token_hash(key, ctx.pepper),
        at=to_ms(ctx.now()),
    )
    return key


@transaction
async def ensure(ctx: Context, tx: Tx, name: str) -> Project:
    """Returns the project of this name; creates it if it is new."""
    return await project_rows.ensure(tx, ctx.new_id("prj"), name)


@transaction
async def keep_for(_: Context, tx: Tx, project_id: str, days: int | None) -> None:
    """
    Sets the retention of a project's events, ended deliveries and attempts.

    None: the operator's setting applies.
    """
    await project_rows.keep_for(tx, project_id, days)


@snapshot
async def list_projects(_: Context, tx: Tx) -> list[Project]:
    """Lists all projects by name."""
    return await project_rows.list_projects(tx)


@snapshot
async def find_by_name(_: Context, tx: Tx, name: str) -> Project | None:
    """Returns the project of this name, or None."""
    return await project_rows.find_by_name(tx, name)


@snapshot
async def name_of(_: Context, tx: Tx, project_id: str) -> str:
    """
    Returns a project's name, which customers see as the vendor's.

    Raises:
        NotFound: the project does not exist.
    """
    project = await project_rows.find(tx, project_id)
    if project is None:
        raise NotFound(f"No project {project_id}.")
    return project.name


@snapshot
async def list_keys(_: Context, tx: Tx) -> list[ApiKey]:
    """Lists all keys, revoked ones too, oldest first."""
    return await project_rows.list_keys(tx)


@transaction
async def revoke_key(_: Context, tx: Tx, key_id: str) -> None:
    """
    Revokes a key with immediate effect.

    Raises:
        NotFound: no live key has this id.
    """
    if not await project_rows.revoke_key(tx, key_id):
        raise NotFound(f"No live key has the id {key_id}. `greenroom keys list` shows them.")


@transaction(kind="short")
async def draw_permits(ctx: Context, tx: Tx, key: str, wanted: int) -> tuple[int, timedelta]:
    """
    Counts requests against an API key's rate limit before they are made, and notes that the key is used.

    Returns the requests counted in the current window by all processes, and the time until the window ends. The count
    may exceed the limit: the requests above it must be refused.

    Raises:
        Unauthorized: the key does not exist.
    """
    window_ms = int(WINDOW.total_seconds() * 1000)
    drawn = await project_rows.draw_permits(tx, token_hash(key, ctx.pepper), wanted, window_ms=window_ms)
    if drawn is None:
        raise Unauthorized
    return drawn[0], timedelta(milliseconds=drawn[1])


@snapshot(kind="batchable")
async def authenticate(ctx: Context, tx: Tx, key: str | None) -> Project:
    """
    Returns the project of an API key.

    Raises:
        Unauthorized: the key is missing, unknown or revoked.
    """
    project = await project_rows.find_by_key(tx, token_hash(key, ctx.pepper)) if key else None
    if project is None:
        raise Unauthorized
    return project
