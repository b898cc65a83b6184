"""
Greenhouse's calls, made by hostile clients: every answer is JSON, and never a 5xx.

They run on PostgreSQL, which cannot store everything that JSON can write. An accepted order must be readable
afterwards, and its event must be JSON that every parser reads.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.house import ADA, RESULT, Linked, basic, open_house, webhook
from tests.support.postgres import Postgres

pytestmark = pytest.mark.postgres

CALLS = ("list_tests", "send_test", "test_status", "response_error", "response_errors", "request_error")
ODD = (
    "",
    "\x00",
    "\ud800",
    "\u2028",
    "é",
    "💻",
    "a" * 5000,
    "https://app.greenhouse.io/x/1",
    "http://[",
    "//",
    "9" * 400,
)
BOUNDED = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

texts = st.sampled_from(ODD) | st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
#: bytes that a header or a request line can have; the HTTP parser refuses the others
wire_bytes = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte == 32 or 32 < byte != 127))
queries = st.lists(
    st.sampled_from(
        ["tenant-id=proctor", "tenant-id", "partner_interview_id=", "&", "?", "=", "%", "%00", "%ff", "+", ";"]
    )
    | texts.map(lambda text: json.dumps(text)[1:-1]),
    max_size=6,
).map("".join)
#: values that replace parts of a send_test body
changes = st.fixed_dictionaries({}, optional={"new": values, "application": values, "sent_by": texts, "url": texts})
inner_changes = st.fixed_dictionaries({}, optional={"new": values, "id": values, "preferred_name": texts})
replaced = st.dictionaries(st.sampled_from(["partner_test_id", "candidate", "sent_by", "url"]), values, max_size=1)
inner_replaced = st.dictionaries(st.sampled_from(list(ADA)), values, max_size=1)


@pytest.fixture
async def proctor(postgres: Postgres, migrated: str, tmp_path: Path) -> AsyncIterator[Linked]:
    """A project with a webhook, on PostgreSQL."""
    async with open_house(tmp_path, postgres.create_database(migrated)) as house:
        linked = await house.link("proctor", package_id="pkg_core_sql")
        await webhook(linked)
        yield linked


async def send(linked: Linked, method: str, target: str, authorization: bytes, body: bytes = b"") -> httpx2.Response:
    """Sends a request with this exact target and header; checks that the answer is sound."""
    url = httpx2.URL(str(linked.house.client.base_url)).copy_with(raw_path=target.encode("ascii", "replace"))
    request = httpx2.Request(method, url, headers=[(b"authorization", authorization.strip())], content=body)
    answer = await linked.house.client.send(request)

    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict | list)
    return answer


def target_of(call: str, query: str) -> str:
    """Returns the request target of a call, without characters that would end its query."""
    return f"/external-trigger/greenhouse/{call}?{query.replace('#', '').replace(' ', '')}"


def no_constant(name: str) -> NoReturn:
    """Fails on NaN and the like, which are not JSON."""
    raise AssertionError(f"{name} in an event")


@BOUNDED
@given(
    call=st.sampled_from(CALLS),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    query=queries,
    authorization=wire_bytes | wire_bytes.map(lambda raw: b"Basic " + raw),
    body=st.binary(max_size=100),
)
@example(call="list_tests", method="GET", query="tenant-id=proctor", authorization=b"Basic \xff\xfe", body=b"")
@example(call="list_tests", method="GET", query="tenant-id=proctor", authorization=b"Basic AGE6", body=b"")
async def test_an_unauthenticated_caller(
    proctor: Linked, call: str, method: str, query: str, authorization: bytes, body: bytes
) -> None:
    """Any header without a valid token is answered 401 or 405."""
    answer = await send(proctor, method, target_of(call, query), authorization, body)
    assert answer.status_code in (401, 405)


@BOUNDED
@given(change=changes | replaced, inner=inner_changes | inner_replaced)
@example(change={"new": float("nan")}, inner={})
@example(change={"new": {"\x00": "\ud800"}}, inner={"first_name": "\x00"})
@example(change={"url": "http://[", "application": {"id": 10**400}}, inner={"id": True})
async def test_a_test_of_any_content(proctor: Linked, change: dict[str, Any], inner: dict[str, Any]) -> None:
    """Any body becomes a readable order with a sound event, or is answered with a 4xx."""
    body = {**proctor.test_body(), "candidate": {**ADA, **inner}, **change}
    target, authorization = target_of("send_test", "tenant-id=proctor"), basic(proctor.token).encode()
    answer = await send(proctor, "POST", target, authorization, json.dumps(body).encode())
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 409, 422), answer.text
        return
    order = answer.json()["partner_interview_id"]

    assert (await proctor.status(order))["partner_status"] in ("received", "complete")
    for path in (f"/v1/orders/{order}", f"/v1/orders/{order}/timeline"):
        assert (await proctor.api("GET", path)).status_code == 200
    assert (await proctor.unified("GET", f"/assessments/orders/{order}")).status_code == 200
    received = await proctor.house.vendor.receive(1)
    for one in received:
        json.loads(one.body.decode(), parse_constant=no_constant)


@BOUNDED
@given(
    call=st.sampled_from(["send_test", "response_error"]),
    body=st.binary(max_size=200) | values.map(lambda one: json.dumps(one).encode()),
)
@example(call="send_test", body=b"[" * 100_000)
@example(call="response_error", body=b"[" * 100_000)
@example(call="send_test", body=b'{"partner_test_id":')
@example(call="response_error", body=b"9" * 10_000)
@example(call="response_error", body=b'{"partner_interview_id": "\\u0000", "errors": "\\ud800"}')
@example(call="response_error", body=b"\xff\xfe\x00")
async def test_a_body_of_any_kind(proctor: Linked, call: str, body: bytes) -> None:
    """A report of an error is always accepted, since Greenhouse could not report its refusal."""
    target, authorization = target_of(call, "tenant-id=proctor"), basic(proctor.token).encode()
    answer = await send(proctor, "POST", target, authorization, body)
    assert answer.status_code in ((200,) if call == "response_error" else (400, 422))


@BOUNDED
@given(query=queries, final=st.booleans())
@example(query="tenant-id=proctor&partner_interview_id=%00", final=False)
@example(query="tenant-id=proctor?partner_interview_id=%ff%fe", final=False)
async def test_a_status_of_anything(proctor: Linked, query: str, final: bool) -> None:
    """A query that names an order gets its status, any other a 4xx."""
    order = await proctor.send_test()
    if final:
        await proctor.give_result(order, RESULT)
    authorization = basic(proctor.token).encode()
    named = await send(
        proctor,
        "GET",
        target_of("test_status", f"tenant-id=proctor&partner_interview_id={order}&{query}"),
        authorization,
    )
    other = await send(proctor, "GET", target_of("test_status", query), authorization)

    assert named.status_code in (200, 401, 404)
    assert other.status_code in (400, 401, 404)
