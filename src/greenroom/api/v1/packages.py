"""`/v1/packages`: packages that a vendor publishes instead of serving a list endpoint."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, field_validator

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Label, Line, Plain, StrictBody, example
from greenroom.model.packages import MOST, MOST_TESTS, Package
from greenroom.services import packages

router = APIRouter(prefix="/v1/packages", tags=["Packages"], route_class=KeyedRoute)
CategoryName = Literal["assessments", "background_checks"]


class TestIn(StrictBody):
    """One check of a background-check package."""

    __test__ = False

    id: Label | None = Field(None, description="Your id of the check.")
    name: Label = Field(description="The check's name.")
    description: Line | None = Field(None, description="Your description.")


class PackageIn(StrictBody):
    """A package that a recruiter can choose."""

    id: Label = Field(description="Your id of the package, which orders name.")
    name: Label = Field(description="The name that recruiters see.")
    description: Line | None = Field(None, description="Your description.")
    tests: list[TestIn] | None = Field(None, max_length=MOST_TESTS, description="Background checks only.")


class PackagesIn(StrictBody):
    """A list of packages that replaces the published list of this category and account."""

    model_config = example(
        category="assessments",
        packages=[
            {"id": "pkg_core_sql", "name": "SQL essentials", "description": "45 minutes, with a report"},
            {"id": "pkg_listening", "name": "Listening"},
        ],
    )

    category: CategoryName = Field(description="The category that they belong to.")
    account_id: Label | None = Field(None, description="The account that sees the packages; left out: all accounts.")
    packages: Annotated[list[PackageIn], Field(max_length=MOST)] = Field(
        description="All packages; others are removed."
    )

    @field_validator("packages")
    @classmethod
    def _ids_are_unique(cls, value: list[PackageIn]) -> list[PackageIn]:
        ((most_used, uses),) = Counter(package.id for package in value).most_common(1) or [("", 0)]
        if uses > 1:
            raise ValueError(f"the id {most_used!r} appears twice")
        return value


class PackageOut(BaseModel):
    """A published package."""

    id: str = Field(description="Your id of the package.")
    name: str = Field(description="The name that recruiters see.")
    description: str | None = Field(description="Your description.")
    tests: list[dict[str, Any]] = Field(description="The checks in it.")


class PackagesOut(BaseModel):
    """The published packages of a category and account, in the vendor's order."""

    category: CategoryName = Field(description="The category that they belong to.")
    account_id: str | None = Field(description="The account that sees them; null: all accounts.")
    packages: list[PackageOut] = Field(description="The packages.")


@router.put("", operation_id="put_packages", responses=documented(400, 401, 404, 422))
async def put(ctx: Ctx, project: Caller, body: PackagesIn) -> PackagesOut:
    """Publish exactly these packages."""
    found = [
        Package(p.id, p.name, p.description, tuple(test.model_dump() for test in p.tests or ())) for p in body.packages
    ]
    await packages.publish(ctx, project.id, body.category, found, account_id=body.account_id)
    return _shown(body.category, body.account_id, found)


@router.get("", operation_id="get_packages", responses=documented(400, 401, 404))
async def get(
    ctx: Ctx,
    project: Caller,
    category: Annotated[CategoryName, Query(description="The category of the packages.")],
    account_id: Annotated[Plain | None, Query(description="Left out: the packages published for all accounts.")] = None,
) -> PackagesOut:
    """Show the published packages."""
    found = await packages.list_published(ctx, project.id, category, account_id=account_id)
    return _shown(category, account_id, found)


def _shown(category: CategoryName, account_id: str | None, found: list[Package]) -> PackagesOut:
    shown = [PackageOut(id=p.id, name=p.name, description=p.description, tests=list(p.tests)) for p in found]
    return PackagesOut(category=category, account_id=account_id, packages=shown)
