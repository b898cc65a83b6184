"""Bodies that are meant to cost: lists without end, values nested without end, far too many faults."""

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
    """A JSON text of so many levels."""
    return '{"a":' * levels + "1" + "}" * levels


def unbounded(schema: dict[str, Any], where: str, seen: tuple[str, ...] = ()) -> list[str]:
    """Every place in a body's schema that has no limit."""
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
    """In the document, which is what the gateway checks."""
    assert unbounded(body_schema(method, path), "") == []


def test_the_walk_finds_what_has_none() -> None:
    """Behind references and in lists of lists."""
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
    """As many faults as fit into a body: the answer has twenty lines at the most."""
    flood: Any = [0] * 120_000
    if field == "candidate":
        flood = {"emails": flood}
    answer = await proctor.api(method, path, json={field: flood}, headers={"x-account-id": proctor.account_id})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 20
    assert len(answer.content) < 5000


async def test_many_faults_are_twenty_lines_and_a_number(proctor: Linked) -> None:
    """Of a list that is within its limit."""
    packages = [{"id": "", "name": "x"}] * 1000
    answer = await proctor.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    told = answer.json()
    assert (answer.status_code, len(told["errors"])) == (422, 20)
    assert told["message"].endswith("; and 980 more problems")


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
    """Said with the refusal; a kibibyte less is read."""
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
    """By every route, in the same words; nothing is stored."""
    content = f'{{"metadata":{nested(levels)},"passthrough":{nested(levels)}}}'.encode()
    url = path.replace("{provider}", "greenhouse").replace("{", "").replace("}", "")
    answer = await proctor.api(
        method.upper(), url, content=content, headers={**JSON, "x-account-id": proctor.account_id}
    )
    assert answer.status_code == 400
    assert "nested deeper than 64 levels" in answer.json()["message"]


@pytest.mark.parametrize("levels", [DEEPEST, 900, 5000])
async def test_the_ats_is_told_the_same(proctor: Linked, levels: int) -> None:
    """send_test is refused, an error that it reports is kept as text; lists go on."""
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


async def test_what_was_stored_before_there_was_a_limit_is_readable(on_each_database: Linked) -> None:
    """Lists and reads show it, cut; so does what is written from it."""
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
    """Only those inside each other count."""
    check(text.encode())
    assert shallow(text) == text


@pytest.mark.parametrize("levels", [DEEPEST + 1, 100, 100_000])
def test_what_is_too_deep_is_cut_to_what_fits(levels: int) -> None:
    """And is JSON still, with what follows it."""
    text = f'[{nested(levels)},{"[" * levels + "]" * levels},"[",7]'
    with pytest.raises(BadRequest):
        check(text.encode())
    found = json.loads(shallow(text))
    assert found[2:] == ["[", 7]
    check(shallow(text).encode())


def test_other_encodings_are_refused_where_depth_matters() -> None:
    """A text in UTF-16 has characters whose bytes look like quotes."""
    for encoding in ("utf-16", "utf-32", "latin-1"):
        with pytest.raises(BadRequest, match="UTF-8"):
            check(("[" * 70 + '"é"' + "]" * 70).encode(encoding))
