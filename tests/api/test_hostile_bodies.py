"""Bodies that are meant to be expensive: huge lists, deep nesting, many invalid fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from greenroom.errors import BadRequest
from greenroom.model.documents import CUT, DEEPEST, check, shallow
from greenroom.store.db import Tx
from tests.api.test_document import DOCUMENT, WITH_BODY, body_schema
from tests.house import Linked, basic

JSON = {"content-type": "application/json"}


def nested(levels: int) -> str:
    """Returns a JSON text with this many levels."""
    return '{"a":' * levels + "1" + "}" * levels


def unbounded(schema: dict[str, Any], where: str, seen: tuple[str, ...] = ()) -> list[str]:
    """Yields every place in a body's schema that has no limit."""
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return []
        seen = (*seen, schema["$ref"])
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = []
    if schema.get("type") == "string" and not schema.keys() & {"maxLength", "enum", "const", "format"}:
        found.append(f"{where}: string")
    if schema.get("type") == "array":
        found += [] if "maxItems" in schema else [f"{where}: array"]
        found += unbounded(schema.get("items", {}), f"{where}[]", seen)
    for option in (one for name in ("anyOf", "oneOf", "allOf") for one in schema.get(name, ())):
        found += unbounded(option, where, seen)
    for name, part in schema.get("properties", {}).items():
        found += unbounded(part, f"{where}.{name}", seen)
    if isinstance(more := schema.get("additionalProperties"), dict):
        found += unbounded(more, f"{where}.*", seen)
    return found


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_every_list_and_text_of_a_body_has_a_limit(method: str, path: str) -> None:
    """Every list and text in the OpenAPI document has a limit, which the gateway checks."""
    assert unbounded(body_schema(method, path), "") == []


def test_the_walk_finds_unlimited_places() -> None:
    """`unbounded` finds places behind references and in nested lists."""
    free = {"anyOf": [{"type": "array", "items": {"type": "array", "maxItems": 2, "items": {"type": "string"}}}]}
    assert unbounded({"properties": {"x": free}}, "") == [".x: array", ".x[][]: string"]


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("PUT", "/v1/packages", "packages"),
        ("POST", "/connect_sessions", "categories"),
        ("POST", "/v1/webhooks", "events"),
        ("PATCH", "/unified/ats/assessments/orders/ord_x/result", "attachments"),
        ("POST", "/unified/ats/assessments/orders", "candidate"),
    ],
)
async def test_a_list_without_end_is_a_short_refusal(proctor: Linked, method: str, path: str, field: str) -> None:
    """A body with as many errors as fit into it gets at most twenty lines."""
    flood: Any = [0] * 120_000
    if field == "candidate":
        flood = {"emails": flood}
    answer = await proctor.api(method, path, json={field: flood}, headers={"x-account-id": proctor.account_id})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 20
    assert len(answer.content) < 5000


async def test_many_faults_are_twenty_lines_and_a_number(proctor: Linked) -> None:
    """A list within its limit with many errors gets twenty lines and the number of the others."""
    packages = [{"id": "", "name": "x"}] * 1000
    answer = await proctor.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    answered = answer.json()
    assert (answer.status_code, len(answered["errors"])) == (422, 20)
    assert answered["message"].endswith("; and 980 more problems")


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("PUT", "/v1/packages", 1024),
        ("POST", "/v1/webhooks", 256),
        ("POST", "/unified/ats/assessments/orders", 256),
        ("POST", "/external-trigger/greenhouse/send_test?tenant-id=proctor", 256),
    ],
)
async def test_each_path_has_its_limit(proctor: Linked, method: str, path: str, most: int) -> None:
    """The refusal states the path's limit; a body a kibibyte smaller is read."""
    headers = {**JSON, "x-account-id": proctor.account_id}
    large = await proctor.api(method, path, content=b" " * (most * 1024 + 1), headers=headers)
    fits = await proctor.api(method, path, content=b" " * (most * 1024), headers=headers)
    assert (large.status_code, f"over {most} KiB" in large.json()["message"]) == (413, True)
    assert fits.status_code != 413


@pytest.mark.parametrize("levels", [DEEPEST, 300, 900, 5000])
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_a_body_that_is_nested_too_deep_is_refused_before_it_is_parsed(
    proctor: Linked, method: str, path: str, levels: int
) -> None:
    """Every route refuses deep nesting with the same message and stores nothing."""
    content = f'{{"metadata":{nested(levels)},"passthrough":{nested(levels)}}}'.encode()
    url = path.replace("{provider}", "greenhouse").replace("{", "").replace("}", "")
    answer = await proctor.api(
        method.upper(), url, content=content, headers={**JSON, "x-account-id": proctor.account_id}
    )
    assert answer.status_code == 400
    assert "nested deeper than 64 levels" in answer.json()["message"]


@pytest.mark.parametrize("levels", [DEEPEST, 900, 5000])
async def test_an_ats_gets_the_same_refusal(proctor: Linked, levels: int) -> None:
    """Deep nesting in send_test is refused, in a reported error stored as text; lists still work."""
    headers = {"authorization": basic(proctor.token)}
    url = f"/external-trigger/greenhouse/{{}}?tenant-id={proctor.tenant}"
    content = json.dumps(proctor.test_body())[:-1] + f',"more":{nested(levels)}}}'
    sent = await proctor.house.client.post(url.format("send_test"), content=content.encode(), headers=headers)
    reported = await proctor.house.client.post(
        url.format("response_error"), content=f'{{"errors":{nested(levels)}}}'.encode(), headers=headers
    )
    assert (sent.status_code, reported.status_code) == (400, 200)
    assert "nested deeper than 64 levels" in sent.json()["message"]
    assert (await proctor.api("GET", "/v1/orders")).json()["data"] == []


async def test_deep_values_from_before_the_limit_are_readable(on_each_database: Linked) -> None:
    """Deeply nested values from before the limit are shown cut, in lists, reads and events."""
    linked = on_each_database
    order = await linked.send_test()

    async def spoil(tx: Tx) -> None:
        deep = nested(900)
        await tx.run("UPDATE accounts SET metadata = $1, setup_information = $1", deep)
        row = await tx.one("SELECT request FROM orders WHERE id = $1", order)
        assert row is not None
        request = {**json.loads(row["request"]), "passthrough": {}}
        text = json.dumps(request).replace('"passthrough": {}', f'"passthrough": {deep}')
        await tx.run("UPDATE orders SET request = $1, raw = $2 WHERE id = $3", text, deep, order)
        await tx.run("UPDATE order_log SET detail = $1", deep)

    await linked.house.app.state.ctx.store.write(spoil)
    for path in (
        "/accounts",
        f"/accounts/{linked.account_id}",
        "/v1/accounts",
        "/v1/orders",
        f"/v1/orders/{order}/timeline",
    ):
        answer = await linked.api("GET", path)
        assert answer.status_code == 200, path
    assert CUT[1:-1] in (await linked.api("GET", "/accounts")).text
    assert (await linked.unified("GET", "/assessments/orders")).status_code == 200
    assert (await linked.give_result(order)).status_code == 200


@pytest.mark.parametrize("text", ['"["', r'"\"[{"', "[1,2]", '{"a":"}"}', '"' + r"\"[" * 500 + '"', "[]" * 200])
def test_brackets_in_texts_and_side_by_side_are_not_deep(text: str) -> None:
    """Only brackets inside each other count as depth."""
    check(text.encode())
    assert shallow(text) == text


@pytest.mark.parametrize("levels", [DEEPEST + 1, 100, 100_000])
def test_a_deep_value_is_cut(levels: int) -> None:
    """A value that is too deep is cut and stays valid JSON with its following fields."""
    text = f'[{nested(levels)},{"[" * levels + "]" * levels},"[",7]'
    with pytest.raises(BadRequest):
        check(text.encode())
    found = json.loads(shallow(text))
    assert found[2:] == ["[", 7]
    check(shallow(text).encode())


def test_other_encodings_are_refused_where_depth_matters() -> None:
    """UTF-16 is refused, since some of its characters contain bytes that look like quotes."""
    for encoding in ("utf-16", "utf-32", "latin-1"):
        with pytest.raises(BadRequest, match="UTF-8"):
            check(("[" * 70 + '"é"' + "]" * 70).encode(encoding))
