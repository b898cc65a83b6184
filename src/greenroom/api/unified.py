"""
The unified ATS API for assessments and background checks, as StackOne's clients speak it.

Success statuses, envelopes and nullability are the contract's: official SDKs refuse anything else.
Source: StackOne's published OpenAPI document for its unified ATS API.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator

from greenroom.api.callers import Ctx, Linked, Packages
from greenroom.api.faults import documented
from greenroom.api.results import ResultIn, result_of
from greenroom.api.shapes import Instant, Next, Plain, after, cursor
from greenroom.api.unified_models import (
    AssessmentPackage,
    BackgroundCheckPackage,
    OrderPlaced,
    OrderResult,
    UnifiedOrder,
    UnifiedPage,
    UnifiedRecord,
    UpdateResult,
    unified_result,
)
from greenroom.api.unified_orders import OrderBody, request_of
from greenroom.context import Context
from greenroom.errors import BadRequest, Invalid, NotFound
from greenroom.model.accounts import Account
from greenroom.model.events import order_model, stamp
from greenroom.model.orders import Category, Order
from greenroom.model.packages import Package
from greenroom.services import integrations, orders

FAULTS = documented(400, 401, 404, 412)
LIST_FAULTS = documented(400, 401, 404, 412, 502)
WRITE_FAULTS = documented(400, 401, 404, 409, 412, 422)
LAST = 100


def _blank(value: object) -> object:
    return None if value in ("", "null") else value


Id = Annotated[Plain, Path(alias="id")]
Fields = Annotated[str | None, Query(description="Comma-separated fields to return; all by default.")]
Raw = Annotated[bool | None, BeforeValidator(_blank), Query(description="Accepted; there is no raw response to add.")]
Size = Annotated[str | None, Query(description="Entries a page, a whole number; 25 by default.", examples=["25"])]
Since = Annotated[Instant, BeforeValidator(_blank)]
Filtered = Annotated[Since, Query(alias="filter[updated_after]", description="An ISO 8601 date-time with a zone.")]
Updated = Annotated[Since, Query(deprecated=True, description="The older spelling of filter[updated_after].")]
#: what clients of the contract may also send; read by nobody here
ACCEPTED: dict[str, Any] = {
    "parameters": [
        {
            "name": "proxy",
            "in": "query",
            "style": "deepObject",
            "description": "Accepted; there is no request of ours to add it to.",
            "schema": {"type": "object", "additionalProperties": True},
        },
        {
            "name": "Prefer",
            "in": "header",
            "description": "Accepted; answers come at once, so no heartbeat is sent.",
            "schema": {"type": "string", "examples": ["heartbeat"]},
        },
    ]
}
PREFERRED: dict[str, Any] = {"parameters": ACCEPTED["parameters"][1:]}


def build_router(category: Category) -> APIRouter:
    """The endpoints of one category; both have the same shapes."""
    noun = {"assessments": "assessments", "background_checks": "background_check"}[category]
    router = APIRouter(prefix=f"/unified/ats/{category}", tags=[category.replace("_", " ").capitalize()])
    _packages(router, category, noun)
    _orders(router, category, noun)
    _removed_reads(router, category, noun)
    return router


def _packages(router: APIRouter, category: Category, noun: str) -> None:
    model: Any = {"assessments": AssessmentPackage, "background_checks": BackgroundCheckPackage}[category]

    @router.get(
        "/packages",
        operation_id=f"ats_list_{noun}_packages",
        responses=LIST_FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedPage[model],
        response_model_exclude_unset=True,
    )
    async def list_packages(
        ctx: Ctx,
        account: Linked,
        catalog: Packages,
        page_size: Size = None,
        next: Next = None,
        fields: Fields = None,
        filtered: Filtered = None,
        updated_after: Updated = None,
        raw: Raw = None,
    ) -> dict[str, Any]:
        """
        The packages that a recruiter of this account sees.

        When a package last changed is not known, so `updated_after` leaves none out.
        """
        found = await _of_category(ctx, account, category, catalog)
        start, size = _offset(next), _size(page_size)
        shown = [_only(_package(one, category), fields) for one in found[start : start + size]]
        following = cursor(f"pkg_{start + size}") if start + size < len(found) else None
        return {"data": shown, "next": following, "next_page": None}

    @router.get(
        "/packages/{id:path}",  # a vendor's id may have slashes in it
        operation_id=f"ats_get_{noun}_package",
        responses=LIST_FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedRecord[model],
        response_model_exclude_unset=True,
    )
    async def get_package(
        ctx: Ctx, account: Linked, catalog: Packages, package_id: Id, fields: Fields = None, raw: Raw = None
    ) -> dict[str, Any]:
        """One of these packages."""
        found = await _of_category(ctx, account, category, catalog)
        package = next((one for one in found if one.id == package_id), None)
        if package is None:
            raise NotFound(f"There is no package {package_id[:80]!r} for this account.")
        return {"data": _only(_package(package, category), fields)}


def _orders(router: APIRouter, category: Category, noun: str) -> None:
    @router.post("/orders", operation_id=f"ats_order_{noun}_request", responses=WRITE_FAULTS, openapi_extra=PREFERRED)
    async def place(ctx: Ctx, account: Linked, catalog: Packages, body: OrderBody) -> OrderPlaced:
        """Place an order as if the ATS had sent it, to try things out without one."""
        request = request_of(body)
        try:
            package = await catalog.find(account, request.package_id)
        except NotFound as error:
            raise Invalid(error.message, errors=[f"package.id: {error.message}"]) from error
        name = package.name if package else None
        order = await orders.place(ctx, account, request, category=category, package_name=name, source="api")
        return OrderPlaced(id=order.id, remote_id=None, test_url=None)

    @router.patch(
        "/orders/{id}/result",
        operation_id=f"ats_update_{noun}_result",
        responses=WRITE_FAULTS,
        openapi_extra=PREFERRED,
    )
    async def update_result(ctx: Ctx, account: Linked, order_id: Id, body: ResultIn) -> UpdateResult:
        """Give an order its result. A final one is pushed to the ATS, once; the same again changes nothing."""
        result = result_of(body, allow_http=ctx.settings.allow_http)
        await orders.record_result(ctx, account.project_id, account.id, order_id, category, result)
        return UpdateResult(statusCode=200, message="Record updated successfully.", timestamp=stamp(ctx.now()))


def _removed_reads(router: APIRouter, category: Category, noun: str) -> None:
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
        return {"data": _only(_model(ctx, await _order(ctx, account, order_id, category)), fields)}

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
        if order.result is None:
            raise NotFound("The order has no result yet.")
        ids = {name: _model(ctx, order)[name] for name in ("id", "remote_id")}
        return {"data": _only({**ids, **unified_result(order.result).model_dump()}, fields)}

    @router.get(
        "/orders",
        operation_id=f"ats_list_{noun}_orders",
        responses=FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedPage[UnifiedOrder],
        response_model_exclude_unset=True,
    )
    async def list_orders(
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
        size = min(_size(page_size), LAST)
        filters = {"account_id": account.id, "category": category, "updated_after": filtered or updated_after}
        found = await orders.list_orders(ctx, account.project_id, filters, before=after(next, "ord"), limit=size + 1)
        data = [_only(_model(ctx, order), fields) for order in found[:size]]
        return {"data": data, "next": cursor(found[size - 1].id) if len(found) > size else None, "next_page": None}


async def _of_category(ctx: Context, account: Account, category: Category, catalog: Packages) -> tuple[Package, ...]:
    """The effective list when the integration is of this category; the other category's list is empty."""
    integration = await integrations.get(ctx, account.project_id, account.provider)
    if integration.partner_category != category:
        return ()
    return (await catalog.effective(account)).packages


async def _order(ctx: Context, account: Account, order_id: str, category: Category) -> Order:
    order = await orders.look_up(ctx, account, order_id)
    if order.category != category:
        raise NotFound(f"No order {order_id[:80]} here.")
    return order


def _model(ctx: Context, order: Order) -> dict[str, Any]:
    return order_model(order, update_url=orders.update_url(ctx, order))


def _package(package: Package, category: Category) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": package.id,
        "remote_id": package.id,
        "name": package.name,
        "description": package.description,
    }
    if category == "background_checks":
        shown["tests"] = [{"remote_id": test.get("id"), **test} for test in package.tests]
    return shown


def _only(record: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The fields that were asked for, all when none were."""
    wanted = {name.strip() for name in (fields or "").split(",") if name.strip()}
    return {name: value for name, value in record.items() if name in wanted} if wanted else record


def _size(text: str | None) -> int:
    if not text:
        return 25
    if not text.isascii() or not text.isdigit() or not int(text[:9]) >= 1:
        raise BadRequest("page_size: expected a whole number from 1 on", errors=["page_size: not a number"])
    return min(int(text[:9]), 1000)


def _offset(text: str | None) -> int:
    found = (after(text, "pkg") or "pkg_0").removeprefix("pkg_")
    if not found.isdigit():
        raise BadRequest("next: not a cursor of ours; use the `next` of the page before.", errors=["next: unknown"])
    return int(found[:9])
