"""`requestLogs`: requests and the gateway's own calls, by every filter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.house import House, Linked
from tests.interop.sdk import Sdk, SdkError

PACKAGES = "/unified/ats/assessments/packages"


async def logs(
    sdk: Sdk, call: str = "listLogs", key: str = "unifiedLogsPaginated", **asked: Any
) -> list[dict[str, Any]]:
    """
    Returns the entries on the first page.

    Logs are written after the answer, so this waits for the first entry.
    """
    async with asyncio.timeout(20):
        while True:
            found = (await sdk(f"requestLogs.{call}", asked))[key]["data"]
            if found:
                return list(found)
            await asyncio.sleep(0.05)


@pytest.fixture
async def asked(house: House, proctor: Linked, sdk: Sdk) -> Sdk:
    """Makes three requests: one that calls the vendor, one not found, one without an account."""
    url = f"{house.vendor.url}/packages"
    house.vendor.will_answer((200, {}, b'{"data": [{"id": "sql", "name": "SQL"}]}'))
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"tenant_id": "proctor", "packages_url": url})
    await sdk.ats("listAssessmentsPackages")
    with pytest.raises(SdkError):
        await sdk.ats("getAssessmentsPackage", id="nope")
    await sdk("accounts.listLinkedAccounts")
    async with asyncio.timeout(20):
        while len((await sdk("requestLogs.listLogs", {}))["unifiedLogsPaginated"]["data"]) < 2:
            await asyncio.sleep(0.05)
    return sdk


async def test_a_request_is_recorded(proctor: Linked, asked: Sdk) -> None:
    """An entry has caller, request, account, time, duration and outcome."""
    (entry,) = await logs(asked, filter={"statusCodes": "200", "actions": "list"})

    assert (entry["httpMethod"], entry["path"], entry["status"], entry["success"]) == ("GET", PACKAGES, 200, True)
    assert (entry["accountId"], entry["provider"], entry["service"]) == (proctor.account_id, "greenhouse", "ats")
    assert (entry["resource"], entry["action"]) == ("assessments", "list")
    assert (entry["subResource"], entry["childResource"]) in [("packages", None), (None, "packages")]
    assert datetime.fromisoformat(entry["startTime"]) <= datetime.fromisoformat(entry["endTime"])
    assert entry["duration"] >= 0
    assert entry["requestId"]


async def test_one_entry_with_its_steps(house: House, asked: Sdk) -> None:
    """The step is the call to the vendor; neither has a secret."""
    (entry,) = await logs(asked, filter={"actions": "list"})
    given = await asked("requestLogs.getLog", {"id": entry["requestId"], "include": "step_logs"})
    log = given["unifiedLogResult"]["data"]
    (step,) = log["stepRequests"]

    assert (log["requestId"], log["status"]) == (entry["requestId"], 200)
    assert (step["httpMethod"], step["url"], step["status"]) == ("POST", f"{house.vendor.url}/packages", 200)
    assert asked.linked.key not in str(given)


async def test_steps_alone(house: House, asked: Sdk) -> None:
    """The list has every call that the gateway made for a request."""
    (entry,) = await logs(asked, filter={"actions": "list"})
    steps = await logs(asked, "listStepLogs", "stepLogsPaginated", filter={"requestIds": entry["requestId"]})

    assert [(one["httpMethod"], one["requestId"]) for one in steps] == [("POST", entry["requestId"])]


async def test_platform_requests_are_a_list_of_their_own(asked: Sdk) -> None:
    """Requests for accounts and the like are listed with a category."""
    found = await logs(asked, "listPlatformLogs", "platformLogsPaginated", filter={"httpMethods": "GET"})
    paths = {one["path"] for one in found}

    assert "/accounts" in paths
    assert not any(path.startswith("/unified/") for path in paths)
    assert all(one["category"] for one in found)


@pytest.mark.parametrize(
    ("filtered", "statuses"),
    [
        ({"success": True}, [200]),
        ({"success": False}, [404]),
        ({"statusCodes": "404,500"}, [404]),
        ({"actions": "get"}, [404]),
        ({"httpMethods": "POST"}, []),
        ({"providers": "workable"}, []),
        ({"providers": "greenhouse", "resources": "assessments"}, [404, 200]),
        ({"services": "ats", "httpMethods": "GET"}, [404, 200]),
        ({"startDate": datetime.now(UTC) + timedelta(days=1)}, []),
        ({"endDate": datetime.now(UTC) - timedelta(days=1)}, []),
        (
            {"startDate": datetime.now(UTC) - timedelta(days=1), "endDate": datetime.now(UTC) + timedelta(days=1)},
            [404, 200],
        ),
        ({"accountIds": "acc_nope"}, []),
        ({"requestIds": "nope"}, []),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
async def test_every_filter(asked: Sdk, filtered: dict[str, Any], statuses: list[int]) -> None:
    """Each filter finds its entries, newest first."""
    found = (await asked("requestLogs.listLogs", {"filter": filtered}))["unifiedLogsPaginated"]["data"]
    assert [one["status"] for one in found] == statuses


async def test_order_and_pages(asked: Sdk) -> None:
    """Oldest first works on request; a page of one has a cursor to the next."""
    first = await asked("requestLogs.listLogs", {"orderBy": "eventDatetime", "orderDirection": "asc", "pageSize": 1})
    page = first["unifiedLogsPaginated"]
    rest = {"orderBy": "eventDatetime", "orderDirection": "asc", "pageSize": 1, "next": page["next"]}
    second = (await asked("requestLogs.listLogs", rest))["unifiedLogsPaginated"]

    assert [one["status"] for one in page["data"] + second["data"]] == [200, 404]
    assert second["next"] is None


async def test_another_projects_entries_are_not_there(house: House, asked: Sdk) -> None:
    """Another project's key finds no entry."""
    mallory = Sdk(asked.driver, await house.link("mallory", tenant="mallory", package_id="x"))
    (entry,) = await logs(asked, filter={"actions": "list"})
    with pytest.raises(SdkError) as caught:
        await mallory("requestLogs.getLog", {"id": entry["requestId"]})

    assert caught.value.kind == "NotFoundResponse"
    assert (await mallory("requestLogs.listLogs", {}))["unifiedLogsPaginated"]["data"] == []
