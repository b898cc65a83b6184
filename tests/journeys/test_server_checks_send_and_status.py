"""The server checks of the Greenhouse contract, by number: send_test, test_status and response_error."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import ADA, RESULT, House, Linked, basic, webhook


async def post(linked: Linked, content: bytes | str, content_type: str | None = "application/json") -> Any:
    headers = {"authorization": basic(linked.token)}
    if content_type is not None:
        headers["content-type"] = content_type
    url = f"/external-trigger/greenhouse/send_test?tenant-id={linked.tenant}"
    return await linked.house.client.post(url, headers=headers, content=content)


async def count(linked: Linked) -> int:
    return len((await linked.api("GET", "/v1/orders?page_size=100")).json()["data"])


async def test_s16_a_full_request_gets_one_url_safe_id(northwind: Linked) -> None:
    answer = await northwind.call("send_test", json=northwind.test_body())

    assert answer.status_code == 200
    assert list(answer.json()) == ["partner_interview_id"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", answer.json()["partner_interview_id"])


async def test_s17_nulls_are_fine(northwind: Linked) -> None:
    assert await northwind.send_test(sent_by=None)


async def test_s18_a_numeric_test_id(northwind: Linked) -> None:
    order = await northwind.order(await northwind.send_test(partner_test_id=4711))

    assert order["package"]["id"] == "4711"
    assert order["package"]["name"] == "Listening"


async def test_s19_unknown_fields_are_kept_in_the_raw_record(northwind: Linked) -> None:
    await webhook(northwind)
    await northwind.send_test(new_field={"deep": [1]}, candidate={**ADA, "pronouns": "she"})

    (received,) = await northwind.house.vendor.receive(1)

    raw = received.json["raw_event"]["body"]
    assert raw["new_field"] == {"deep": [1]}
    assert raw["candidate"]["pronouns"] == "she"


async def test_s20_ids_come_from_the_body_else_from_the_profile_url(northwind: Linked) -> None:
    given = await northwind.send_test(1, candidate={**ADA, "id": 5}, application={"id": "6"})
    parsed = await northwind.send_test(2)
    garbage = await northwind.send_test(3, candidate={**ADA, "greenhouse_profile_url": "http://[bad"})

    found = [await northwind.order(one) for one in (given, parsed, garbage)]

    assert [(one["candidate_id"], one["application_id"]) for one in found] == [
        ("5", "6"),
        ("17681532", "26234709"),
        (None, None),
    ]


async def test_s21_the_same_request_is_one_order_and_one_event(northwind: Linked) -> None:
    await webhook(northwind)
    first = await northwind.send_test()

    again = await asyncio.gather(*(northwind.send_test() for _ in range(20)))

    assert set(again) == {first}
    assert await count(northwind) == 1
    deliveries = (await northwind.api("GET", "/v1/deliveries")).json()["data"]
    assert len(deliveries) == 1


async def test_s21_twenty_at_once_without_one_before(northwind: Linked) -> None:
    answers = await asyncio.gather(*(northwind.send_test(77) for _ in range(20)))

    assert len(set(answers)) == 1
    assert await count(northwind) == 1


async def test_s22_another_url_is_another_order(northwind: Linked) -> None:
    first, second = await northwind.send_test(1), await northwind.send_test(2)

    assert first != second
    assert (await northwind.order(second))["previous_id"] == first
    for one in (first, second):
        assert (await northwind.status(one))["partner_status"] == "received"


async def test_s23_a_url_inside_the_candidate_is_used(northwind: Linked) -> None:
    body = northwind.test_body()
    body["candidate"] = {**ADA, "url": body.pop("url")}

    order = await northwind.call("send_test", json=body)

    assert (await northwind.order(order.json()["partner_interview_id"]))["callback_url"] == body["candidate"]["url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/take_home_tests/1",
        "ftp://127.0.0.1/1",
        "https://user:pw@127.0.0.1/1",
        "http://10.0.0.1/1",
        "https://127.0.0.1.evil.example/1",
        "http://[::ffff:127.0.0.1]/1",
        "not a url",
    ],
)
async def test_s24_a_foreign_url_is_never_called(northwind: Linked, url: str) -> None:
    order = await northwind.send_test(url=url)
    assert (await northwind.give_result(order)).status_code == 200

    seen = await northwind.becomes(order, delivery="refused")

    assert seen["callback_problem"]
    assert northwind.house.greenhouse.received == []
    assert (await northwind.status(order))["partner_status"] == "complete"  # polling still delivers


async def test_s25_an_unknown_test_is_404(northwind: Linked, mallory: Linked) -> None:
    for package in ("nope", "pkg_mallory"):
        answer = await northwind.call("send_test", json=northwind.test_body(partner_test_id=package))
        assert answer.status_code == 404
        assert package in answer.json()["message"]
    assert await count(northwind) == 0


@pytest.mark.parametrize("email", [None, "", "   ", "nobody", "a@b c", 7, ["x@y.zz"]])
async def test_s26_a_bad_e_mail_places_no_order(northwind: Linked, email: object) -> None:
    answer = await northwind.call("send_test", json=northwind.test_body(candidate={**ADA, "email": email}))

    assert answer.status_code == 422
    assert any("candidate.email" in error for error in answer.json()["errors"])
    assert await count(northwind) == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "null", "[" * 100_000, b"\xff\xfe{}"])
async def test_s27_a_body_that_is_not_an_object_is_400(northwind: Linked, content: str | bytes) -> None:
    answer = await post(northwind, content)

    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400


async def test_s27_over_a_mebibyte_is_413(northwind: Linked) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 65536

    declared = await post(northwind, b" " * (2**20 + 1))
    url = f"/external-trigger/greenhouse/send_test?tenant-id={northwind.tenant}"
    streamed = await northwind.house.client.post(
        url, headers={"authorization": basic(northwind.token)}, content=chunks()
    )

    assert (declared.status_code, streamed.status_code) == (413, 413)


@pytest.mark.parametrize(
    "body",
    [
        {"partner_test_id": "pkg_core_sql", "candidate": []},
        {"partner_test_id": {}, "candidate": ADA},
        {"partner_test_id": "pkg_core_sql", "candidate": {**ADA, "first_name": {}}},
        {"partner_test_id": "pkg_core_sql", "candidate": {**ADA, "first_name": "\x00"}},
        {"partner_test_id": "pkg_core_sql", "candidate": ADA, "url": ["x"]},
        {"partner_test_id": "pkg_core_sql", "candidate": {**ADA, "last_name": "\ud800"}},
    ],
)
async def test_s27_hostile_bodies_get_the_field_named(northwind: Linked, body: object) -> None:
    answer = await post(northwind, json.dumps(body))

    assert answer.status_code in (400, 422), answer.text


async def test_s28_any_media_type(northwind: Linked) -> None:
    for number, content_type in enumerate([None, "text/plain", "application/x-www-form-urlencoded"]):
        answer = await post(northwind, json.dumps(northwind.test_body(number)), content_type)
        assert answer.status_code == 200


@pytest.mark.parametrize("name", ["Zoë", "e\u0301", "שָׁלוֹם", "👩🏽‍💻", 'O\'Neill "x" <b>', "x" * 300])
async def test_s29_names_come_back_as_they_were(northwind: Linked, name: str) -> None:
    await webhook(northwind)
    await northwind.send_test(candidate={**ADA, "first_name": name})

    (received,) = await northwind.house.vendor.receive(1)

    assert received.json["event_data"]["candidate"]["first_name"] == name


async def test_s30_the_vendor_may_be_down(house: House) -> None:
    linked = await house.link("proctor", packages_url=f"{house.vendor.url}/packages")
    house.vendor.will_answer(0)
    await webhook(linked)

    order = await linked.send_test()

    house.vendor.will_answer(200)
    delivery = (await linked.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"][0]
    await linked.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
    async with asyncio.timeout(20):
        while (await linked.api("GET", f"/v1/deliveries/{delivery['id']}")).json()["state"] != "delivered":
            await asyncio.sleep(0.02)


async def test_s31_a_burst_of_three_hundred(northwind: Linked) -> None:
    answers = await asyncio.gather(*(northwind.send_test(number) for number in range(300)))

    assert len(set(answers)) == 300


async def test_s32_a_fresh_order_is_not_complete(northwind: Linked) -> None:
    assert await northwind.status(await northwind.send_test()) == {"partner_status": "received"}


async def test_s33_a_complete_order(northwind: Linked) -> None:
    order = await northwind.send_test()
    await northwind.give_result(order, {**RESULT, "score": {"value": "82.50", "label": "B", "min": 0, "max": "100"}})

    status = await northwind.status(order)

    assert status == {
        "partner_status": "complete",
        "partner_profile_url": RESULT["result_url"],
        "partner_score": 82.5,
        "metadata": {
            "Started At": "09:05 AM 3 November 2026 UTC",
            "Completed At": "09:51 AM 3 November 2026 UTC",
            "Notes": "Strong on joins.",
            "Outcome": "Passed",
            "Score Label": "B",
            "Score Range": "0 to 100",
        },
    }
    assert list(status["metadata"])[:4] == ["Started At", "Completed At", "Notes", "Outcome"]


async def test_s34_no_score_is_no_key(northwind: Linked) -> None:
    order = await northwind.send_test()
    await northwind.give_result(order, {"result_url": RESULT["result_url"]})

    assert await northwind.status(order) == {
        "partner_status": "complete",
        "partner_profile_url": RESULT["result_url"],
    }


async def test_s35_any_order_of_the_query(northwind: Linked) -> None:
    order = await northwind.send_test()
    encoded = "".join(f"%{byte:02x}" for byte in order.encode())
    queries = [
        f"tenant-id=proctor&partner_interview_id={order}",
        f"partner_interview_id={order}&tenant-id=proctor",
        f"tenant-id=proctor&partner_interview_id={encoded}",
        f"tenant-id=proctor?partner_interview_id={order}",
        f"tenant-id=proctor%3Fpartner_interview_id%3D{order}",
    ]
    for query in queries:
        answer = await northwind.house.client.get(
            f"/external-trigger/greenhouse/test_status?{query}", headers={"authorization": basic(northwind.token)}
        )
        assert (answer.status_code, answer.json()) == (200, {"partner_status": "received"}), query


async def test_s36_missing_unknown_and_other_accounts_ids(northwind: Linked, mallory: Linked) -> None:
    order = await northwind.send_test()

    assert (await northwind.call("test_status")).status_code == 400
    unknown = await northwind.call("test_status", "partner_interview_id=ord_nope")
    others = await mallory.call("test_status", f"partner_interview_id={order}")
    assert (unknown.status_code, others.status_code) == (404, 404)
    for hostile in ("%00", "%ff", "a" * 5000, quote("' OR 1=1 --"), "%F0%9F%98%80"):
        assert (await northwind.call("test_status", f"partner_interview_id={hostile}")).status_code in (400, 404)


async def test_s37_polls_after_completion_are_identical(northwind: Linked) -> None:
    order = await northwind.send_test()
    await northwind.give_result(order)

    answers = {(await northwind.call("test_status", f"partner_interview_id={order}")).content for _ in range(50)}

    assert len(answers) == 1


async def test_s38_complete_stays_complete(northwind: Linked) -> None:
    order = await northwind.send_test()
    await northwind.give_result(order)

    late = await northwind.api("POST", f"/v1/orders/{order}/status", json={"status": "in_progress"})

    assert late.status_code == 409
    assert (await northwind.status(order))["partner_status"] == "complete"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("score.value", {"score": {"value": "85%"}}),
        ("score.value", {"score": {"value": "NaN"}}),
        ("score.value", {"score": {"value": [1]}}),
        ("result_url", {"result_url": None}),
        ("result_url", {"result_url": "ftp://x.example.com/r"}),
        ("result_url", {"result_url": "/relative"}),
        ("start_date", {"start_date": "yesterday"}),
        ("submission_date", {"submission_date": "2026-11-03T09:51:00"}),
        ("result.value", {"result": {"value": "pending"}}),
        ("attachments", {"attachments": "x"}),
    ],
)
async def test_s39_a_result_that_greenhouse_would_not_show_is_refused(
    northwind: Linked, field: str, changes: dict[str, Any]
) -> None:
    order = await northwind.send_test()

    answer = await northwind.give_result(order, {**RESULT, **changes})

    assert answer.status_code == 422
    assert any(error.startswith(field) for error in answer.json()["errors"]), answer.text
    assert await northwind.status(order) == {"partner_status": "received"}


@pytest.mark.parametrize("name", ["response_error", "response_errors", "request_errors"])
async def test_s40_a_complaint_is_kept_on_the_order(northwind: Linked, name: str) -> None:
    order = await northwind.send_test()
    complaint = {
        "api_call": "test_status",
        "errors": ["metadata values must not be nested"],
        "partner_interview_id": order,
        "candidate_email": ADA["email"],
    }

    answer = await northwind.call(name, json=complaint)

    assert (answer.status_code, answer.json()) == (200, {"status": 200})
    moments = (await northwind.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    said = [moment for moment in moments if moment["kind"] == "response_error"]
    assert "metadata values must not be nested" in said[0]["message"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"api_call":"list_tests","errors":["x"]}',
        b'{"error":"x"}',
        b'{"errors":"x"}',
        b"[]",
        b"7",
        b"",
        b"{",
        b"\xff",
        b'{"partner_interview_id":"ord_unknown","errors":[]}',
        b'{"partner_interview_id":["x"]}',
        b'{"errors":["\\u0000"]}',
        b'{"errors":["\\ud800"]}',
        b'{"partner_interview_id":"\\u0000"}',
    ],
)
async def test_s41_a_complaint_of_any_shape_is_200(northwind: Linked, content: bytes) -> None:
    url = f"/external-trigger/greenhouse/response_error?tenant-id={northwind.tenant}"

    answer = await northwind.house.client.post(url, headers={"authorization": basic(northwind.token)}, content=content)

    assert (answer.status_code, answer.json()) == (200, {"status": 200})


async def test_s42_an_unauthenticated_caller_cannot_report(northwind: Linked) -> None:
    order = await northwind.send_test()

    answer = await northwind.call("response_error", json={"partner_interview_id": order, "errors": ["x"]}, token="x")

    assert answer.status_code == 401
    moments = (await northwind.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    assert "response_error" not in {moment["kind"] for moment in moments}
