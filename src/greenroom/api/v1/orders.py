"""`/v1/orders`: orders, their timelines, and previews of results."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, OutboundClient
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.results import ResultToTry, Unreadable, read_result
from greenroom.api.shapes import MOST, Instant, Line, Next, Page, PageSize, Plain, StrictBody, after, example, page
from greenroom.api.stackone.models import Member, OrderEnrichment, UnifiedJob, UnifiedResult, unified_result
from greenroom.api.v1.integrations import get_connector
from greenroom.doctor import report_urls
from greenroom.errors import Invalid
from greenroom.model.events import order_model, stamp
from greenroom.model.orders import AtsDelivery, Order, OrderSource, Status
from greenroom.model.result_lint import lint
from greenroom.services import erasure, order_results, orders, timelines

router = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=IdempotentRoute)
OrderId = Annotated[Plain, Path(alias="order_id", description="The order's id.")]


class PackageRef(BaseModel):
    """The package as the recruiter chose it."""

    id: str = Field(description="Your id of the package.")
    name: str | None = Field(description="The name when it was ordered.")


class CandidateOut(BaseModel):
    """The candidate as the ATS sent them; all fields are null once the content is erased."""

    email: str | None = Field(description="The address to invite.")
    first_name: str | None = Field(description="First name.")
    last_name: str | None = Field(description="Last name.")
    preferred_name: str | None = Field(description="What the candidate wants to be called.")
    phone_number: str | None = Field(description="Telephone number.")
    resume_url: str | None = Field(description="The résumé; the ATS's link expires.")
    profile_url: str | None = Field(description="The candidate's page in the ATS.")
    remote_id: str | None = Field(description="The ATS's id of the candidate.")


class OrderOut(BaseModel):
    """
    An order.

    `status` is its progress, `outcome` whether the candidate passed, `delivery` the state of the result's push to the
    ATS, `delivery_detail` the reason for that state. `held_at` is set while the vendor is not notified of the order,
    because no enabled webhook subscribes to its event.

    At `erased_at` all content was deleted: the candidate, the request and the result.
    """

    id: str = Field(description="The order's id.")
    account_id: str = Field(description="The linked account whose ATS ordered.")
    provider: str = Field(description="The ATS.")
    category: Literal["assessments", "background_checks"] = Field(description="What kind of order it is.")
    source: OrderSource = Field(
        description="Who placed it: the ATS, you through the API, or you with a result without an order."
    )
    status: Status = Field(description="How far it is.")
    status_message: str | None = Field(description="What was said with the status, such as why it was rejected.")
    outcome: Literal["passed", "failed", "needs_review", "none"] = Field(description="What the result says.")
    delivery: AtsDelivery = Field(description="How far the result is on its way to the ATS.")
    delivery_detail: str | None = Field(description="What to know about it.")
    package: PackageRef
    candidate: CandidateOut
    application_id: str | None = Field(description="The ATS's id of the application.")
    candidate_id: str | None = Field(description="The ATS's id of the candidate.")
    job_id: str | None = Field(description="The ATS's id of the job.")
    requester_email: str | None = Field(description="Who ordered.")
    job: UnifiedJob | None = Field(description="The job with its hiring team, where the ATS gave or was asked for it.")
    requester: Member | None = Field(description="The person who sent the test.")
    enrichment: OrderEnrichment | None = Field(description="Null for results without an order and for older orders.")
    callback_url: str | None = Field(description="Where the ATS is told that a result is there.")
    callback_problem: str | None = Field(description="The reason why the result is never pushed to callback_url.")
    previous_id: str | None = Field(description="The previous order for the same candidate and package.")
    result: UnifiedResult | None = Field(description="Your result, once you have sent it.")
    result_at: str | None = Field(description="When you sent it.")
    acknowledged_at: str | None = Field(description="The time at which the ATS first read the result.")
    held_at: str | None = Field(description="The time since which the order's event is held, or null.")
    erased_at: str | None = Field(description="The time at which the content was erased.")
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")


class TimelineEntryOut(BaseModel):
    """One entry of a timeline."""

    at: str = Field(description="When it happened.")
    kind: str = Field(
        description="What happened, as a word for programs.",
        examples=[
            "received", "released", "attempt", "status", "result", "acknowledged", "response_error", "alert",
            "content_erased", "enrichment",
        ]
    )  # fmt: skip
    message: str = Field(description="What happened, in words.")
    detail: dict[str, Any] = Field(description="More about it; the fields depend on the kind.")


class StatusIn(StrictBody):
    """An order's progress, as the vendor reports it."""

    model_config = example(status="in_progress")

    status: Literal["accepted", "invited", "in_progress", "rejected"] = Field(
        description="The order only goes forward; `rejected` ends it."
    )
    message: Line | None = Field(None, description="The reason, with `rejected`.")


class FieldOut(BaseModel):
    """The outcome of one field at the ATS; `value` is the value that the recruiter would see."""

    field: str = Field(description="The field's path in your body.")
    verdict: Literal["shown", "changed", "dropped", "refused"] = Field(
        description="Whether the recruiter sees it as it is, changed, or not at all."
    )
    reason: str = Field(description="Why.")
    value: Any = Field(description="What the recruiter would see.")


class WarningOut(BaseModel):
    """A doubt about a field that is accepted all the same; `code` is that of a cause, if the doctor has one."""

    field: str = Field(description="The field's path in your body.")
    message: str = Field(description="What looks wrong.")
    code: str | None = Field(None, description="The cause's code.")


class PreviewOut(BaseModel):
    """A preview of a result, which changes nothing; `accepted` is false if the result would be refused."""

    accepted: bool = Field(description="Whether the result would be accepted.")
    problem: str | None = Field(description="Why not.")
    fields: list[FieldOut] = Field(description="What becomes of each field.")
    warnings: list[WarningOut] = Field([], description="What is accepted and looks wrong.")


@router.get("", operation_id="list_orders", responses=documented(400, 401))
async def list_orders(
    ctx: Ctx,
    project: Caller,
    account_id: Annotated[Plain | None, Query(description="Orders of this account alone.")] = None,
    package_id: Annotated[Plain | None, Query(description="Orders of this package alone.")] = None,
    status: Annotated[Status | None, Query(description="Orders with this status alone.")] = None,
    delivery: Annotated[
        AtsDelivery | Literal["held"] | None,
        Query(
            description="State of the result's push to the ATS; `held`: the vendor has not been notified of the order."
        ),
    ] = None,
    created_after: Annotated[Instant, Query(description="An ISO 8601 date-time with a zone.")] = None,
    candidate_email: Annotated[
        Plain | None, Query(description="Orders for this address alone, in any case of its letters.")
    ] = None,
    page_size: PageSize = 25,
    next: Next = None,
) -> Page[OrderOut]:
    """Orders, newest first."""
    filters = {
        "account_id": account_id,
        "package_id": package_id,
        "status": status,
        "delivery": delivery,
        "created_after": created_after,
        "candidate_email": candidate_email,
    }
    found = await orders.list_orders(ctx, project.id, filters, before=after(next, "ord"), limit=page_size + 1)
    return page([shown(order) for order in found], page_size, [order.id for order in found])


@router.get("/{order_id}", operation_id="get_order", responses=documented(400, 401, 404))
async def get(ctx: Ctx, project: Caller, order_id: OrderId) -> OrderOut:
    """Show an order."""
    return shown(await orders.get(ctx, project.id, order_id))


@router.get("/{order_id}/timeline", operation_id="get_order_timeline", responses=documented(400, 401, 404))
async def timeline(
    ctx: Ctx, project: Caller, order_id: OrderId, page_size: PageSize = MOST, next: Next = None
) -> Page[TimelineEntryOut]:
    """The order's timeline, oldest entry first: reports, changes and delivery attempts."""
    position = (after(next, "tml") or "").removeprefix("tml_") or None
    found = await timelines.list_entries(ctx, project.id, order_id, after=position, limit=page_size + 1)
    entries = [TimelineEntryOut(at=stamp(e.at), kind=e.kind, message=e.message, detail=e.detail) for e in found]
    return page(entries, page_size, [f"tml_{entry.position}" for entry in found])


@router.delete("/{order_id}/content", operation_id="expunge_order", responses=documented(400, 401, 404, 409))
async def erase(ctx: Ctx, project: Caller, order_id: OrderId) -> OrderOut:
    """
    Erase everything about the candidate of an order, for good; pending deliveries are cancelled.

    Ids, status, outcome and times stay, and of each attempt everything but its request and response. Refused while an
    attempt is in flight. Repeating the call changes nothing.
    """
    return shown(await erasure.erase(ctx, project.id, order_id))


@router.post("/{order_id}/status", operation_id="set_order_status", responses=documented(400, 401, 404, 409, 422))
async def set_status(ctx: Ctx, project: Caller, order_id: OrderId, body: StatusIn) -> OrderOut:
    """Say how far an order is; it only goes forward."""
    order = await orders.get(ctx, project.id, order_id)
    ats = get_connector(order.provider).manifest.capabilities
    return shown(await order_results.record_status(ctx, project.id, order_id, body.status, ats, message=body.message))


@router.post("/{order_id}/result:preview", operation_id="preview_result", responses=documented(400, 401, 404, 422))
async def preview(
    ctx: Ctx,
    project: Caller,
    out: OutboundClient,
    order_id: OrderId,
    body: ResultToTry,
    probe: Annotated[bool, Query(description="Also request `result_url`, to see whether it opens.")] = False,
) -> PreviewOut:
    """Preview how the ATS would show a result, field by field; changes nothing."""
    order = await orders.get(ctx, project.id, order_id)
    if isinstance(body, Unreadable):
        return _refused(body.lines, body.problem)
    connector = get_connector(order.provider)
    try:
        result = read_result(body, allow_http=ctx.settings.allow_http, ats=connector.manifest.name)
    except Invalid as error:
        return _refused(error.errors, error.message)
    fields = [
        FieldOut(field=one.field, verdict=one.verdict, reason=one.reason, value=one.value)
        for one in connector.preview(order, result)
    ]
    problem = order_results.result_problem(ctx, order, result, connector.manifest.capabilities)
    doubts = lint(result)
    if probe and result.result_url and (unopened := await report_urls.probe(out, result.result_url)):
        doubts.append(unopened.warning)
    warnings = [WarningOut(field=one.field, message=one.message, code=one.code) for one in doubts]
    return PreviewOut(accepted=problem is None, problem=problem, fields=fields, warnings=warnings)


def _refused(lines: list[str], problem: str) -> PreviewOut:
    parts = [line.partition(": ") for line in lines]
    fields = [FieldOut(field=field, verdict="refused", reason=reason, value=None) for field, _, reason in parts]
    return PreviewOut(accepted=False, problem=problem, fields=fields)


def shown(order: Order) -> OrderOut:
    """Returns an order as the API shows it."""
    request, model = order.request, order_model(order, update_url="")
    return OrderOut(
        id=order.id,
        account_id=order.account_id,
        provider=order.provider,
        category=order.category,
        source=order.source,
        status=order.status,
        status_message=order.status_message,
        outcome=order.outcome,
        delivery=order.delivery,
        delivery_detail=order.delivery_detail,
        package=PackageRef(id=request.package_id, name=order.package_name),
        candidate=CandidateOut(**{**vars(request.candidate), "email": request.candidate.email or None}),
        application_id=model["application_id"],
        candidate_id=model["candidate_id"],
        job_id=model["job_id"],
        requester_email=request.requester_email,
        job=model["job"] if model["job_id"] else None,
        requester=model["requester"],
        enrichment=model["enrichment"],
        callback_url=request.callback_url,
        callback_problem=request.callback_problem,
        previous_id=order.previous_id,
        result=unified_result(order.result) if order.result else None,
        result_at=stamp(order.result_at) if order.result_at else None,
        acknowledged_at=stamp(order.acknowledged_at) if order.acknowledged_at else None,
        held_at=stamp(order.held_at) if order.held_at else None,
        erased_at=stamp(order.erased_at) if order.erased_at else None,
        created_at=stamp(order.created_at),
        updated_at=stamp(order.updated_at),
    )
