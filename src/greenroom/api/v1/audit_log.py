"""`/v1/audit_log`: changes and reveals of secrets in the project."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Instant, Next, Page, PageSize, Plain, after, page
from greenroom.errors import BadRequest
from greenroom.model.audit import ACTIONS, ActorKind, AuditEntry, AuditFilter
from greenroom.model.events import stamp
from greenroom.services import audit

router = APIRouter(prefix="/v1/audit_log", tags=["Audit log"], route_class=KeyedRoute)


class ActorOut(BaseModel):
    """Who acted: a user, an API key, a person at the command line, or the holder of a link."""

    kind: ActorKind = Field(description="What kind of actor it is.")
    id: str | None = Field(description="The key's or person's id.")
    name: str | None = Field(description="An e-mail address, the name of the key, or a login name.")
    address: str | None = Field(description="The IP address that the request came from.")


class AuditEntryOut(BaseModel):
    """One change, or one reveal of a secret; there is no secret in it."""

    id: str = Field(description="The entry's id.")
    at: str = Field(description="When it happened.")
    actor: ActorOut
    action: str = Field(examples=["webhook.changed"], description="A stable word.")
    description: str = Field(examples=["Changed a webhook"], description="The action in words.")
    object_type: str = Field(examples=["webhook"], description="What was changed or revealed.")
    object_id: str | None = Field(description="Its id.")
    detail: dict[str, Any] = Field(description="Names of the changed fields, and new values that are no secrets.")


@router.get("", operation_id="list_audit_log", responses=documented(400, 401))
async def list_entries(
    ctx: Ctx,
    project: Caller,
    action: Annotated[Plain | None, Query(description="One action, such as `webhook.changed`.")] = None,
    actor_kind: Annotated[ActorKind | None, Query(description="Entries of such actors alone.")] = None,
    actor_id: Annotated[Plain | None, Query(description="The id of a user or an API key.")] = None,
    object_id: Annotated[Plain | None, Query(description="The id of the changed object.")] = None,
    since: Annotated[Instant, Query(description="At this time or later.")] = None,
    until: Annotated[Instant, Query(description="Before this time.")] = None,
    page_size: PageSize = 25,
    next: Next = None,
) -> Page[AuditEntryOut]:
    """Who changed or revealed what, newest first."""
    if action and action not in ACTIONS:
        problem = f"action: {action[:60]!r} is not an action. Known: {', '.join(ACTIONS)}"
        raise BadRequest(problem, errors=[problem])
    wanted = AuditFilter(action or None, actor_kind, actor_id, object_id, since, until)
    found = await audit.list_entries(ctx, project.id, wanted, before=after(next, "aud"), limit=page_size + 1)
    return page([shown(one) for one in found], page_size, [one.id for one in found])


def shown(entry: AuditEntry) -> AuditEntryOut:
    """An entry as the API shows it."""
    actor = entry.actor
    return AuditEntryOut(
        id=entry.id,
        at=stamp(entry.at),
        actor=ActorOut(kind=actor.kind, id=actor.id, name=actor.name, address=actor.address),
        action=entry.action,
        description=ACTIONS.get(entry.action, entry.action),
        object_type=entry.object_type,
        object_id=entry.object_id,
        detail=entry.detail,
    )
