"""`/v1/project`: how long the project of an API key keeps its data."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import StrictBody, example
from greenroom.services import projects
from greenroom.settings import LONGEST_DAYS

router = APIRouter(prefix="/v1/project", tags=["Project"], route_class=KeyedRoute)

RETENTION = "Days after which events, ended deliveries and attempts are deleted; null: GREENROOM_RETENTION_DAYS."
ORDER_RETENTION = "Days after which the content of orders is erased, ended or not; null: never."


class ProjectIn(StrictBody):
    """A change of the project; fields that are left out stay."""

    model_config = example(order_retention_days=180)

    retention_days: int | None = Field(None, ge=1, le=LONGEST_DAYS, description=RETENTION)
    order_retention_days: int | None = Field(None, ge=1, le=LONGEST_DAYS, description=ORDER_RETENTION)


class ProjectOut(BaseModel):
    """The project."""

    id: str = Field(description="The project's id.")
    name: str = Field(description="Its name.")
    retention_days: int | None = Field(description=RETENTION)
    order_retention_days: int | None = Field(description=ORDER_RETENTION)


@router.get("", operation_id="get_project", responses=documented(401))
async def get(ctx: Ctx, project: Caller) -> ProjectOut:
    """Show the project of the API key."""
    return await _shown(ctx, project)


@router.patch("", operation_id="change_project", responses=documented(400, 401, 422))
async def change(ctx: Ctx, project: Caller, body: ProjectIn) -> ProjectOut:
    """Change how long the project keeps its data."""
    if "retention_days" in body.model_fields_set:
        await projects.keep_for(ctx, project.id, body.retention_days)
    if "order_retention_days" in body.model_fields_set:
        await projects.keep_orders_for(ctx, project.id, body.order_retention_days)
    return await _shown(ctx, project)


async def _shown(ctx: Ctx, project: Caller) -> ProjectOut:
    found = await projects.get(ctx, project.id)
    return ProjectOut(
        id=found.id,
        name=found.name,
        retention_days=found.retention_days,
        order_retention_days=found.order_retention_days,
    )
