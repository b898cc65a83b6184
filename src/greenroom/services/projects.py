"""Projects and the API keys that open them."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Invalid, NotFound, Unauthorized
from greenroom.model.projects import ApiKey, Project
from greenroom.security.tokens import new_api_key, token_hash
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx, to_ms

DEFAULT = "default"
#: how long requests are counted together; it begins with the first one
WINDOW = timedelta(minutes=1)


@transaction
async def create_key(ctx: Context, tx: Tx, *, name: str, project: str = DEFAULT) -> str:
    """
    Make an API key, and its project when that is new. The key, which is shown this once and kept as a hash.

    Raises:
        Invalid: an empty name.
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
    """The project of this name, made when it is new."""
    return await project_rows.ensure(tx, ctx.new_id("prj"), name)


@transaction
async def keep_for(_: Context, tx: Tx, project_id: str, days: int | None) -> None:
    """Keep a project's events, ended deliveries and attempts for so many days; None: as long as everybody's."""
    await project_rows.keep_for(tx, project_id, days)


@snapshot
async def list_projects(_: Context, tx: Tx) -> list[Project]:
    """Every project, by name."""
    return await project_rows.list_projects(tx)


@snapshot
async def find_by_name(_: Context, tx: Tx, name: str) -> Project | None:
    """The project of this name."""
    return await project_rows.find_by_name(tx, name)


@snapshot
async def name_of(_: Context, tx: Tx, project_id: str) -> str:
    """
    The name of a project, which customers know as the vendor's.

    Raises:
        NotFound: there is none.
    """
    project = await project_rows.find(tx, project_id)
    if project is None:
        raise NotFound(f"No project {project_id}.")
    return project.name


@snapshot
async def list_keys(_: Context, tx: Tx) -> list[ApiKey]:
    """Every key that was ever made, oldest first."""
    return await project_rows.list_keys(tx)


@transaction
async def revoke_key(_: Context, tx: Tx, key_id: str) -> None:
    """
    End a key now.

    Raises:
        NotFound: no live key has this id.
    """
    if not await project_rows.revoke_key(tx, key_id):
        raise NotFound(f"No live key has the id {key_id}. `greenroom keys list` shows them.")


@transaction(kind="short")
async def draw_permits(ctx: Context, tx: Tx, key: str, wanted: int) -> tuple[int, timedelta]:
    """
    Count requests in the minute of an API key, before they are made, and remember that the key is in use.

    How many were counted in this minute by now, by every process together, and the time until it ends. More than the
    limit may be counted: the last of them are not to be made.

    Raises:
        Unauthorized: there is no such key.
    """
    window_ms = int(WINDOW.total_seconds() * 1000)
    drawn = await project_rows.draw_permits(tx, token_hash(key, ctx.pepper), wanted, window_ms=window_ms)
    if drawn is None:
        raise Unauthorized
    return drawn[0], timedelta(milliseconds=drawn[1])


@snapshot(kind="batchable")
async def authenticate(ctx: Context, tx: Tx, key: str | None) -> Project:
    """
    The project that an API key opens.

    Raises:
        Unauthorized: no key, an unknown or a revoked one.
    """
    project = await project_rows.find_by_key(tx, token_hash(key, ctx.pepper)) if key else None
    if project is None:
        raise Unauthorized
    return project
