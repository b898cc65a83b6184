"""
The unified packages: those that a recruiter can choose, and background-check packages that a vendor stores.

Source: StackOne's published OpenAPI document for its unified ATS API.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NoReturn

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from greenroom.api.callers import Ctx, Linked, LinkedIntegration, Packages
from greenroom.api.faults import documented
from greenroom.api.shapes import Label, Next, Prose, cursor, example
from greenroom.api.stackone.models import (
    AssessmentPackage,
    BackgroundCheckPackage,
    CreatedIds,
    CreateResult,
    DeleteResult,
    UnifiedPage,
    UnifiedRecord,
    UnifiedWarning,
    UpdateResult,
)
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
    blank_is_none,
    offset_of,
    only,
    size_of,
)
from greenroom.catalog import Catalog
from greenroom.context import Context
from greenroom.errors import BadGateway, Conflict, NotFound
from greenroom.model.accounts import Account
from greenroom.model.events import stamp
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category
from greenroom.model.packages import MOST_TESTS, Package, PackageList
from greenroom.outbound.call_log import OutgoingCall, recording_calls
from greenroom.security import masks
from greenroom.services import packages
from greenroom.services.packages import PackageChange

LIST_FAULTS = documented(400, 401, 404, 408, 412, 502)
WRITE_FAULTS = documented(400, 401, 404, 409, 412, 422)
STORED: Category = "background_checks"
#: reason why a visible package cannot be changed here, by its source
ELSEWHERE = {
    "list_url": "comes from the packages_url of the integration: change it there",
    "stored": "was published for all accounts: change it with PUT /v1/packages",
    "static": "is the package_id of the integration: change it with PUT /v1/integrations/{provider}",
}


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


Name = Annotated[Label, AfterValidator(_named)]
TestId = Annotated[Label | None, BeforeValidator(blank_is_none, json_schema_input_type=Label | Literal[""] | None)]


class TestBody(BaseModel):
    """One check of a package; it gets an id if none is given."""

    __test__ = False

    id: TestId = Field(None, description="The check's id; without one it is made.")
    name: Label | None = Field(None, description="The check's name.")
    description: Prose | None = Field(None, description="Your description.")


def _ids_differ(tests: list[TestBody]) -> list[TestBody]:
    ids = [test.id for test in tests if test.id]
    if len(set(ids)) < len(ids):
        raise ValueError("two tests have the same id")
    return tests


Tests = Annotated[list[TestBody], Field(max_length=MOST_TESTS), AfterValidator(_ids_differ)]


class PackageBody(BaseModel):
    """A new package; unknown fields are ignored."""

    model_config = example(
        name="Criminal record and identity",
        description="Takes three working days",
        tests=[{"name": "Criminal record"}, {"name": "Identity", "description": "Passport"}],
    )

    name: Name = Field(examples=["Criminal record and identity"], description="The name that recruiters see.")
    description: Prose | None = Field(None, description="Your description.")
    tests: Tests | None = Field(None, description="The checks in it.")
    passthrough: dict[str, Any] | None = Field(None, description="Accepted; there is no provider to give it to.")


class PackageChangeBody(BaseModel):
    """Changes to a package: fields left out or null are kept. `""` clears the description, `[]` the tests."""

    model_config = example(description="Takes two working days")

    name: Name | None = Field(None, description="The name that recruiters see.")
    description: Prose | None = Field(None, description="Your description; an empty text clears it.")
    tests: Tests | None = Field(None, description="Replaces all tests.")
    passthrough: dict[str, Any] | None = Field(None, description="Accepted; there is no provider to give it to.")


async def of_category(
    integration: Integration, account: Account, category: Category, catalog: Catalog, *, fresh: bool = False
) -> PackageList:
    """
    Returns the effective list if the integration is of this category, else an empty list.

    `fresh` calls the list endpoint even if the cached list is recent.

    Raises:
        BadGateway: the list endpoint gave no usable answer.
        RequestTimeout: the list endpoint did not answer in time.
    """
    if integration.partner_category != category:
        return PackageList((), "stored")
    return await catalog.effective(account, fresh=fresh)


def add_reads(router: APIRouter, category: Category, noun: str) -> None:
    """Adds the routes that list and show packages of a category."""
    model: Any = {"assessments": AssessmentPackage, "background_checks": BackgroundCheckPackage}[category]

    @router.get(
        "/packages",
        operation_id=f"ats_list_{noun}_packages",
        responses=LIST_FAULTS,
        openapi_extra=ACCEPTED_ON_LISTS,
        response_model=UnifiedPage[model],
        response_model_exclude_unset=True,
    )
    async def list_packages(
        account: Linked,
        integration: LinkedIntegration,
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

        `updated_after` leaves out stored packages that have not changed since. Other packages are never left out, since
        the time of their last change is not known.
        """
        since = filtered or updated_after
        with recording_calls() as steps:
            listed = (await of_category(integration, account, category, catalog, fresh=bool(raw))).packages
        found = [one for one in listed if since is None or one.updated_at is None or one.updated_at > since]
        start, size = offset_of(next), size_of(page_size)
        shown = [only(_shown(one, category), fields) for one in found[start : start + size]]
        following = cursor(f"pkg_{start + size}") if start + size < len(found) else None
        return {"data": shown, "next": following, "next_page": None, **_raw(steps, raw)}

    @router.get(
        "/packages/{id:path}",  # a vendor's id may contain slashes
        operation_id=f"ats_get_{noun}_package",
        responses=LIST_FAULTS,
        openapi_extra=ACCEPTED,
        response_model=UnifiedRecord[model],
        response_model_exclude_unset=True,
    )
    async def get_package(
        ctx: Ctx,
        account: Linked,
        integration: LinkedIntegration,
        catalog: Packages,
        package_id: Id,
        fields: Fields = None,
        raw: Raw = None,
    ) -> dict[str, Any]:
        """One of these packages, or a stored one that recruiters do not see now."""
        failed: BadGateway | None = None
        with recording_calls() as steps:
            try:
                found = (await of_category(integration, account, category, catalog, fresh=bool(raw))).find(package_id)
            except BadGateway as error:
                found, failed = None, error
        found = found or await packages.find_stored(ctx, account, category, package_id)
        if found is None:
            raise failed or NotFound(f"There is no package {package_id[:80]!r} for this account.")
        return {"data": only(_shown(found, category), fields), **_raw(steps, raw)}


def _raw(steps: list[OutgoingCall], wanted: bool | None) -> dict[str, Any]:
    """Returns `raw` with the calls made, if the caller wants it."""
    if not wanted:
        return {}
    return {
        "raw": [
            {
                "method": step.method,
                "url": masks.text(step.url),
                "body": masks.body(step.request_body or b"", cut=False),
                "response": masks.body(step.response_body, cut=step.truncated),
            }
            for step in steps
        ]
    }


def add_writes(router: APIRouter) -> None:
    """Adds the routes that write stored background-check packages; the contract has none for assessments."""

    @router.post(
        "/packages",
        status_code=201,
        operation_id="ats_create_background_check_package",
        responses=WRITE_FAULTS,
        openapi_extra=PREFERRED,
        response_model_exclude_unset=True,
    )
    async def create_package(ctx: Ctx, account: Linked, body: PackageBody) -> CreateResult:
        """Store a package for this account."""
        package = await packages.create(ctx, account, STORED, _change(body))
        return CreateResult(
            **_done(ctx, 201, "created"),
            **await _warnings(ctx, account),
            data=CreatedIds(id=package.id, remote_id=package.id),
        )

    @router.patch(
        "/packages/{id:path}",
        operation_id="ats_update_background_check_package",
        responses=WRITE_FAULTS,
        openapi_extra=PREFERRED,
        response_model_exclude_unset=True,
    )
    async def update_package(
        ctx: Ctx,
        account: Linked,
        integration: LinkedIntegration,
        catalog: Packages,
        package_id: Id,
        body: PackageChangeBody,
    ) -> UpdateResult:
        """Change some fields of a stored package."""
        try:
            await packages.change(ctx, account, STORED, package_id, _change(body))
        except NotFound as error:
            await _refuse(ctx, account, integration, catalog, package_id, error)
        return UpdateResult(**_done(ctx, 200, "updated"), **await _warnings(ctx, account))

    @router.delete(
        "/packages/{id:path}",
        operation_id="ats_delete_background_check_package",
        responses=documented(400, 401, 404, 409, 412),
        openapi_extra=PREFERRED,
    )
    async def delete_package(
        ctx: Ctx, account: Linked, integration: LinkedIntegration, catalog: Packages, package_id: Id
    ) -> DeleteResult:
        """Delete a stored package; orders that were placed for it go on."""
        try:
            await packages.delete(ctx, account, STORED, package_id)
        except NotFound as error:
            await _refuse(ctx, account, integration, catalog, package_id, error)
        return DeleteResult(**_done(ctx, 204, "deleted"))


async def _refuse(
    ctx: Context, account: Account, integration: Integration, catalog: Catalog, package_id: str, error: NotFound
) -> NoReturn:
    """
    Raises the error for a change of a package that is not stored for this account.

    Raises:
        Conflict: the package exists, but comes from another source.
        NotFound: the package does not exist.
    """
    published = await packages.find_stored(ctx, account, STORED, package_id)
    source = "stored" if published else None
    if source is None:
        try:
            listed = await of_category(integration, account, STORED, catalog)
        except BadGateway:
            raise error from None
        source = listed.source if listed.find(package_id) else None
    if source is None:
        raise error
    reason = ELSEWHERE[source].format(provider=account.provider)
    raise Conflict(f"The package {package_id[:80]!r} {reason}.", code="PackageNotStored") from error


async def _warnings(ctx: Context, account: Account) -> dict[str, Any]:
    found = await packages.warnings(ctx, account, STORED)
    return {"unified_warnings": [UnifiedWarning(message=one) for one in found]} if found else {}


def _change(body: PackageBody | PackageChangeBody) -> PackageChange:
    tests = None if body.tests is None else tuple(test.model_dump() for test in body.tests)
    return PackageChange(body.name, body.description, tests)


def _done(ctx: Context, status: int, verb: str) -> dict[str, Any]:
    return {"statusCode": status, "message": f"Record {verb} successfully.", "timestamp": stamp(ctx.now())}


def _shown(package: Package, category: Category) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": package.id,
        "remote_id": package.id,
        "name": package.name,
        "description": package.description,
    }
    if category == "background_checks":
        shown["tests"] = [{"remote_id": test.get("id"), **test} for test in package.tests]
    return shown
