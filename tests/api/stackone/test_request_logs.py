"""`/requests`: the log of a project's own calls, with both wire forms of every filter."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from greenroom.api.stackone.request_logs import APART, LogsAsked, PlatformLogsAsked, StepsAsked
from greenroom.app import build_app
from greenroom.engine import request_log_writer as engine
from greenroom.model.events import stamp
from greenroom.settings import Settings
from tests.house import House, Linked, open_house

ORDERS = ("provider", "service", "status", "eventDatetime", "duration")
#: sort values of null
EMPTY: dict[str, Any] = {"provider": "", "service": "", "status": 0, "duration": 0}


async def listed(linked: Linked, query: str = "", path: str = "/requests/logs") -> list[dict[str, Any]]:
    """Returns the entries of a list."""
    answer = await linked.api("GET", f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def configure_list_url(linked: Linked) -> str:
    """Configures Proctor's list endpoint, so that reading packages makes a step, and returns its URL."""
    body = {"tenant_id": linked.tenant, "packages_url": f"{linked.house.vendor.url}/list"}
    await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
    linked.house.vendor.will_answer((200, {}, json.dumps({"data": [{"id": "pkg_core_sql", "name": "SQL"}]}).encode()))
    return str(body["packages_url"])


async def test_a_call_is_there_right_after_it(on_each_database: Linked) -> None:
    """An entry has the id of its response and every field of the contract, also after concurrent calls."""
    proctor = on_each_database
    before = stamp(datetime.now(UTC))
    answers = await asyncio.gather(*(proctor.unified("GET", "/assessments/packages") for _ in range(20)))
    found = await listed(proctor)

    assert {one["request_id"] for one in found} == {answer.headers["x-request-id"] for answer in answers}
    (one, *_) = found
    assert before <= one["event_datetime"] == one["start_time"] <= one["end_time"] <= stamp(datetime.now(UTC))
    assert one["duration"] >= 0
    assert str(one["project_id"]).startswith("prj_")
    expected = {
        "account_id": proctor.account_id,
        "http_method": "GET",
        "path": "/unified/ats/assessments/packages",
        "url": f"{proctor.house.settings.public_url}/unified/ats/assessments/packages",
        "status": 200,
        "success": True,
        "provider": "greenhouse",
        "service": "ats",
        "resource": "assessments",
        "child_resource": "packages",
        "sub_resource": None,
        "action": "list",
        "is_worker": False,
        "source_type": "API",
        "source_ip": "127.0.0.1",
        "step_requests": None,
    }
    assert {name: one[name] for name in expected} == expected
    assert one.keys() - expected.keys() == {
        "event_datetime", "start_time", "end_time", "duration", "project_id", "request_id", "source_id", "source_value"
    }  # fmt: skip


async def test_an_ats_call_is_among_the_unified_ones(proctor: Linked) -> None:
    """An ATS's call is listed with the unified ones; without a valid token it belongs to no project."""
    await proctor.send_test()
    await proctor.call("test_status", "partner_interview_id=nope")
    await proctor.call("list_tests", token="gr_wrong")
    await proctor.call("list_tests", token="")

    refused, sent = await listed(proctor)
    assert (sent["provider"], sent["service"], sent["action"]) == ("greenhouse", "external-trigger", "send_test")
    assert (sent["source_type"], sent["account_id"]) == ("ATS", proctor.account_id)
    assert (refused["action"], refused["status"], refused["success"]) == ("test_status", 404, False)


async def test_platform_calls_are_on_a_list_of_their_own(proctor: Linked) -> None:
    """Reading the log is on neither list."""
    await proctor.unified("GET", "/assessments/packages")
    await proctor.api("GET", "/v1/orders/nope")
    await listed(proctor)
    found = await listed(proctor, path="/requests/platform-logs")

    assert [one["path"] for one in found] == ["/v1/orders/nope", "/v1/accounts", "/v1/integrations/greenhouse"]
    assert (found[0]["category"], found[0]["resource"], found[0]["action"]) == ("management", "orders", "get")
    assert (found[0]["status"], found[0]["success"]) == (404, False)
    assert not {"provider", "service", "is_worker", "step_requests"} & found[0].keys()
    assert [one["child_resource"] for one in await listed(proctor)] == ["packages"]


async def test_another_project_sees_nothing_of_it(house: House, proctor: Linked) -> None:
    """Another project cannot find an entry by list, filter or id."""
    mallory = await house.link("mallory", tenant="mallory")
    await configure_list_url(proctor)
    answer = await proctor.unified("GET", "/assessments/packages")
    request_id = answer.headers["x-request-id"]
    assert len(await listed(proctor, path="/requests/logs/steps")) == 1

    for path in ("/requests/logs", "/requests/logs/steps", "/requests/platform-logs"):
        for query in ("", f"request_ids={request_id}", f"filter[account_ids]={proctor.account_id}"):
            found = await mallory.api("GET", f"{path}?{query}")
            assert found.status_code == 200
            assert request_id not in found.text
            assert proctor.account_id not in found.text
        assert (await house.client.get(path)).status_code == 401
    for name in (request_id, f"{request_id}.001", "nope"):
        assert (await mallory.api("GET", f"/requests/logs/{name}")).status_code == 404
    assert (await proctor.api("GET", f"/requests/logs/{request_id}")).status_code == 200


async def test_steps_by_themselves_and_with_their_request(on_each_database: Linked) -> None:
    """A step has its call and its outcome; a list without `include` has no steps."""
    proctor = on_each_database
    url = await configure_list_url(proctor)
    answer = await proctor.unified("GET", "/assessments/packages")
    request_id = answer.headers["x-request-id"]
    proctor.house.vendor.will_answer(0)
    await proctor.api("POST", "/v1/integrations/greenhouse/probe")

    broken, fine = await listed(proctor, path="/requests/logs/steps")
    assert (fine["id"], fine["request_id"]) == (f"{request_id}.001", request_id)
    assert (fine["url"], fine["path"], fine["http_method"]) == (url, "/list", "POST")
    assert (fine["status"], fine["success"], fine["error"], fine["resource"]) == (200, True, None, "assessments")
    assert (broken["status"], broken["success"]) == (None, False)
    assert "broke the connection" in broken["error"]
    (one,) = await listed(proctor, "include=step_logs")
    assert one["step_requests"] == [fine]
    assert (await listed(proctor))[0]["step_requests"] is None
    for include, steps in (("", None), ("?include=step_logs", [fine])):
        shown = (await proctor.api("GET", f"/requests/logs/{request_id}{include}")).json()["data"]
        assert shown["step_requests"] == steps
        assert (shown["request"], shown["response"]) == (None, None)


async def test_advanced_logs_say_what_was_asked_also_when_nothing_was_kept(proctor: Linked) -> None:
    """The parts of the URL are always there; headers and bodies only if the operator keeps them."""
    answer = await proctor.unified("GET", "/assessments/packages?fields=id&page_size=1")
    path = f"/requests/logs/{answer.headers['x-request-id']}?include=advanced_logs"
    shown = (await proctor.api("GET", path)).json()["data"]

    assert shown["request"] == {
        "id": answer.headers["x-request-id"],
        "method": "GET",
        "url": {
            "url": shown["url"],
            "hostname": "127.0.0.1",
            "path": "/unified/ats/assessments/packages",
            "query_params": {"fields": "id", "page_size": "1"},
        },
        "headers": None,
        "body": None,
    }
    assert shown["response"] == {
        "status_code": 200,
        "headers": None,
        "body": None,
        "custom_mapping_errors": None,
        "provider_errors": None,
    }
    assert shown["step_requests"] == []


def forms(name: str, value: str) -> list[str]:
    """Returns a filter in the documented form and in that of the official TypeScript client."""
    return [f"filter[{name}]={quote(value)}", f"filter%5B{name}%5D={quote(value)}", f"{name}={quote(value)}"]


OWN = {
    "account_ids": "account_id",
    "actions": "action",
    "child_resources": "child_resource",
    "http_methods": "http_method",
    "providers": "provider",
    "request_ids": "request_id",
    "resources": "resource",
    "services": "service",
    "source_ids": "source_id",
    "source_types": "source_type",
    "source_values": "source_value",
    "status_codes": "status",
    "sub_resources": "sub_resource",
}


async def make_three_calls(linked: Linked) -> list[dict[str, Any]]:
    """
    Lists packages (with a step), places an order from the ATS and gives its result; returns the entries, newest first.
    """
    await configure_list_url(linked)
    await linked.unified("GET", "/assessments/packages")
    await linked.give_result(await linked.send_test())
    everything = await listed(linked)
    assert [one["action"] for one in everything] == ["update", "send_test", "list"]
    return everything


async def test_every_filter_of_values_in_both_forms(proctor: Linked) -> None:
    """A filter finds exactly the entries with its values, and none for another value."""
    everything = await make_three_calls(proctor)
    for name, column in OWN.items():
        value = str(everything[0][column])
        expected = [one for one in everything if str(one[column]) == value]
        for form in forms(name, value) + forms(name, f" {value} ,,599"):
            assert await listed(proctor, form) == expected, form
        for form in forms(name, "599"):
            assert await listed(proctor, form) == [], form
    assert len(await listed(proctor, "http_methods=get,patch")) == 2
    assert await listed(proctor, "filter[actions]=list&actions=update") == everything[2:]


async def test_every_filter_of_steps(proctor: Linked) -> None:
    """A step can be found by the values of its request."""
    await make_three_calls(proctor)
    (step,) = await listed(proctor, path="/requests/logs/steps")
    for name in OWN.keys() & StepsAsked.model_fields.keys() - {"sub_resources"}:
        for form in forms(name, str(step[OWN[name]])):
            assert await listed(proctor, form, "/requests/logs/steps") == [step], form
        for form in forms(name, "599"):
            assert await listed(proctor, form, "/requests/logs/steps") == [], form


async def test_the_other_filters_in_both_forms(proctor: Linked) -> None:
    """Success, inclusive times and categories filter; an empty filter is ignored."""
    everything = await make_three_calls(proctor)
    result, packages = everything[0], everything[2]
    for form in forms("success", "true") + forms("start_date", packages["event_datetime"]):
        assert await listed(proctor, form) == everything, form
    for form in forms("end_date", result["event_datetime"]):
        assert await listed(proctor, form) == everything, form
    for form in forms("success", "false") + forms("start_date", "2099-01-01T00:00:00Z"):
        assert await listed(proctor, form) == [], form
    for form in forms("end_date", "2020-01-01T00:00:00+02:00"):
        assert await listed(proctor, form) == [], form
    for form in forms("categories", "management"):
        assert await listed(proctor, form, "/requests/platform-logs")
    for form in forms("categories", "platform"):
        assert await listed(proctor, form, "/requests/platform-logs") == []
    for blank in ("account_ids=", "success=", "start_date=null", "filter[success]=null", "next=", "include="):
        assert await listed(proctor, blank) == everything, blank


def test_every_filter_is_tested() -> None:
    """The tests in this file cover every filter."""
    tested = {*OWN, "success", "start_date", "end_date", "categories", "order_by", "order_direction"}
    assert tested == LogsAsked.model_fields.keys() - APART


UNREADABLE = [
    "page_size=0",
    "page_size=101",
    "page_size=x",
    "order_by=nope",
    "filter[order_by]=nope",
    "order_direction=up",
    "status_codes=2xx",
    "filter[status_codes]=200,99999999999",
    "success=maybe",
    "filter[success]=maybe",
    "start_date=yesterday",
    "filter[start_date]=2026-11-24T00:00:00",
    "end_date=2026-13-01T00:00:00Z",
    "account_ids=%00",
    "filter[actions]=a%00",
    "next=%00",
    "next=b3JkX3g",
    "next=!!",
    "filter[account_id]=x",
    "filter[page_size]=5",
    "filter[]=x",
    "filter=x",
    f"request_ids={'a,' * 100}a",
]


@pytest.mark.parametrize("path", ["/requests/logs", "/requests/logs/steps", "/requests/platform-logs"])
async def test_what_cannot_be_read_is_400_and_named(proctor: Linked, path: str) -> None:
    """An invalid filter gets 400 with its name as it was sent."""
    for query in UNREADABLE:
        answer = await proctor.api("GET", f"{path}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["errors"][0].startswith(query.partition("=")[0]), answer.text


async def test_an_unknown_filter_is_refused_with_the_nearest(proctor: Linked) -> None:
    """An unknown filter is refused with the nearest name, since ignoring it would list everything."""
    answer = await proctor.api("GET", "/requests/logs?filter[account_id]=x")
    assert "Did you mean filter[account_ids]?" in answer.json()["message"]
    assert (await proctor.api("GET", "/requests/logs?include=advanced_logs")).status_code == 400
    assert (await proctor.api("GET", "/requests/logs/x?include=all")).status_code == 400
    assert (await proctor.api("GET", "/requests/logs/%00")).status_code == 400


async def test_every_order_in_pages_meets_each_line_once(on_each_database: Linked) -> None:
    """Pages list each entry once in every order, with equal values and while entries are added."""
    proctor = on_each_database
    for number in range(3):
        await proctor.unified("GET", "/assessments/packages")
        await proctor.call("list_tests")
        await proctor.api("GET", f"/unified/ats/nowhere/{number}")
    there = {one["request_id"] for one in await listed(proctor)}
    for order, direction in product(ORDERS, ("asc", "desc")):
        seen: list[dict[str, Any]] = []
        following = ""
        while following is not None:
            query = f"page_size=4&order_by={order}&filter[order_direction]={direction}&next={following}"
            answer = (await proctor.api("GET", f"/requests/logs?{query}")).json()
            seen += answer["data"]
            following = answer["next"]
            await proctor.call("list_tests")
        ids = [one["request_id"] for one in seen]
        assert len(set(ids)) == len(ids)
        assert there <= set(ids)
        keys = [
            (one["event_datetime"] if order == "eventDatetime" else one[order] or EMPTY[order], one["request_id"])
            for one in seen
        ]
        assert keys == sorted(keys, reverse=direction == "desc"), (order, direction)


async def test_a_request_of_either_list_is_found_by_its_id(proctor: Linked) -> None:
    """An `x-request-id` finds the entry of either list."""
    answer = await proctor.api("GET", "/v1/orders")
    shown = (await proctor.api("GET", f"/requests/logs/{answer.headers['x-request-id']}")).json()["data"]
    assert (shown["path"], shown["status"]) == ("/v1/orders", 200)


async def test_lines_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping the gateway writes the pending entries, however long the interval is."""
    monkeypatch.setattr(engine, "PERIOD_S", 600.0)
    async with open_house(tmp_path) as house:
        proctor = await house.link("proctor", package_id="pkg_core_sql")
        answer = await proctor.unified("GET", "/assessments/packages")
    async with open_house(tmp_path) as house:
        again = Linked(house, proctor.key, proctor.tenant)
        assert [one["request_id"] for one in await listed(again)] == [answer.headers["x-request-id"]]


def test_the_documented_form_of_the_filters_is_in_the_document() -> None:
    """The OpenAPI document has `filter[name]` with the same names as the plain form."""
    paths = build_app(Settings()).openapi()["paths"]
    for path, model in (("logs", LogsAsked), ("logs/steps", StepsAsked), ("platform-logs", PlatformLogsAsked)):
        named = {one["name"]: one for one in paths[f"/requests/{path}"]["get"]["parameters"]}
        assert named["filter"]["style"] == "deepObject"
        assert named["filter"]["schema"]["properties"].keys() == model.model_fields.keys() - APART
        assert model.model_fields.keys() < named.keys()
