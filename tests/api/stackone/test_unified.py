"""The unified reads and orders: envelopes, nulls, pages, filters, and the spellings that clients send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, Linked, basic, webhook

ORDER = {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"type": "personal", "value": "a@b.example"}]}}

PERSON = {
    "user_id": "u1",
    "remote_user_id": "ru1",
    "first_name": "Rina",
    "last_name": "Okafor",
    "email": "rina@northwind.example",
    "role": "recruiter",
}
CHECK = {"id": "t1", "remote_id": "t1", "name": "Identity", "description": "Passport"}
PACKAGE = {"id": "pkg_core_sql", "remote_id": "pkg_core_sql", "name": "SQL", "description": "45 min", "tests": [CHECK]}
STATUS = {"value": "background_check", "source_value": {"stage": 3}}
#: every field of the contract
WHOLE_ORDER: dict[str, Any] = {
    "id": "order-1",
    "remote_id": "remote-order-1",
    "package": PACKAGE,
    "application": {"id": "a1", "remote_id": "ra1", "application_status": STATUS, "passthrough": {"a": [1]}},
    "job": {"id": "j1", "remote_id": "rj1", "title": "Dev", "hiring_team": [PERSON], "passthrough": {"b": None}},
    "candidate": {
        "id": "c1",
        "remote_id": "rc1",
        "first_name": "Ada",
        "last_name": "Nguyễn",
        "emails": [{"type": "personal", "value": "ada@example.test"}],
        "passthrough": {"c": {"d": 1}},
        "profile_url": "https://ats.example/people/1",
    },
    "requester": PERSON,
    "results_update_url": "https://vendor.example/elsewhere",
    "passthrough": {"e": "f"},
}
WHOLE_RESULT: dict[str, Any] = {
    "id": "order-1",
    "score": {"label": "Percentage", "value": "82.5", "min": "0", "max": "100"},
    "start_date": "2026-11-03T09:05:00.000Z",
    "submission_date": "2026-11-03T10:51:00+01:00",
    "summary": "Strong on joins.",
    "result": {"value": "passed", "source_value": "PASS"},
    "result_url": "https://results.proctor-tests.com/r/1",
    "attachments": [
        {"url": "https://x.example.com/a.pdf", "content_type": {"value": "pdf", "source_value": "application/pdf"}},
        {"url": "https://x.example.com/b", "content_type": {"value": "unmapped_value", "source_value": [1, {"a": 2}]}},
    ],
    "candidate": {"id": "c1", "profile_url": "https://vendor.example/people/1"},
    "passthrough": {"a": {"b": [1, None]}},
}


def nulled(value: Any) -> Any:
    """Returns a body with null for every value that is not an object or an array."""
    if isinstance(value, dict):
        return {name: nulled(part) for name, part in value.items()}
    return [nulled(part) for part in value] if isinstance(value, list) else None


async def set_category(linked: Linked, category: str) -> None:
    """Changes the category of the integration."""
    body = {"tenant_id": linked.tenant, "partner_category": category, "package_id": "pkg_core_sql"}
    assert (await linked.api("PUT", "/v1/integrations/greenhouse", json=body)).status_code == 200


@pytest.mark.parametrize("category", ["assessments", "background_checks"])
async def test_bodies_with_every_field_of_the_contract(proctor: Linked, category: str) -> None:
    """Both categories accept an order and a result with every field, and the stored fields can be read."""
    await set_category(proctor, category)
    placed = await proctor.unified("POST", f"/{category}/orders", json=WHOLE_ORDER)
    order_id = placed.json()["id"]
    order = (await proctor.unified("GET", f"/{category}/orders/{order_id}")).json()["data"]
    given = await proctor.unified("PATCH", f"/{category}/orders/{order_id}/result", json=WHOLE_RESULT)
    result = (await proctor.unified("GET", f"/{category}/orders/{order_id}/results")).json()["data"]

    assert placed.status_code == 200
    assert placed.json().keys() == {"id", "remote_id", "test_url"}
    assert (order["package"]["id"], order["application"]["remote_id"]) == ("pkg_core_sql", "ra1")
    assert (order["job"]["title"], order["job"]["hiring_team"]) == ("Dev", [PERSON])
    assert order["candidate"]["emails"] == WHOLE_ORDER["candidate"]["emails"]
    assert (order["requester"]["email"], order["passthrough"]) == ("rina@northwind.example", {"e": "f"})
    assert order["results_update_url"].endswith(f"/{category}/orders/{order_id}/result")
    assert given.status_code == 200
    assert given.json().keys() == {"statusCode", "message", "timestamp"}
    expected = {"submission_date": "2026-11-03T09:51:00.000Z", "id": order_id, "remote_id": None}
    kept = {name: value for name, value in WHOLE_RESULT.items() if name != "passthrough"}
    assert result == kept | expected


def changed(value: Any) -> list[Any]:
    """Yields the body once with each field changed, and once with a new field."""
    if isinstance(value, dict):
        one_other = [{**value, name: part} for name in value for part in changed(value[name])]
        return [*one_other, {**value, "one_more": None}]
    if isinstance(value, list):
        return [*([part, *value[1:]] for part in changed(value[0])), [*value, value[0]]]
    return [None if value else "other"]


@pytest.mark.parametrize("category", ["assessments", "background_checks"])
async def test_without_an_id_only_an_identical_order_is_a_repeat(proctor: Linked, category: str) -> None:
    """Any differing field makes another order, even an ignored one; the order of keys does not matter."""
    await set_category(proctor, category)
    body = {name: part for name, part in WHOLE_ORDER.items() if name != "id"}
    needed = {"package": PACKAGE, "candidate": WHOLE_ORDER["candidate"]}
    others = [one for one in changed(body) if one["package"]["id"] and _email(one)]

    async def place(asked: dict[str, Any]) -> str:
        answer = await proctor.unified("POST", f"/{category}/orders", json=asked)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    first = await place(body)
    assert await place(dict(reversed(body.items()))) == first
    placed = [await place(one) for one in [*others, needed]]
    assert len({first, *placed}) == len(others) + 2 > 40
    assert await place(body) == first
    assert await place(others[0]) == placed[0]


def _email(body: dict[str, Any]) -> str | None:
    return next((one["value"] for one in body["candidate"]["emails"] if one["value"]), None)


@pytest.mark.parametrize("category", ["assessments", "background_checks"])
async def test_bodies_in_which_everything_is_null(proctor: Linked, category: str) -> None:
    """Null means left out at any depth; only fields that the order or the ATS requires are missed."""
    await set_category(proctor, category)
    path = f"/{category}/orders"
    for body in (nulled(WHOLE_ORDER), dict.fromkeys(WHOLE_ORDER)):
        said = (await proctor.unified("POST", path, json=body)).json()
        assert [line.partition(":")[0] for line in said["errors"]] == ["package.id", "candidate.emails"]
    enough = {**nulled(WHOLE_ORDER), "package": {**nulled(PACKAGE), "id": "pkg_core_sql"}}
    enough["candidate"]["emails"].append({"type": None, "value": "a@b.example"})
    placed = await proctor.unified("POST", path, json=enough)
    result = f"{path}/{placed.json()['id']}/result"

    assert placed.status_code == 200
    for body in (nulled(WHOLE_RESULT), dict.fromkeys(WHOLE_RESULT)):
        said = (await proctor.unified("PATCH", result, json=body)).json()
        assert [line.partition(":")[0] for line in said["errors"]] == ["result_url"]
    for body in (nulled(WHOLE_RESULT), dict.fromkeys(WHOLE_RESULT)):
        progress = {**body, "result": {"value": "in_progress", "source_value": None}}
        assert (await proctor.unified("PATCH", result, json=progress)).status_code == 200
    final = {**nulled(WHOLE_RESULT), "result_url": WHOLE_RESULT["result_url"]}
    assert (await proctor.unified("PATCH", result, json=final)).status_code == 200


@pytest.mark.parametrize("source", ["PASS", 7, 7.5, True, {"a": 1}, [1], None])
async def test_a_source_value_is_anything(proctor: Linked, source: object) -> None:
    """A source value may be a text, a number, a boolean, an object, an array or null."""
    order = await proctor.send_test()
    body = {**WHOLE_RESULT, "result": {"value": "passed", "source_value": source}}
    assert (await proctor.give_result(order, body)).status_code == 200


async def test_another_accounts_order_looks_like_an_unknown_one(house: House, proctor: Linked) -> None:
    """Both categories answer the same 404, so that a caller cannot learn that the order exists."""
    order = await proctor.send_test()
    mallory = await house.link("mallory", tenant="mallory", package_id="x")
    for category in ("assessments", "background_checks"):
        for method, part in (("PATCH", "/result"), ("GET", ""), ("GET", "/results")):
            said = []
            for asked in (order, "ord_" + "0" * 26):
                answer = await mallory.unified(method, f"/{category}/orders/{asked}{part}", json=WHOLE_RESULT)
                answered = answer.json()
                said.append(
                    (
                        answer.status_code,
                        answered["message"].replace(asked, "ID"),
                        answered["errorCode"],
                        answered.keys(),
                    )
                )
            assert said[0] == said[1]
            assert said[0][:3] == (404, "No order ID here.", "NotFound")


@pytest.mark.parametrize(("own", "other"), [("assessments", "background_checks"), ("background_checks", "assessments")])
async def test_an_order_of_the_other_category(proctor: Linked, own: str, other: str) -> None:
    """
    Placing it is refused with the right path, since the ATS could not send it; an existing order still accepts its
    result.
    """
    await set_category(proctor, own)
    placed = (await proctor.unified("POST", f"/{own}/orders", json=ORDER)).json()["id"]
    refused = await proctor.unified("POST", f"/{other}/orders", json=ORDER)
    await set_category(proctor, other)

    assert (refused.status_code, refused.json()["errorCode"]) == (422, "OtherCategory")
    assert f"/unified/ats/{own}/orders" in refused.json()["message"]
    for method, part in (("PATCH", "/result"), ("GET", ""), ("GET", "/results")):
        astray = await proctor.unified(method, f"/{other}/orders/{placed}{part}", json=WHOLE_RESULT)
        assert (astray.status_code, astray.json()["errorCode"]) == (404, "NotFound")
        assert f"/unified/ats/{own}/orders/{placed}" in astray.json()["message"]
    assert (await proctor.unified("PATCH", f"/{own}/orders/{placed}/result", json=WHOLE_RESULT)).status_code == 200
    assert len((await proctor.api("GET", "/v1/orders")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ([], None),
        (["heartbeat"], "heartbeat"),
        (["respond-async, HeartBeat=5; x=1"], "heartbeat"),
        (["wait=1", "heartbeat ;a"], "heartbeat"),
        (["heartbeats"], None),
        (["return=heartbeat"], None),
        ([", ,"], None),
    ],
)
async def test_a_preference_for_heartbeats_is_confirmed(
    proctor: Linked, prefer: list[str], applied: str | None
) -> None:
    """Reads and writes confirm every form of the header, with an unchanged answer."""
    headers = [("x-account-id", proctor.account_id), ("authorization", basic(proctor.key))]
    headers += [("prefer", one) for one in prefer]
    client, root = proctor.house.client, "/unified/ats/assessments"
    listed = await client.get(f"{root}/packages", headers=headers)
    one = await client.get(f"{root}/packages/pkg_core_sql", headers=headers)
    placed = await client.post(f"{root}/orders", headers=headers, json=ORDER)
    given = await client.patch(f"{root}/orders/{placed.json()['id']}/result", headers=headers, json=WHOLE_RESULT)

    for answer in (listed, one, placed, given):
        assert (answer.status_code, answer.headers.get("preference-applied")) == (200, applied)
    assert not listed.content.startswith(b"\n")


@pytest.mark.parametrize(
    "query",
    [
        "raw=false&proxy[a]=b&proxy[filter[eq][age]]=25&page=1",
        "raw=&page_size=&next=&fields=&updated_after=",
        "filter[updated_after]=2020-01-01T00:00:00.000Z&page_size=25",
        "updated_after=2020-01-01T00:00:00.000Z",
    ],
)
async def test_what_clients_send_is_accepted(proctor: Linked, query: str) -> None:
    """Both spellings of a filter, pass-through parameters, blanks and `Prefer: heartbeat` are accepted."""
    headers = {"x-account-id": proctor.account_id, "prefer": "heartbeat"}
    answer = await proctor.api("GET", f"/unified/ats/assessments/packages?{query}", headers=headers)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)


@pytest.mark.parametrize("query", ["page_size=0", "page_size=x", "next=abc", "next=cGtnX3g", "updated_after=now"])
async def test_what_cannot_be_read_is_400(proctor: Linked, query: str) -> None:
    """An invalid parameter gets 400 with its name."""
    answer = await proctor.unified("GET", f"/assessments/packages?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(query.partition("=")[0])


async def test_orders_changed_since(proctor: Linked) -> None:
    """The filter works in both spellings."""
    order = await proctor.send_test()
    for name in ("updated_after", "filter[updated_after]"):
        path = f"/assessments/orders?{name}="
        assert (await proctor.unified("GET", f"{path}2099-01-01T00:00:00Z")).json()["data"] == []
        found = (await proctor.unified("GET", f"{path}2020-01-01T00:00:00Z")).json()["data"]
        assert [one["id"] for one in found] == [order]


async def test_the_read_model_is_what_the_event_carried(proctor: Linked) -> None:
    """A read has the same keys and values as the event, so that it can replace a lost one."""
    await webhook(proctor)
    order = await proctor.send_test()
    (received,) = await proctor.house.vendor.receive(1)
    read = (await proctor.unified("GET", f"/assessments/orders/{order}")).json()["data"]
    (listed,) = (await proctor.unified("GET", "/assessments/orders")).json()["data"]

    assert read == listed == received.json["event_data"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "package.id: required"),
        ({"package": {"id": "pkg_core_sql"}}, "candidate.emails: required"),
        ({**ORDER, "candidate": {"emails": [{"value": "nobody"}]}}, "candidate.emails: required"),
        ({**ORDER, "requester": "x"}, "requester: "),
        ({**ORDER, "job": {"hiring_team": [{"email": []}]}}, "job.hiring_team.0.email: "),
    ],
)
async def test_an_order_that_cannot_be_placed(proctor: Linked, body: dict[str, Any], said: str) -> None:
    """The refusal names the missing part, and no order is created."""
    answer = await proctor.unified("POST", "/assessments/orders", json=body)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert (await proctor.api("GET", "/v1/orders")).json()["data"] == []


async def test_an_orders_event_is_json_whatever_numbers_came(proctor: Linked) -> None:
    """NaN and 1e999 become null, since a vendor's JSON parser would refuse the whole event."""
    await webhook(proctor)
    body = (
        b'{"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "a@b.example"}]},'
        b' "job": {"id": 7, "hiring_team": [{"email": "h@b.example"}]},'
        b' "passthrough": {"odd": [NaN, 1e999, {"x": -Infinity}], "fine": 1.5}}'
    )
    headers = {"x-account-id": proctor.account_id, "content-type": "application/json"}
    placed = await proctor.api("POST", "/unified/ats/assessments/orders", content=body, headers=headers)
    (received,) = await proctor.house.vendor.receive(1)
    read = (await proctor.unified("GET", f"/assessments/orders/{placed.json()['id']}")).json()["data"]

    assert b"NaN" not in received.body
    assert b"Infinity" not in received.body
    assert read["passthrough"] == {"odd": [None, None, {"x": None}], "fine": 1.5}
    assert (read["job_id"], read["job"]["hiring_team"][0]["email"]) == ("7", "h@b.example")
