"""`ats` packages of assessments: values, pages, and every parameter of the SDK."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.house import House, Linked
from tests.interop.sdk import Sdk


async def publish(linked: Linked, packages: list[dict[str, Any]], category: str = "assessments") -> None:
    """Publishes packages."""
    answer = await linked.api("PUT", "/v1/packages", json={"category": category, "packages": packages})
    assert answer.status_code == 200, answer.text


async def test_a_package_is_listed_and_read(proctor: Linked, sdk: Sdk) -> None:
    """List and single read have the same values."""
    await publish(proctor, [{"id": "sql", "name": "SQL essentials", "description": "45 minutes"}])
    package = {"id": "sql", "remoteId": "sql", "name": "SQL essentials", "description": "45 minutes"}
    listed = await sdk.ats("listAssessmentsPackages")
    one = await sdk.ats("getAssessmentsPackage", id="sql")

    assert listed["assessmentPackagePaginated"] == {"data": [package], "next": None, "nextPage": None}
    assert one["assessmentPackageResult"]["data"] == package
    assert (listed["statusCode"], listed["contentType"]) == (200, "application/json")


async def test_two_thousand_packages_come_once_each_and_in_order(proctor: Linked, sdk: Sdk) -> None:
    """The SDK's iterator reads twenty pages by itself."""
    ids = [f"package-{number:04}" for number in range(2000)]
    await publish(proctor, [{"id": one, "name": one.upper()} for one in ids])
    pages = [page["assessmentPackagePaginated"] for page in await sdk.pages("listAssessmentsPackages", pageSize="100")]

    assert [len(page["data"]) for page in pages] == [100] * 20
    assert [one["id"] for page in pages for one in page["data"]] == ids
    assert [page["next"] is None for page in pages] == [False] * 19 + [True]


async def test_without_a_page_size_a_page_has_25(proctor: Linked, sdk: Sdk) -> None:
    """The page size is the contract's default."""
    await publish(proctor, [{"id": f"p{number}", "name": "x"} for number in range(26)])
    pages = [page["assessmentPackagePaginated"] for page in await sdk.pages("listAssessmentsPackages")]
    assert [len(page["data"]) for page in pages] == [25, 1]


async def test_fields_leaves_the_others_out(proctor: Linked, sdk: Sdk) -> None:
    """`fields` works in lists and single reads."""
    await publish(proctor, [{"id": "sql", "name": "SQL essentials", "description": "45 minutes"}])
    listed = await sdk.ats("listAssessmentsPackages", fields="id,name")
    one = await sdk.ats("getAssessmentsPackage", id="sql", fields="description")

    assert listed["assessmentPackagePaginated"]["data"] == [{"id": "sql", "name": "SQL essentials"}]
    assert one["assessmentPackageResult"]["data"] == {"description": "45 minutes"}


@pytest.mark.parametrize(
    "asked",
    [
        {"raw": True},
        {"raw": False, "proxy": {"filter": "x", "nested": {"eq": 25}}},
        {"filter": {"updatedAfter": datetime(2020, 1, 1, tzinfo=UTC)}},
        {"updatedAfter": datetime(2020, 1, 1, tzinfo=UTC)},
        {"page": "1"},
    ],
    ids=["raw", "proxy", "filter", "updated_after", "page"],
)
async def test_every_parameter_is_understood(sdk: Sdk, asked: dict[str, Any]) -> None:
    """No parameter hides the package."""
    listed = await sdk.ats("listAssessmentsPackages", **asked)
    assert [one["id"] for one in listed["assessmentPackagePaginated"]["data"]] == ["pkg_core_sql"]


async def test_only_packages_that_changed_since(proctor: Linked, sdk: Sdk) -> None:
    """The date is in the filter, or in its older place."""
    await publish(proctor, [{"id": "sql", "name": "SQL essentials"}])
    for year, found in ((2020, ["sql"]), (2099, [])):
        since = datetime(year, 1, 1, tzinfo=UTC)
        for asked in ({"filter": {"updatedAfter": since}}, {"updatedAfter": since}):
            listed = await sdk.ats("listAssessmentsPackages", **asked)
            assert [one["id"] for one in listed["assessmentPackagePaginated"]["data"]] == found


async def test_raw_shows_what_the_vendor_answered(house: House, proctor: Linked, sdk: Sdk) -> None:
    """`raw` has the vendor's answer and the gateway's request."""
    house.vendor.will_answer((200, {"content-type": "application/json"}, b'{"data": [{"id": "sql", "name": "SQL"}]}'))
    configured = {"tenant_id": "proctor", "packages_url": f"{house.vendor.url}/packages"}
    await proctor.api("PUT", "/v1/integrations/greenhouse", json=configured)
    (call,) = (await sdk.ats("listAssessmentsPackages", raw=True))["assessmentPackagePaginated"]["raw"]

    assert (call["method"], call["url"]) == ("POST", f"{house.vendor.url}/packages")
    assert call["body"] == {"account_id": proctor.account_id, "provider": "greenhouse"}
    assert call["response"] == {"data": [{"id": "sql", "name": "SQL"}]}


@pytest.mark.parametrize("package_id", ["Übung 1", "a/b", "50%", "what?", "a+b#c"])
async def test_an_id_is_found_whatever_is_in_it(proctor: Linked, sdk: Sdk, package_id: str) -> None:
    """Any id that a vendor chooses is found; the SDK encodes it once for the path."""
    await publish(proctor, [{"id": package_id, "name": "Odd"}])
    one = await sdk.ats("getAssessmentsPackage", id=package_id)
    assert one["assessmentPackageResult"]["data"]["id"] == package_id


async def test_a_heartbeat_may_be_preferred(sdk: Sdk) -> None:
    """The `Prefer: heartbeat` header of newer builds is accepted."""
    patient = Sdk(sdk.driver, sdk.linked, headers={"prefer": "heartbeat"})
    listed = await patient.ats("listAssessmentsPackages")
    assert len(listed["assessmentPackagePaginated"]["data"]) == 1
