"""Error responses: one shape for every error of every route."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.house import Linked

FIELDS = {"statusCode", "message", "timestamp", "errorCode"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/orders", 405),
        ("GET", "/v1/orders/nope", 404),
        ("GET", "/v1/orders?status=nope", 400),
        ("GET", "/unified/ats/assessments/packages", 400),
        ("PUT", "/v1/packages", 422),
        ("GET", "/external-trigger/greenhouse/list_tests", 401),
        ("DELETE", "/external-trigger/greenhouse/send_test", 405),
    ],
)
async def test_every_refusal_has_the_shape(proctor: Linked, method: str, path: str, status: int) -> None:
    """Errors of the gateway, of the framework and of an ATS's calls have the same shape."""
    answer = await proctor.api(method, path, json={} if method == "PUT" else None)
    said = answer.json()

    assert (answer.status_code, said["statusCode"]) == (status, status)
    assert said.keys() >= FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["timestamp"])
    assert answer.headers["content-type"].startswith("application/json")


async def test_401_says_how_to_sign_in(proctor: Linked) -> None:
    """A missing and a wrong key get the same 401 with the scheme."""
    missing = await proctor.house.client.get("/v1/orders")
    wrong = await proctor.house.client.get("/v1/orders", headers={"authorization": "Basic !!"})

    assert missing.headers["www-authenticate"].startswith('Basic realm="Greenroom"')
    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert missing.json()["message"] == wrong.json()["message"]


async def test_a_body_over_the_limit_is_413_declared_or_not(proctor: Linked) -> None:
    """A large body is refused with or without a declared length."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    headers = {"content-type": "application/json"}
    declared = await proctor.api("POST", "/v1/webhooks", content=b" " * 2_000_000, headers=headers)
    chunked = await proctor.api("POST", "/v1/webhooks", content=chunks(), headers=headers)

    for answer in (declared, chunked):
        assert (answer.status_code, answer.json()["errorCode"]) == (413, "PayloadTooLarge")


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff\xfe", b'{"a":', b"9" * 5000])
async def test_a_body_that_cannot_be_read(proctor: Linked, body: bytes) -> None:
    """Deep nesting, invalid UTF-8, a cut-off body and an endless number each get a sentence, not a traceback."""
    answer = await proctor.api("POST", "/v1/webhooks", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("The body is not JSON")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders/%00",
        "/v1/orders?package_id=%00",
        "/v1/orders?candidate_email=a%00",
        "/v1/webhooks/%00",
        "/v1/deliveries/%00",
        "/v1/accounts?origin_owner_id=%00",
        "/v1/packages?category=assessments&account_id=%00",
        "/unified/ats/assessments/orders/%00",
    ],
)
async def test_control_characters_in_a_path_or_query(on_each_database: Linked, path: str) -> None:
    """Control characters get 400 on each database; not every one can search for a NUL."""
    headers = {"x-account-id": on_each_database.account_id}
    answer = await on_each_database.api("GET", path, headers=headers)
    assert answer.status_code == 400
    assert "has control characters" in answer.json()["errors"][0]


def test_no_route_documents_a_shape_that_it_does_not_have() -> None:
    """Errors are documented as `Fault`, never as the framework's own; POST under /v1 documents its key."""
    from greenroom.app import build_app
    from greenroom.settings import Settings

    document = build_app(Settings()).openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert ("Idempotency-Key" in names) == (method == "post" and path.startswith("/v1/")), (method, path)
            assert ("x-account-id" in names) == path.startswith("/unified/"), (method, path)


async def test_a_slash_too_many_is_no_redirect(proctor: Linked) -> None:
    """A trailing slash gets no redirect, since a client that follows it would send its key again."""
    answer = await proctor.api("GET", "/v1/orders/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/webhooks", "GET, POST"),
        ("/v1/webhooks/whk_x", "GET, PATCH, DELETE"),
        ("/external-trigger/greenhouse/list_tests", "GET, HEAD"),
        ("/unified/ats/assessments/orders", "GET, POST"),
    ],
)
async def test_405_names_every_method_of_the_path(proctor: Linked, path: str, allowed: str) -> None:
    """The `Allow` header lists the methods of all routes of the path."""
    answer = await proctor.api("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_messages_are_sentences_with_one_full_stop(proctor: Linked) -> None:
    """A message ends with one full stop, and shows a value as a person would write it."""
    unknown = await proctor.api("PUT", "/v1/packages", json={"category": "x", "packages": [{"nam": "x"}], "account": 1})
    assert unknown.status_code == 422
    order = await proctor.send_test()
    rejected = {"status": "rejected", "message": "No licence is left."}
    assert (await proctor.api("POST", f"/v1/orders/{order}/status", json=rejected)).status_code == 200
    moments = (await proctor.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    messages = [unknown.json()["message"], *(moment["message"] for moment in moments)]

    assert "The vendor says: rejected: No licence is left." in messages
    assert not [message for message in messages if ".." in message or ".;" in message]
