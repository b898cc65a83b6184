"""The request-log middleware: every response has an id, and every request of a project has an entry."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from greenroom.engine.request_log_writer import RequestLogWriter
from greenroom.model.request_logs import KEPT, LogEntry
from tests.house import House, Linked, basic, open_house

ID = re.compile(r"req_[0-9a-z]{26}")


@pytest.fixture
def noted(house: House, monkeypatch: pytest.MonkeyPatch) -> list[LogEntry]:
    """The log entries from now on, in the order in which they are added."""
    lines: list[LogEntry] = []
    monkeypatch.setattr(RequestLogWriter, "note", lambda _, line: lines.append(line))
    return lines


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/orders", 401),
        ("GET", "/sign-in", 200),
        ("GET", "/", 303),
        ("HEAD", "/sign-in", 200),
        ("POST", "/external-trigger/greenhouse/send_test", 401),
    ],
)
async def test_every_response_has_an_id_and_unauthenticated_ones_no_entry(
    house: House, noted: list[LogEntry], method: str, path: str, status: int
) -> None:
    """Responses of every route and of none have an id; unauthenticated requests have no entry."""
    first, second = [await house.client.request(method, path, follow_redirects=False) for _ in range(2)]

    assert first.status_code == status
    assert ID.fullmatch(first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert noted == []


async def test_refusals_of_the_outer_guards_have_an_id_too(proctor: Linked, noted: list[LogEntry]) -> None:
    """A too large body is refused before authentication, and its project still sees the entry."""
    headers = {"content-type": "application/json"}
    answer = await proctor.api("POST", "/v1/webhooks", content=b" " * 2_000_000, headers=headers)

    assert answer.status_code == 413
    (line,) = noted
    assert (line.id, line.exchange.status) == (answer.headers["x-request-id"], 413)


async def fails(_: Request) -> Response:
    """Raises an unexpected error."""
    raise ZeroDivisionError


async def test_a_request_that_fails_inside_has_an_id(house: House, noted: list[LogEntry]) -> None:
    """A 500 has the id by which an operator finds it in the log."""
    house.app.router.routes.append(Route("/fails", fails))
    answer = await house.client.get("/fails")

    assert answer.status_code == 500
    assert ID.fullmatch(answer.headers["x-request-id"])
    assert noted == []


async def test_a_request_of_a_project_that_fails_inside_is_on_record(
    proctor: Linked, noted: list[LogEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed request of a project is logged with status 500."""
    from greenroom.services import orders

    def broken(*_: object, **__: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(orders, "list_orders", broken)
    answer = await proctor.api("GET", "/v1/orders")

    assert answer.status_code == 500
    (line,) = noted
    assert (line.id, line.exchange.status, line.words.resource) == (answer.headers["x-request-id"], 500, "orders")


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/webhooks", b"{", 400),
        ("POST", "/v1/webhooks", b"[" * 100_000, 400),
        ("GET", "/unified/ats/assessmnts/packages", None, 404),
        ("DELETE", "/v1/orders", None, 405),
        ("GET", "/unified/ats/assessments/packages", None, 400),
    ],
)
async def test_a_request_refused_before_authentication_is_logged_for_its_key(
    proctor: Linked, noted: list[LogEntry], method: str, path: str, content: bytes | None, status: int
) -> None:
    """A request that is refused before authentication is logged for the project of its key, if the key is valid."""
    headers = {"content-type": "application/json"} if content else {}
    answer = await proctor.api(method, path, content=content, headers=headers)
    assert answer.status_code == status
    (line,) = noted
    assert (line.id, line.exchange.status) == (answer.headers["x-request-id"], status)

    for authorization in ({}, {"authorization": basic("gk_x")}, {"authorization": "Basic !!"}):
        await proctor.house.client.request(method, path, content=content, headers={**headers, **authorization})
    assert len(noted) == 1


async def test_an_entry_has_its_caller_and_source(proctor: Linked, noted: list[LogEntry]) -> None:
    """An entry has the project, the account, the key, the client and the operation."""
    await proctor.unified("GET", "/assessments/packages/pkg_core_sql?fields=id")
    await proctor.call("list_tests")
    await proctor.api("GET", f"/v1/accounts/{proctor.account_id}")
    unified, ats, platform = noted

    assert unified.project_id == ats.project_id == platform.project_id
    assert unified.account_id == ats.account_id == platform.account_id == proctor.account_id
    assert (unified.provider, ats.provider, platform.provider) == ("greenhouse", "greenhouse", None)
    assert (unified.listed, ats.listed, platform.listed) == ("unified", "unified", "platform")
    assert (unified.words.action, ats.words.action, platform.words.action) == ("get", "list_tests", "get")
    assert (unified.source.type, ats.source.type) == ("API", "ATS")
    assert str(unified.source.id).startswith("key_")
    assert ats.source.id is None
    assert unified.source.ip == "127.0.0.1"
    assert str(unified.source.value).startswith("python-httpx2/")
    settings = proctor.house.settings
    assert unified.exchange.url == f"{settings.public_url}/unified/ats/assessments/packages/pkg_core_sql?fields=id"
    assert unified.exchange.request is None


async def test_an_entry_is_added_before_the_response_ends(proctor: Linked, noted: list[LogEntry]) -> None:
    """The entry is added before the last byte of the response, so that its client finds it."""
    sent: list[tuple[str, int]] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append((message["type"], len(noted)))

    scope = {
        "type": "http", "method": "GET", "path": "/v1/orders", "raw_path": b"/v1/orders", "query_string": b"",
        "headers": [(b"authorization", basic(proctor.key).encode())], "http_version": "1.1", "scheme": "http",
        "root_path": "",
    }  # fmt: skip
    await proctor.house.app(scope, receive, send)

    assert sent == [("http.response.start", 0), ("http.response.body", 1)]
    assert noted[0].source.ip is None


async def test_an_alias_of_an_ats_call_is_that_call(proctor: Linked, noted: list[LogEntry]) -> None:
    """Greenhouse's spellings of a call have the same operation."""
    await proctor.call("request_errors", json={"error": "x"})
    assert [line.words.action for line in noted] == ["response_error"]


async def test_calls_made_meanwhile_are_its_steps(proctor: Linked, noted: list[LogEntry]) -> None:
    """Outgoing calls are steps of the request that made them."""
    body = {"tenant_id": "proctor", "packages_url": f"{proctor.house.vendor.url}/list"}
    await proctor.api("PUT", "/v1/integrations/greenhouse", json=body)
    proctor.house.vendor.will_answer((200, {}, json.dumps({"data": [{"id": "a", "name": "A"}]}).encode()))
    noted.clear()
    await proctor.unified("GET", "/assessments/packages")
    await proctor.unified("GET", "/assessments/packages")

    assert [len(line.steps) for line in noted] == [1, 0]
    assert (noted[0].steps[0].url, noted[0].steps[0].status) == (body["packages_url"], 200)
    assert noted[0].steps[0].request is None


async def streams(request: Request) -> Response:
    """Responds in chunks; each waits until the one before was received."""
    from greenroom.api.callers import get_project

    await get_project(request)
    received: asyncio.Event = request.app.state.received

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"{number}\n".encode()
            await received.wait()
            received.clear()

    return StreamingResponse(pieces())


@pytest.mark.parametrize("bodies", ["off", "all"])
async def test_a_stream_is_not_held_back(tmp_path: Path, bodies: str) -> None:
    """Each chunk arrives before the next one is made; the entry is added at the end."""
    async with open_house(tmp_path, log_bodies=bodies) as house:
        proctor = await house.link("proctor")
        house.app.router.routes.append(Route("/streams", streams))
        house.app.state.received = asyncio.Event()
        headers = {"authorization": basic(proctor.key)}
        pieces = []
        async with asyncio.timeout(20), house.client.stream("GET", "/streams", headers=headers) as answer:
            async for piece in answer.aiter_bytes():
                pieces.append(piece)
                house.app.state.received.set()

        assert b"".join(pieces) == b"0\n1\n2\n"
        request_id = answer.headers["x-request-id"]
        seen = (await proctor.api("GET", f"/requests/logs/{request_id}?include=advanced_logs")).json()["data"]
        assert seen["status"] == 200
        assert seen["response"]["body"] == (None if bodies == "off" else "0\n1\n2\n")


@pytest.mark.parametrize(("bodies", "kept"), [("off", []), ("errors", [422]), ("all", [200, 422])])
async def test_bodies_are_kept_where_the_operator_asks_for_it(tmp_path: Path, bodies: str, kept: list[int]) -> None:
    """GREENROOM_LOG_BODIES keeps no bodies, those of failed requests or steps, or all."""
    async with open_house(tmp_path, log_bodies=bodies) as house:
        proctor = await house.link("proctor", package_id="pkg_core_sql")
        order = await proctor.send_test()
        seen = []
        for body in ({}, {"result_url": "https://results.proctor-tests.com/r/1", "summary": "Fine."}):
            path = f"/assessments/orders/{order}/result"
            answer = await proctor.unified("PATCH", path, json={"result": {"value": "passed"}, **body})
            path = f"/requests/logs/{answer.headers['x-request-id']}?include=advanced_logs"
            seen.append((await proctor.api("GET", path)).json()["data"])

        assert [one["status"] for one in seen] == [422, 200]
        assert sorted(one["status"] for one in seen if one["request"]["body"]) == kept
        for one in seen:
            assert (one["request"]["headers"] is not None) == (one["response"]["body"] is not None)
            assert one["request"]["method"] == "PATCH"
            if one["status"] in kept:
                assert one["request"]["headers"]["authorization"] == "(hidden)"
                assert one["request"]["body"]["result"] == {"value": "passed"}
                assert one["response"]["headers"]["x-request-id"] == one["request_id"]
                assert one["response"]["body"]["statusCode"] == one["status"]


@pytest.mark.parametrize(("bodies", "shown"), [("off", False), ("errors", True), ("all", True)])
async def test_a_failed_step_of_a_fine_request_is_an_error(tmp_path: Path, bodies: str, shown: bool) -> None:
    """A successful request with a failed step (the cached list was used) shows the error in the step."""
    async with open_house(tmp_path, log_bodies=bodies) as house:
        proctor = await house.link("proctor", packages_url=f"{house.vendor.url}/list")
        house.vendor.will_answer((200, {}, b'{"data": [{"id": "a", "name": "A"}]}'), (500, {}, b"<p>down</p>"))
        await proctor.unified("GET", "/assessments/packages")
        answer = await proctor.api("POST", "/v1/integrations/greenhouse/probe")
        path = f"/requests/logs/{answer.headers['x-request-id']}?include=advanced_logs"
        seen = (await proctor.api("GET", path)).json()["data"]

        assert (answer.status_code, seen["success"]) == (200, True)
        (step,) = seen["step_requests"]
        assert (step["status"], step["success"]) == (500, False)
        assert step["response"]["body"] == ("<p>down</p>" if shown else None)
        assert (seen["response"]["body"] is not None) == (bodies == "all")


async def test_long_bodies_are_cut(tmp_path: Path) -> None:
    """The log cuts bodies of request and response; the bodies themselves are forwarded whole."""
    async with open_house(tmp_path, log_bodies="all") as house:
        proctor = await house.link("proctor")
        packages = [{"id": f"p{number}", "name": "x" * 100} for number in range(400)]
        answer = await proctor.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
        assert answer.status_code == 200, answer.text
        assert len((await proctor.unified("GET", "/assessments/packages?page_size=1000")).json()["data"]) == 400
        (line,) = (await proctor.api("GET", "/requests/logs?actions=list")).json()["data"]
        for request_id in (answer.headers["x-request-id"], line["request_id"]):
            path = f"/requests/logs/{request_id}?include=advanced_logs"
            seen = (await proctor.api("GET", path)).json()["data"]
            long = seen["request" if seen["http_method"] == "PUT" else "response"]["body"]
            assert long.endswith("… (cut)")
            assert len(long) < KEPT + 20


async def test_a_caller_that_goes_away_costs_nothing(proctor: Linked) -> None:
    """A request whose connection breaks is logged, and the gateway goes on."""
    proctor.house.vendor.will_answer((200, {}, b'{"data": []}'))
    body = {"tenant_id": "proctor", "packages_url": f"{proctor.house.vendor.url}/list"}
    await proctor.api("PUT", "/v1/integrations/greenhouse", json=body)
    gone = asyncio.Event()
    proctor.house.vendor.inside = gone.wait
    asking = asyncio.create_task(proctor.unified("GET", "/assessments/packages"))
    await proctor.house.vendor.receive(1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    gone.set()

    async with asyncio.timeout(20):
        while not (found := (await proctor.api("GET", "/requests/logs?resources=assessments")).json()["data"]):
            await asyncio.sleep(0.02)
    assert found[0]["child_resource"] == "packages"


async def test_a_defect_of_the_log_costs_no_answer(proctor: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any error in the request log leaves the response unchanged."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RequestLogWriter, "note", broken)
    assert (await proctor.unified("GET", "/assessments/packages")).status_code == 200
    assert (await proctor.call("list_tests")).status_code == 200


async def test_an_outage_of_the_database_costs_log_lines_and_nothing_else(
    proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are answered while the log cannot be written."""
    from greenroom.errors import Unavailable
    from greenroom.services import request_logs

    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(request_logs, "_add", away)
        order = await proctor.send_test()
        assert (await proctor.give_result(order)).status_code == 200
        assert (await proctor.api("GET", "/requests/logs")).json()["data"] == []
        metrics = (await proctor.house.client.get("/metrics")).text
        assert 'greenroom_request_log_lost_total{reason="database_away"}' in metrics
    await proctor.call("list_tests")

    assert [one["action"] for one in (await proctor.api("GET", "/requests/logs")).json()["data"]] == ["list_tests"]
