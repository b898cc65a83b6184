"""`/v1/checks`: the set-up checklist."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.api.v1.integrations import get_connector
from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.model.checks import CheckResult
from greenroom.model.events import stamp
from greenroom.services import checks

router = APIRouter(prefix="/v1/checks", tags=["Checks"], route_class=KeyedRoute)


class CheckActionOut(BaseModel):
    """The next step, with the address of its page in the dashboard."""

    label: str
    url: str


class CheckOut(BaseModel):
    """The result of one check."""

    code: str
    section: str
    title: str
    state: Literal["ok", "problem", "waiting", "unknown"] = Field(
        description="problem needs an action; waiting waits for the ATS or the vendor; unknown was not observed yet."
    )
    evidence: str = Field(description="What was observed.")
    at: str | None = Field(description="When it was observed.")
    action: CheckActionOut | None
    help: list[str] = Field(description="What the check means and how to repair it.")
    by_hand: bool = Field(description="A person may confirm the check in the dashboard.")


class ChecksOut(BaseModel):
    """The checklist, in the order of the guide."""

    provider: str
    done: int
    total: int
    checks: list[CheckOut]


@router.get("", operation_id="list_checks", responses=documented(400, 401, 404))
async def list_checks(
    ctx: Ctx,
    project: Caller,
    provider: Annotated[Plain | None, Query(description="Key of a connector; the configured one by default.")] = None,
) -> ChecksOut:
    """Show the set-up checklist with what was observed; nothing is called."""
    known = [checks.Ats(key, one.manifest.name, one.manifest.calls) for key, one in discover().items()]
    if provider is not None:
        get_connector(provider)
    found = await checks.run(ctx, project.id, known, provider)
    return ChecksOut(
        provider=found.ats.provider,
        done=found.done,
        total=len(found.results),
        checks=[_shown(ctx, project.id, one) for one in found.results],
    )


def _shown(ctx: Context, project_id: str, one: CheckResult) -> CheckOut:
    action = one.action
    return CheckOut(
        code=one.code,
        section=one.section,
        title=one.title,
        state=one.state,
        evidence=one.evidence,
        at=one.at and stamp(one.at),
        action=action and CheckActionOut(label=action.label, url=ctx.settings.public_url + action.path(project_id)),
        help=list(one.help),
        by_hand=one.by_hand,
    )
