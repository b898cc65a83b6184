"""`/v1/checks`: the set-up checklist."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.api.v1.integrations import get_connector
from greenroom.doctor.checks import examine
from greenroom.doctor.shown import show_check

router = APIRouter(prefix="/v1/checks", tags=["Checks"], route_class=KeyedRoute)


class CheckActionOut(BaseModel):
    """The next step, with the address of its page in the dashboard."""

    label: str = Field(description="What to do.")
    url: str = Field(description="The page for it.")


class CheckOut(BaseModel):
    """The result of one check."""

    id: str = Field(description="Stable.", examples=["packages_source"])
    section: str = Field(description="The part of the checklist.")
    title: str = Field(description="What is checked.")
    state: Literal["done", "action_needed", "waiting", "cannot_check"] = Field(
        description="action_needed: see `action`; waiting: for the ATS or the vendor; cannot_check: nothing was "
        "observed that would tell."
    )
    evidence: str = Field(description="What was observed.")
    checked_at: str | None = Field(description="When it was observed.")
    codes: list[str] = Field(description="Codes of the findings that stand against the check; see `GET /v1/findings`.")
    action: CheckActionOut | None = Field(description="What to do next.")
    help: list[str] = Field(description="What the check means and how to repair it.")
    by_hand: bool = Field(description="A person may confirm the check in the dashboard.")


class ChecksOut(BaseModel):
    """The checklist, in the order of the guide; there is no next page."""

    data: list[CheckOut] = Field(description="The checks.")
    next: str | None = Field(None, description="Always null: there is one page.")
    provider: str = Field(description="The ATS.")
    done: int = Field(description="The number of checks that are done.")
    total: int = Field(description="The number of checks.")


@router.get("", operation_id="list_checks", responses=documented(400, 401, 404))
async def list_checks(
    ctx: Ctx,
    project: Caller,
    provider: Annotated[Plain | None, Query(description="Key of a connector; the configured one by default.")] = None,
) -> ChecksOut:
    """Show the set-up checklist with the observed facts; calls nobody."""
    if provider is not None:
        get_connector(provider)
    found = await examine(ctx, project.id, provider)
    shown = [show_check(one, project.id, ctx.settings.public_url) for one in found.results]
    return ChecksOut(
        data=[CheckOut.model_validate(one) for one in shown],
        provider=found.ats.provider,
        done=found.done,
        total=len(found.results),
    )
