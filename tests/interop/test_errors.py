"""Refusals are the SDK's own errors: class, status, message, time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, Linked, open_house
from tests.interop.sdk import Driver, Sdk, SdkError

UPDATE = "updateAssessmentsResult"
BODY = "atsUpdateCandidatesAssessmentsResultsRequestDto"


async def refused(sdk: Sdk, call: str, request: dict[str, Any], kind: str, status: int) -> SdkError:
    """Returns the SDK's error, once it is complete and of this class and status."""
    with pytest.raises(SdkError) as caught:
        await sdk(call, request)
    error = caught.value
    assert (error.kind, error.status) == (kind, status)
    assert error.json["statusCode"] == status
    assert error.message == error.json["message"] != ""
    assert datetime.fromisoformat(error.timestamp or "").tzinfo is not None
    return error


async def unified(sdk: Sdk, method: str, request: dict[str, Any], kind: str, status: int) -> SdkError:
    """Does the same for a method on the account."""
    return await refused(sdk, f"ats.{method}", {"xAccountId": sdk.linked.account_id, **request}, kind, status)


async def test_400_a_cursor_that_is_not_ours(sdk: Sdk) -> None:
    """The body names the field."""
    error = await unified(sdk, "listAssessmentsPackages", {"next": "nonsense"}, "BadRequestResponse", 400)
    assert error.message.startswith("next: ")
    assert error.json["errors"] == ["next: unknown"]


@pytest.mark.parametrize("key", ["gk_nobody", ""], ids=["unknown", "none"])
async def test_401_a_key_that_is_not_known(sdk: Sdk, key: str) -> None:
    """An unknown key and a missing one get the same answer."""
    unauthenticated = replace(sdk, options={"username": key})
    await unified(unauthenticated, "listAssessmentsPackages", {}, "UnauthorizedResponse", 401)


async def test_403_plain_http_to_an_https_gateway(driver: Driver, tmp_path: Path) -> None:
    """The scheme is the one that a trusted proxy reports."""
    async with open_house(tmp_path, public_url="https://greenroom.example.com", trusted_proxies="127.0.0.1") as house:
        sdk = Sdk(driver, Linked(house, "gk_x", "proctor", "acc_x"), headers={"x-forwarded-proto": "http"})
        error = await unified(sdk, "listAssessmentsPackages", {}, "ForbiddenResponse", 403)
    assert "https" in error.message


@pytest.mark.parametrize("change", [{"id": "nope"}, {"xAccountId": "acc_nope"}], ids=["package", "account"])
async def test_404_what_is_not_there(sdk: Sdk, change: dict[str, str]) -> None:
    """An unknown package and an unknown account are not found."""
    await unified(sdk, "getAssessmentsPackage", {"id": "pkg_core_sql", **change}, "NotFoundResponse", 404)


async def test_404_another_projects_order(house: House, proctor: Linked, sdk: Sdk) -> None:
    """Another project's order gets the message of an order that never existed."""
    order = await proctor.send_test()
    mallory = Sdk(sdk.driver, await house.link("mallory", tenant="mallory", package_id="x"))
    body = {"resultUrl": "https://results.proctor-tests.com/r/1"}
    error = await unified(mallory, UPDATE, {"id": order, BODY: body}, "NotFoundResponse", 404)
    never = await unified(mallory, UPDATE, {"id": "ord_never", BODY: body}, "NotFoundResponse", 404)

    assert error.message.replace(order, "") == never.message.replace("ord_never", "")
    assert (await proctor.order(order))["result"] is None


async def test_408_the_vendors_list_takes_too_long(
    house: House, proctor: Linked, sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has the seconds after which to retry."""
    monkeypatch.setattr("greenroom.catalog.DEADLINE_S", 0.2)
    answered = asyncio.Event()
    house.vendor.inside = answered.wait
    configured = {"tenant_id": "proctor", "packages_url": f"{house.vendor.url}/packages"}
    await proctor.api("PUT", "/v1/integrations/greenhouse", json=configured)
    error = await unified(sdk, "listAssessmentsPackages", {}, "RequestTimedOutResponse", 408)
    answered.set()

    assert int(error.headers["retry-after"]) > 0


async def test_409_a_second_result(proctor: Linked, sdk: Sdk) -> None:
    """Greenhouse takes one result; the message names the field that differs."""
    order = await proctor.send_test()
    body = {"resultUrl": "https://results.proctor-tests.com/r/1", "score": {"value": "80"}}
    await sdk.ats(UPDATE, id=order, **{BODY: body})
    again = await sdk.ats(UPDATE, id=order, **{BODY: body})
    error = await unified(sdk, UPDATE, {"id": order, BODY: {**body, "score": {"value": "81"}}}, "ConflictResponse", 409)

    assert again["statusCode"] == 200
    assert "score" in error.message


async def test_412_the_integration_is_disabled(proctor: Linked, sdk: Sdk) -> None:
    """The errorCode is StackOne's."""
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    error = await unified(sdk, "listAssessmentsPackages", {}, "PreconditionFailedResponse", 412)
    assert error.json["errorCode"] == "AccountIntegrationInactiveError"


async def test_422_a_result_without_a_url(proctor: Linked, sdk: Sdk) -> None:
    """Each invalid field is named."""
    order = await proctor.send_test()
    error = await unified(sdk, UPDATE, {"id": order, BODY: {"summary": "x"}}, "UnprocessableEntityResponse", 422)
    assert error.json["errors"][0].startswith("result_url: ")


async def test_429_a_key_that_asks_too_often(driver: Driver, tmp_path: Path) -> None:
    """The answer has the seconds to wait, which the SDK observes when it retries."""
    async with open_house(tmp_path, rate_limit=5) as house:
        sdk = Sdk(driver, await house.link("proctor", package_id="pkg_core_sql"))
        for _ in range(3):
            await sdk.ats("listAssessmentsPackages")
        error = await unified(sdk, "listAssessmentsPackages", {}, "TooManyRequestsResponse", 429)
    assert 1 <= int(error.headers["retry-after"]) <= 60


async def test_502_the_vendors_list_does_not_answer(house: House, proctor: Linked, sdk: Sdk) -> None:
    """The message has the list endpoint's status."""
    url = f"{house.vendor.url}/packages"
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"tenant_id": "proctor", "packages_url": url})
    house.vendor.will_answer(500)
    error = await unified(sdk, "listAssessmentsPackages", {}, "BadGatewayResponse", 502)
    (said,) = error.json["provider_errors"]

    assert "500" in error.message
    assert (said["status"], said["url"]) == (500, url)
