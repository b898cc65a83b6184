"""Projects and their API keys."""

from __future__ import annotations

from datetime import datetime, timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Invalid, NotFound, Unauthorized
from greenroom.model.events import stamp
from greenroom.model.projects import ApiKey, Project, Scope
from greenroom.security.tokens import new_api_key, token_hash
from greenroom.services import audit
from greenroom.store import installation as installation_rows
from greenroom.store import projects as project_rows
from greenroom.store import users as user_rows
from greenroom.store.db import Tx

DEFAULT = "default"
LONGEST_NAME = 200
#: how long requests are counted together; it begins with the first one
WINDOW = timedelta(minutes=1)


@transaction
async def create_key(
    ctx: Context,
    tx: Tx,
    *,
    name: str,
    project: str = DEFAULT,
    scope: Scope = "admin",
    expires_at: datetime | None = None,
) -> str:
    """
    Creates an API key, and the project of this name when that is new; returns the key, which is shown this once and
    stored as a hash.

    `expires_at` is an aware time; None: the key does not expire.

    Raises:
        Invalid: an empty or too long name, a time that has passed.
    """
    now = ctx.now()
    _check_name("name", name)
    _check_name("project", project)
    if expires_at is not None and expires_at <= now:
        problem = "expires_at: has passed; give a later time"
        raise Invalid(problem, errors=[problem])
    owner = await _ensure(ctx, tx, project.strip())
    secret = new_api_key()
    key = ApiKey(
        id=ctx.new_id("key"),
        project_name=owner.name,
        name=name.strip(),
        hint=secret[-4:],
        created_at=now,
        last_used_at=None,
        revoked_at=None,
        scope=scope,
        expires_at=expires_at,
    )
    await project_rows.add_key(tx, key, owner.id, key_hash=token_hash(secret, ctx.pepper))
    detail = {"name": key.name, "scope": scope, "expires_at": stamp(expires_at) if expires_at else None}
    await audit.record(ctx, tx, "api_key.created", key.id, project_id=owner.id, detail=detail)
    return secret


def _check_name(label: str, value: str) -> None:
    if not 0 < len(value.strip()) <= LONGEST_NAME or not value.isprintable():
        problem = f"{label}: expected 1 to {LONGEST_NAME} printable characters"
        raise Invalid(problem, errors=[problem])


@transaction
async def ensure(ctx: Context, tx: Tx, name: str) -> Project:
    """
    The project of this name, made when it is new. A user who makes a project becomes its owner.

    Raises:
        Invalid: an empty or too long name.
    """
    _check_name("name", name)
    return await _ensure(ctx, tx, name.strip())


async def _ensure(ctx: Context, tx: Tx, name: str) -> Project:
    project, is_new = await project_rows.ensure(tx, ctx.new_id("prj"), name)
    if is_new:
        if ctx.actor.kind == "user" and ctx.actor.id is not None:
            await user_rows.add_member(tx, project.id, ctx.actor.id, "owner")
        await audit.record(ctx, tx, "project.created", project.id, project_id=project.id, detail={"name": name})
    return project


@transaction
async def rename(ctx: Context, tx: Tx, project_id: str, name: str) -> None:
    """
    Renames a project. Customers see the name as the vendor's.

    Raises:
        Invalid: an empty or too long name.
        Conflict: another project has the name.
        NotFound: there is no such project.
    """
    _check_name("name", name)
    await installation_rows.lock(tx)  # or two projects could take the same name at once
    project = await project_rows.find(tx, project_id)
    if project is None:
        raise NotFound(f"No project {project_id[:80]}.")
    if not await project_rows.rename(tx, project_id, name.strip()):
        problem = f"name: another project is called {name.strip()}; choose another name"
        raise Conflict(problem, errors=[problem])
    detail = {"from": project.name, "to": name.strip()}
    await audit.record(ctx, tx, "project.renamed", project_id, project_id=project_id, detail=detail)


@transaction
async def keep_for(ctx: Context, tx: Tx, project_id: str, days: int | None) -> None:
    """Keep a project's events, ended deliveries and attempts for so many days; None: as long as everybody's."""
    await project_rows.keep_for(tx, project_id, days)
    detail = {"retention_days": days}
    await audit.record(ctx, tx, "project.retention_changed", project_id, project_id=project_id, detail=detail)


@transaction
async def keep_orders_for(ctx: Context, tx: Tx, project_id: str, days: int | None) -> None:
    """Erases the content of a project's orders so many days after they were placed; None: never."""
    await project_rows.keep_orders_for(tx, project_id, days)
    detail = {"order_retention_days": days}
    await audit.record(ctx, tx, "project.retention_changed", project_id, project_id=project_id, detail=detail)


@snapshot
async def list_projects(_: Context, tx: Tx) -> list[Project]:
    """Lists all projects by name."""
    return await project_rows.list_projects(tx)


@snapshot
async def find_by_name(_: Context, tx: Tx, name: str) -> Project | None:
    """Returns the project of this name, or None."""
    return await project_rows.find_by_name(tx, name)


@snapshot
async def get(_: Context, tx: Tx, project_id: str) -> Project:
    """
    Returns a project.

    Raises:
        NotFound: the project does not exist.
    """
    project = await project_rows.find(tx, project_id)
    if project is None:
        raise NotFound(f"No project {project_id}.")
    return project


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
async def list_keys(_: Context, tx: Tx, project_id: str | None = None) -> list[ApiKey]:
    """Every key of a project that was ever made, oldest first; None: of every project."""
    return await project_rows.list_keys(tx, project_id)


@transaction
async def revoke_key(ctx: Context, tx: Tx, key_id: str, *, project_id: str | None = None) -> None:
    """
    End a key now; `project_id` keeps to the keys of one project.

    Raises:
        NotFound: no live key has this id.
    """
    revoked = await project_rows.revoke_key(tx, key_id, project_id=project_id)
    if revoked is None:
        raise NotFound(f"No live key has the id {key_id}. `greenroom keys list` shows them.")
    name, owner_id = revoked
    await audit.record(ctx, tx, "api_key.revoked", key_id, project_id=owner_id, detail={"name": name})


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
        Unauthorized: no key, an unknown, a revoked or an expired one.
    """
    project = await project_rows.find_by_key(tx, token_hash(key, ctx.pepper)) if key else None
    if project is None:
        raise Unauthorized
    return project
