"""A vendor is asked before an order is placed, and may refuse it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from greenroom import order_check
from tests.connectors.ashby.conftest import Ashby, northwind  # noqa: F401 - a fixture
from tests.house import Linked, Neighbour, neighbour

GREENHOUSE = "/v1/integrations/greenhouse"


@pytest.fixture
async def check() -> AsyncIterator[Neighbour]:
    """The vendor's endpoint."""
    async with neighbour() as one:
        one.will_answer((200, {}, b'{"accept": true}'))
        yield one


async def configure(linked: Linked, provider: str, url: str) -> None:
    """Sets the order_check_url."""
    known = (await linked.api("GET", f"/v1/integrations/{provider}")).json()
    kept = {name: known[name] for name in ("tenant_id", "package_id", "callback_hosts") if name in known}
    body = {**kept, "order_check_url": url}
    answer = await linked.api("PUT", f"/v1/integrations/{provider}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order_check_url"] == url


async def entries(linked: Linked, order: str, kind: str) -> list[str]:
    found = (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    return [one["message"] for one in found if one["kind"] == kind]


async def test_the_vendor_is_asked_with_a_signed_order(proctor: Linked, check: Neighbour) -> None:
    """The order that is placed then; a repeat of it is not asked about."""
    await configure(proctor, "greenhouse", f"{check.url}/check")
    order = await proctor.send_test()
    again = await proctor.send_test()

    (asked,) = check.received
    assert again == order
    assert asked.path == "/check"
    assert sorted(asked.json) == ["account_id", "order", "provider"]
    assert (asked.json["account_id"], asked.json["provider"]) == (proctor.account_id, "greenhouse")
    assert asked.json["order"]["id"] == order
    assert asked.json["order"]["candidate"]["emails"][0]["value"] == "ada@example.test"
    secret = (await proctor.api("GET", f"{GREENHOUSE}?reveal=true")).json()["signing_secret"]
    Webhook(secret).verify(asked.body, asked.headers)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b'{"accept": false, "message": "No tests left."}'),
        (422, {}, b'{"message": "No tests left."}'),
        (409, {}, b'{"message": "No tests left."}'),
    ],
)
async def test_a_recruiter_at_ashby_reads_why(northwind: Ashby, check: Neighbour, answer: Any) -> None:  # noqa: F811
    """422 with the vendor's message; the order is stored as rejected, no webhook receives it; the next start is checked again."""
    await configure(northwind, "ashby", check.url)
    check.will_answer(answer, (200, {}, b'{"accept": true}'))

    refused = await northwind.ats("assessment.start", await northwind.start_body())

    assert (refused.status_code, refused.json()["message"]) == (422, "No tests left.")
    (order,) = await northwind.orders()
    assert (order["status"], order["status_message"], order["held_at"]) == ("rejected", "No tests left.", None)
    assert await northwind.alerts(order["id"]) == []
    _, placed = await northwind.start()
    (hook,) = await northwind.house.vendor.receive(1)
    assert hook.json["record_id"] == placed


async def test_where_the_ats_shows_no_reason_there_is_an_alert(proctor: Linked, check: Neighbour) -> None:
    """Greenhouse is answered with an error, each time; the vendor is asked once."""
    await configure(proctor, "greenhouse", check.url)
    check.will_answer((422, {}, b'{"message": "No tests\\u0000 left."}'))

    for _ in range(2):
        refused = await proctor.call("send_test", json=proctor.test_body())
        assert (refused.status_code, refused.json()["errorCode"]) == (422, "OrderRefused")

    (order,) = (await proctor.api("GET", "/v1/orders")).json()["data"]
    assert order["status"] == "rejected"
    (alert,) = await entries(proctor, order["id"], "alert")
    assert alert == "The vendor refused the order: No tests  left. The ATS shows no reason; tell the recruiter."
    assert len(check.received) == 1
    check.will_answer((200, {}, b'{"accept": true}'))
    assert await proctor.send_test(2)


@pytest.mark.parametrize(
    "answer",
    [(500, {}, b""), (200, {}, b"{}"), (200, {}, b'{"accept": 1}'), (200, {}, b"["), (204, {}, b""), (0, {}, b"")],
)
async def test_any_other_answer_accepts_with_an_alert(proctor: Linked, check: Neighbour, answer: Any) -> None:
    """The order is placed, and its timeline says what was wrong with the answer."""
    await configure(proctor, "greenhouse", check.url)
    check.will_answer(answer)
    order = await proctor.send_test()

    (alert,) = await entries(proctor, order, "alert")
    assert alert.startswith("The order was accepted without the vendor's decision: ")
    assert (await proctor.order(order))["status"] == "received"


async def test_an_endpoint_that_hangs_is_not_waited_for(
    proctor: Linked, check: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the deadline, the order is accepted with an alert."""
    monkeypatch.setattr(order_check, "DEADLINE_S", 0.1)
    await configure(proctor, "greenhouse", check.url)
    check.inside = asyncio.Event().wait
    order = await proctor.send_test()
    (alert,) = await entries(proctor, order, "alert")
    assert "within 0.1 s" in alert


async def test_an_order_of_the_api_is_asked_about_too(proctor: Linked, check: Neighbour) -> None:
    """A vendor can try it out without an ATS."""
    await configure(proctor, "greenhouse", check.url)
    check.will_answer((200, {}, json.dumps({"accept": False}).encode()))
    body = {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "ada@example.test"}]}}
    refused = await proctor.unified("POST", "/assessments/orders", json=body)
    assert (refused.status_code, refused.json()["errorCode"]) == (422, "OrderRefused")
    assert "no reason" in refused.json()["message"]


async def test_a_url_that_cannot_be_called_is_refused(proctor: Linked) -> None:
    """As packages_url is."""
    answer = await proctor.api(
        "PUT", GREENHOUSE, json={"tenant_id": "proctor", "package_id": "x", "order_check_url": "x"}
    )
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("order_check_url: expected an absolute")


async def test_a_result_without_an_order_is_not_supported_everywhere(proctor: Linked) -> None:
    """501 with a sentence."""
    body = {
        "candidate_remote_id": "1",
        "package_id": "pkg_core_sql",
        "result": {"result_url": "https://x.example.com/"},
    }
    answer = await proctor.api("POST", f"/v1/accounts/{proctor.account_id}/results", json=body)
    assert (answer.status_code, answer.json()["errorCode"]) == (501, "NotSupported")
    assert answer.json()["message"] == "Greenhouse takes no result without an order: it has no such call."
