"""`/v1/findings`: what is wrong in a project, with cause, proof and next step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.doctor.diagnosis import Filter, diagnose
from greenroom.doctor.shown import show
from greenroom.model.findings import Severity

router = APIRouter(prefix="/v1/findings", tags=["Findings"], route_class=KeyedRoute)


class SubjectOut(BaseModel):
    """The object that a finding is about."""

    type: Literal["installation", "integration", "account", "webhook", "order"] = Field(
        description="The kind of object."
    )
    id: str | None = Field(description="Its id; null for the installation.")
    name: str | None = Field(description="Its name.")


class FindingOut(BaseModel):
    """A cause that was detected. `code` is stable; `proof` has observed facts alone, and no secret."""

    code: str = Field(description="A code of the catalogue of causes.", examples=["webhook.none"])
    severity: Severity = Field(
        description="error: work is stopped now; warning: it will be; notice: waits for a person."
    )
    subject: SubjectOut = Field(description="The object that it is about.")
    title: str = Field(description="One line.")
    cause: str = Field(description="What is wrong, and why.")
    proof: dict[str, Any] = Field(description="What was observed; the fields depend on the code.")
    next_step: str = Field(description="What to do now.")
    who: Literal["vendor", "customer", "greenhouse_support", "operator"] = Field(
        description="Who can take the next step."
    )
    since: str | None = Field(description="When it was first seen, if that is known.")
    last_seen_at: str | None = Field(description="When it was last seen.")
    count: int = Field(description="How often it was seen since `since`.")
    count_is: Literal["exact", "at_least"] = Field(description="`at_least`: counting stopped at its limit.")
    docs: str = Field(description="The page about this cause.")


class FindingsOut(BaseModel):
    """The findings, the most severe first; they are never so many that there is a next page."""

    data: list[FindingOut] = Field(description="The findings.")
    next: str | None = Field(None, description="Always null: there is one page.")


@router.get("", operation_id="list_findings", responses=documented(400, 401))
async def list_findings(
    ctx: Ctx,
    project: Caller,
    account_id: Annotated[Plain | None, Query(description="Findings about this account alone.")] = None,
    order_id: Annotated[Plain | None, Query(description="Findings about this order alone.")] = None,
    severity: Annotated[Severity | None, Query(description="Findings of this severity alone.")] = None,
    code: Annotated[Plain | None, Query(description="Findings with this code alone.")] = None,
) -> FindingsOut:
    """Show the findings from observed facts; calls nobody."""
    found = await diagnose(ctx, project.id, Filter(account_id, order_id, severity, code))
    return FindingsOut(data=[FindingOut.model_validate(show(one, ctx.settings.public_url)) for one in found])
