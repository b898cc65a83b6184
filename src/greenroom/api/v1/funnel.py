"""`/v1/funnel`: how many orders reach each stage, from the order to the result that the ATS has."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.model.funnel import total
from greenroom.services import funnel

router = APIRouter(prefix="/v1/funnel", tags=["Funnel"], route_class=KeyedRoute)


class StagesOut(BaseModel):
    """Numbers of orders by the stage that they reached."""

    ordered: int = Field(description="The ATS or the API placed the order.")
    notified: int = Field(description="A webhook took its event for the first time.")
    invited: int = Field(description="The vendor reported `invited` or `initiated` for the first time.")
    started: int = Field(description="The vendor reported `in_progress` for the first time.")
    done: int = Field(description="A final result was recorded.")
    acknowledged: int = Field(description="The ATS has read or accepted the result.")


class DayOut(StagesOut):
    """What happened on a day in UTC."""

    day: date = Field(description="The day in UTC.")


class FunnelOut(BaseModel):
    """The days of the range, and their total."""

    data: list[DayOut] = Field(description="The days, oldest first.")
    next: str | None = Field(None, description="Always null: there is one page.")
    total: StagesOut


@router.get("", operation_id="get_funnel", responses=documented(400, 401))
async def get_funnel(
    ctx: Ctx,
    project: Caller,
    first: Annotated[
        date | None,
        Query(
            alias="from",
            description="First day in UTC; left out: so that the range has 7 days.",
            examples=["2026-11-01"],
        ),
    ] = None,
    last: Annotated[
        date | None,
        Query(alias="to", description="Last day in UTC, itself included; left out: today.", examples=["2026-11-30"]),
    ] = None,
) -> FunnelOut:
    """
    Count the orders that reached each stage on each day. A range has at most 92 days.

    An order is counted at a stage on the day on which it reached the stage, and at no stage that was not reported: a
    vendor that reports no progress has no `invited` and `started`. A second result moves `done` to its own day.
    """
    days = await funnel.list_days(ctx, project.id, *funnel.check_range(first, last, today=ctx.now().date()))
    return FunnelOut(
        data=[DayOut(day=one.start.date(), **one.counts()) for one in days], total=StagesOut(**total(days))
    )
