"""
The unified ATS API for assessments and background checks, compatible with StackOne's clients.

Success statuses, envelopes and nullability follow the contract, since official SDKs refuse anything else.
Source: StackOne's published OpenAPI document for its unified ATS API.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request

from greenroom.api.callers import (
    Caller,
    Ctx,
    KeyedRoute,
    Linked,
    LinkedIntegration,
    Orders,
    get_linked_account,
)
from greenroom.api.faults import documented
from greenroom.api.results import InvalidResult, ResultIn, ResultToTry, Unreadable, push_problem, read_result
from greenroom.api.shapes import Next, after, cursor
from greenroom.api.stackone.models import (
    OrderPlaced,
    OrderResult,
    UnifiedOrder,
    UnifiedPage,
    UnifiedRecord,
    UnifiedWarning,
    UpdateResult,
    unified_result,
)
from greenroom.api.stackone.orders import OrderBody, request_of
from greenroom.api.stackone.packages import add_reads, add_writes
from greenroom.api.stackone.queries import (
    ACCEPTED,
    ACCEPTED_ON_LISTS,
    PREFERRED,
    Fields,
    Filtered,
    Id,
    Raw,
    Size,
    Updated,
    only,
    prefer,
    size_of,
)
from greenroom.api.v1.integrations import get_connector
from greenroom.context import Context
from greenroom.errors import Conflict, Invalid, NotFound, Unavailable
from greenroom.model.accounts import Account
from greenroom.model.events import order_model, stamp
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category, Order
from greenroom.model.request_logs import KEPT
from greenroom.security import masks
from greenroom.services import order_results, orders, refused_results
from greenroom.services.refused_results import Refusal

log = structlog.get_logger("greenroom.results")
FAULTS = documented(400, 401, 404, 412)
WRITE_FAULTS = documented(400, 401, 404, 409, 412, 422)
MOST_ORDERS = 100


@cache  # routers hold no state, so every application of a process can share them
def build_router(category: Category) -> APIRouter:
    """Returns the endpoints of one category; both categories have the same shapes."""
    noun = {"assessments": "assessments", "background_checks": "background_check"}[category]
    tag = category.replace("_", " ").capitalize()
    router = APIRouter(
        prefix=f"/unified/ats/{category}", tags=[tag], route_class=KeyedRoute, dependencies=[Depends(prefer)]
    )
    add_reads(router, category, noun)
    if category == "background_checks":
        add_writes(router)
    _add_orders(router, category, noun)
    _add_removed_reads(router, category, noun)
    return router


def _add_orders(router: APIRouter, category: Category, noun: str) -> None:
    @router.post("/orders", operation_id=f"ats_order_{noun}_request", responses=WRITE_FAULTS, openapi_extra=PREFERRED)
    async def place(
        request: Request, account: Linked, integration: LinkedIntegration, intake: Orders, body: OrderBody
    ) -> OrderPlaced:
        """
        Place an order as if the ATS had sent it, to try things out without one.

        The order must be of the integration's category, since the ATS sends no other.
        """
        _check_category(integration, category)
        asked = request_of(body, await request.json())
        try:
            integration, package = await intake.packages.find(account, asked.package_id)
        except NotFound as error:
            raise Invalid(error.message, errors=[f"package.id: {error.message}"]) from error
        connector = get_connector(account.provider)
        lacks = connector.enrichment.lacks(integration) if connector.enrichment else None
        ats = connector.manifest.capabilities
        order = await intake.place(account, asked, integration, package, ats, source="api", lacks=lacks, answer=_placed)
        return OrderPlaced(**_placed(order.id))

    @router.patch(
        "/orders/{id}/result",
        operation_id=f"ats_update_{noun}_result",
        responses=WRITE_FAULTS,
        openapi_extra=PREFERRED,
        response_model_exclude_unset=True,
    )
    async def update_result(
        request: Request, ctx: Ctx, account: OfResult, order_id: Id, body: ResultToTry
    ) -> UpdateResult:
        """Give an order its result. A final one is pushed to the ATS, once; the same again changes nothing."""
        received = masks.excerpt(await request.body(), most=KEPT)
        order = await _record_result(ctx, account, order_id, category, body, received)
        problem = await push_problem(ctx, order)
        return UpdateResult(
            statusCode=200,
            message="Record updated successfully.",
            timestamp=stamp(ctx.now()),
            **({"unified_warnings": [UnifiedWarning(message=problem)]} if problem else {}),
        )


async def _get_account_of_result(
    request: Request,
    ctx: Ctx,
    project: Caller,
    x_account_id: Annotated[str, Header(min_length=1, description="The id of a linked account.")],
) -> Account:
    """Returns the account of `get_linked_account`; one that is not the project's is recorded for the doctor."""
    try:
        account, _ = await get_linked_account(request, ctx, project, x_account_id)
    except NotFound as error:
        category: Category = "assessments" if "/assessments/" in request.url.path else "background_checks"
        order_id = str(request.path_params["id"])
        await _record_refusal(ctx, project.id, x_account_id, order_id, category, Refusal(error, is_linked=False))
        raise
    return account


OfResult = Annotated[Account, Depends(_get_account_of_result)]


async def _record_result(
    ctx: Context, account: Account, order_id: str, category: Category, body: ResultIn | Unreadable, received: Any
) -> Order:
    """Records a result; a refusal of it is recorded for the doctor."""
    manifest, result = get_connector(account.provider).manifest, None
    try:
        if isinstance(body, Unreadable):
            raise body.refusal()
        result = read_result(body, allow_http=ctx.settings.allow_http, ats=manifest.name)
        return await order_results.record_result(
            ctx, account.project_id, account.id, order_id, category, result, manifest.capabilities, received=received
        )
    except InvalidResult as error:
        refusal = Refusal(error, error.cause, error.proof)
        await _record_refusal(ctx, account.project_id, account.id, order_id, category, refusal)
        raise
    except (NotFound, Conflict) as error:
        refusal = Refusal(error, result=result)
        await _record_refusal(ctx, account.project_id, account.id, order_id, category, refusal)
        raise


async def _record_refusal(
    ctx: Context, project_id: str, account_id: str, order_id: str, category: Category, refusal: Refusal
) -> None:
    try:
        await refused_results.record(ctx, project_id, account_id, order_id, category, refusal)
    except Unavailable as error:  # the caller's answer is the refusal itself
        log.warning("refusal_not_recorded", account_id=account_id[:80], error=str(error))


def _add_removed_reads(router: APIRouter, category: Category, noun: str) -> None:
    @router.get(
        "/orders/{id}",
        operation_id=f"ats_get_{noun}_order",
        responses=FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedRecord[UnifiedOrder],
        response_model_exclude_unset=True,
    )
    async def get_order(
        ctx: Ctx, account: Linked, order_id: Id, fields: Fields = None, raw: Raw = None
    ) -> dict[str, Any]:
        """An order in the unified model (a read that later versions of the contract dropped)."""
        return {"data": only(_model(ctx, await _order(ctx, account, order_id, category)), fields)}

    @router.get(
        "/orders/{id}/results",
        operation_id=f"ats_get_{noun}_result",
        responses=FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedRecord[OrderResult],
        response_model_exclude_unset=True,
    )
    async def get_result(
        ctx: Ctx, account: Linked, order_id: Id, fields: Fields = None, raw: Raw = None
    ) -> dict[str, Any]:
        """An order's result in the unified model (a read that later versions of the contract dropped)."""
        order = await _order(ctx, account, order_id, category)
        if order.erased_at is not None:
            raise NotFound(f"The order's content was erased at {stamp(order.erased_at)}, its result with it.")
        if order.result is None:
            raise NotFound("The order has no result yet.")
        ids = {name: _model(ctx, order)[name] for name in ("id", "remote_id")}
        return {"data": only({**ids, **unified_result(order.result).model_dump()}, fields)}

    @router.get(
        "/orders",
        operation_id=f"ats_list_{noun}_add_orders",
        responses=FAULTS,
        openapi_extra=ACCEPTED_ON_LISTS,
        response_model=UnifiedPage[UnifiedOrder],
        response_model_exclude_unset=True,
    )
    async def list_orders(
        request: Request,
        ctx: Ctx,
        account: Linked,
        page_size: Size = None,
        next: Next = None,
        fields: Fields = None,
        filtered: Filtered = None,
        updated_after: Updated = None,
        raw: Raw = None,
    ) -> dict[str, Any]:
        """The account's orders, newest first (a read that later versions of the contract dropped)."""
        size = min(size_of(page_size), MOST_ORDERS)
        filters = {"account_id": account.id, "category": category, "updated_after": filtered or updated_after}
        found = await orders.list_orders(ctx, account.project_id, filters, before=after(next, "ord"), limit=size + 1)
        request.state.orders = [order.id for order in found]  # `fields` may leave the ids out of the response
        data = [only(_model(ctx, order), fields) for order in found[:size]]
        return {"data": data, "next": cursor(found[size - 1].id) if len(found) > size else None, "next_page": None}


def _placed(order_id: str) -> dict[str, Any]:
    return {"id": order_id, "remote_id": None, "test_url": None}


def _check_category(integration: Integration, category: Category) -> None:
    """
    Checks that the integration is for orders of this category.

    Raises:
        Invalid: it is for the other one; the message says where to place the order or which setting to change.
    """
    own, provider = integration.partner_category, integration.provider
    if own != category:
        raise Invalid(
            f"The integration {provider} is for {own}, so there is no package of {category} to order. Order at "
            f"/unified/ats/{own}/orders, or set partner_category: PUT /v1/integrations/{provider}.",
            code="OtherCategory",
        )


async def _order(ctx: Context, account: Account, order_id: str, category: Category) -> Order:
    order = await orders.look_up(ctx, account, order_id)
    orders.refuse_other_category(order, category)
    return order


def _model(ctx: Context, order: Order) -> dict[str, Any]:
    return order_model(order, update_url=orders.update_url(ctx, order))
