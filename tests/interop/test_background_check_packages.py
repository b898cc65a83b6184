"""`ats` packages of background checks: clients may create, change and delete them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, Linked
from tests.interop.sdk import Sdk, SdkError
from tests.interop.test_orders import with_checks
from tests.interop.test_packages import publish

CREATE, UPDATE = "atsCreateBackgroundCheckPackagesRequestDto", "atsUpdateBackgroundCheckPackagesRequestDto"
STANDARD = {
    "name": "Standard",
    "description": "Identity and court records",
    "tests": [{"name": "Identity", "description": "Passport"}, {"name": "Court records"}],
}


@pytest.fixture
async def proctor(house: House) -> Linked:
    """A project whose integration sells background checks."""
    return await house.link("proctor", partner_category="background_checks")


async def create(sdk: Sdk, **more: Any) -> str:
    """Creates a package; returns its id."""
    created = await sdk.ats("createBackgroundCheckPackage", **{CREATE: {**STANDARD, **more}})
    assert (created["statusCode"], created["createResult"]["statusCode"]) == (201, 201)
    assert created["createResult"]["message"] == "Record created successfully."
    return str(created["createResult"]["data"]["id"])


async def read(sdk: Sdk, package_id: str, **more: Any) -> dict[str, Any]:
    """Returns a package as the SDK reads it."""
    return dict(
        (await sdk.ats("getBackgroundCheckPackage", id=package_id, **more))["backgroundCheckPackageResult"]["data"]
    )


async def test_a_created_package_is_read_and_listed(sdk: Sdk) -> None:
    """A created package has its tests in order, each with an id; the recruiter sees it."""
    package_id = await create(sdk)
    package = await read(sdk, package_id)
    listed = (await sdk.ats("listBackgroundCheckPackages"))["backgroundCheckPackagePaginated"]

    assert listed["data"] == [package]
    assert (package["id"], package["name"], package["description"]) == (package_id, "Standard", STANDARD["description"])
    assert [(one["name"], one["description"]) for one in package["tests"]] == [
        ("Identity", "Passport"),
        ("Court records", None),
    ]
    assert len({one["id"] for one in package["tests"]} - {None}) == 2
    assert (await sdk.linked.call("list_tests")).json() == [
        {"partner_test_id": package_id, "partner_test_name": "Standard"}
    ]


async def test_a_change_changes_what_it_names(sdk: Sdk) -> None:
    """Tests are replaced when given; those with an id keep it."""
    package_id = await create(sdk)
    before = await read(sdk, package_id)
    updated = await sdk.ats("updateBackgroundCheckPackage", id=package_id, **{UPDATE: {"name": "Plus"}})
    renamed = await read(sdk, package_id)
    kept = before["tests"][0]
    tests = [{"id": kept["id"], "name": "Identity, twice"}, {"name": "References"}]
    await sdk.ats("updateBackgroundCheckPackage", id=package_id, **{UPDATE: {"tests": tests}})
    after = await read(sdk, package_id)

    assert (updated["statusCode"], updated["updateResult"]["statusCode"]) == (200, 200)
    assert renamed == {**before, "name": "Plus"}
    assert [one["name"] for one in after["tests"]] == ["Identity, twice", "References"]
    assert after["tests"][0]["id"] == kept["id"]
    assert (after["name"], after["description"]) == ("Plus", STANDARD["description"])


async def test_a_deleted_package_is_gone(sdk: Sdk) -> None:
    """The answer is HTTP 200 with statusCode 204 in its body, as the SDK requires."""
    package_id, other = await create(sdk), await create(sdk, name="Other")
    deleted = await sdk.ats("deleteBackgroundCheckPackage", id=package_id)
    listed = (await sdk.ats("listBackgroundCheckPackages"))["backgroundCheckPackagePaginated"]

    assert (deleted["statusCode"], deleted["deleteResult"]["statusCode"]) == (200, 204)
    assert [one["id"] for one in listed["data"]] == [other]
    for method, body in (
        ("getBackgroundCheckPackage", {}),
        ("updateBackgroundCheckPackage", {UPDATE: {"name": "x"}}),
        ("deleteBackgroundCheckPackage", {}),
    ):
        with pytest.raises(SdkError) as caught:
            await sdk.ats(method, id=package_id, **body)
        assert caught.value.kind == "NotFoundResponse"


async def test_pages_fields_and_the_other_spellings(proctor: Linked, sdk: Sdk) -> None:
    """The parameters are the same as for assessments."""
    ids = [f"p{number:03}" for number in range(250)]
    await publish(proctor, [{"id": one, "name": one} for one in ids], "background_checks")
    found = await sdk.pages("listBackgroundCheckPackages", pageSize="100", fields="id")
    pages = [page["backgroundCheckPackagePaginated"]["data"] for page in found]

    assert [len(page) for page in pages] == [100, 100, 50]
    assert [one for page in pages for one in page] == [{"id": one} for one in ids]
    assert await read(sdk, "p001", fields="name", raw=True, proxy={"x": "y"}) == {"name": "p001"}


async def test_a_created_package_can_be_ordered(sdk: Sdk) -> None:
    """A recruiter in Greenhouse can order a created package."""
    package_id = await create(sdk)
    order = await sdk.linked.send_test(partner_test_id=package_id)
    assert (await sdk.linked.order(order))["package"] == {"id": package_id, "name": "Standard"}


async def test_the_category_decides_which_list_is_full(proctor: Linked, sdk: Sdk) -> None:
    """An integration of background checks has no assessments."""
    await with_checks(proctor)
    assert (await sdk.ats("listAssessmentsPackages"))["assessmentPackagePaginated"]["data"] == []
