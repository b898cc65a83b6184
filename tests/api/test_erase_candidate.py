"""`DELETE /v1/candidates`: erasure of all orders of a candidate, on both databases."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from greenroom.services import erasure
from tests.house import ADA, Linked, webhook


async def erase(linked: Linked, email: str) -> httpx2.Response:
    """Erases a candidate once no attempt is in flight."""
    async with asyncio.timeout(20):
        while (answer := await linked.api("DELETE", "/v1/candidates", params={"email": email})).status_code == 409:
            assert answer.json()["errorCode"] == "DeliveryInFlight"
            await asyncio.sleep(0.05)
    return answer


async def test_all_orders_of_a_candidate_are_erased(on_each_database: Linked) -> None:
    """In any case of the address, over all accounts; the certificate and the audit log have no address."""
    linked = on_each_database
    await webhook(linked)
    spelled = {**ADA, "email": "ADA@Example.test"}
    orders = [await linked.send_test(1), await linked.send_test(2, candidate=spelled)]
    other = await linked.send_test(3, candidate={**ADA, "email": "bob@example.test"})
    await linked.house.vendor.receive(3)
    answer = await erase(linked, "aDa@example.TEST")
    again = (await erase(linked, "ada@example.test")).json()

    certificate = answer.json()
    assert (answer.status_code, certificate["complete"]) == (200, True)
    assert certificate["order_ids"] == orders
    assert set(certificate["counts"]) == set(erasure.COUNTED)
    assert [certificate["counts"][name] for name in ("orders", "events", "deliveries", "attempts")] == [2, 2, 2, 2]
    assert (again["order_ids"], set(again["counts"].values())) == ([], {0})
    assert again["candidate"] == certificate["candidate"]
    for order in orders:
        assert (await linked.order(order))["erased_at"] is not None
        assert await linked.status(order) == {"partner_status": "erased"}
    assert (await linked.order(other))["candidate"]["email"] == "bob@example.test"
    log = (await linked.api("GET", "/v1/audit_log", params={"action": "candidate.erased"})).json()["data"]
    assert [one["detail"]["order_ids"] for one in log] == [[], orders]
    assert {one["detail"]["candidate"] for one in log} == {certificate["candidate"]}
    assert "ada@" not in json.dumps([answer.json(), log]).casefold()


async def test_another_project_keeps_its_orders(on_each_database: Linked) -> None:
    """The same candidate may have taken a test of another vendor."""
    proctor = on_each_database
    mallory = await proctor.house.link("mallory", tenant="mallory", package_id="pkg_core_sql")
    kept = await proctor.send_test()
    answer = await erase(mallory, ADA["email"] or "")

    assert answer.json()["order_ids"] == []
    assert (await proctor.order(kept))["candidate"]["email"] == ADA["email"]


async def test_nothing_is_erased_while_an_attempt_is_in_flight(on_each_database: Linked) -> None:
    """The answer is 409 with Retry-After; afterwards the same call erases all of it, and a held event is cancelled."""
    linked = on_each_database
    held = await linked.send_test(1)
    inside, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        inside.set()
        await go.wait()

    linked.house.vendor.inside = wait
    await webhook(linked, held_since="none")
    sent = await linked.send_test(2)
    await inside.wait()
    refused = await linked.api("DELETE", "/v1/candidates", params={"email": ADA["email"]})
    kept = [(await linked.order(order))["erased_at"] for order in (held, sent)]
    go.set()
    done = await erase(linked, ADA["email"] or "")

    assert (refused.status_code, refused.json()["errorCode"]) == (409, "DeliveryInFlight")
    assert int(refused.headers["retry-after"]) > 0
    assert kept == [None, None]
    assert done.json()["order_ids"] == [held, sent]


async def test_more_orders_than_one_call_erases(on_each_database: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch after batch; then the answer says that there are more."""
    monkeypatch.setattr(erasure, "BATCH", 2)
    monkeypatch.setattr(erasure, "MOST", 4)
    linked = on_each_database
    orders = [await linked.send_test(number) for number in range(5)]
    first, second = (await erase(linked, "ada@example.test")).json(), (await erase(linked, "ada@example.test")).json()

    assert (first["order_ids"], first["complete"]) == (orders[:4], False)
    assert (second["order_ids"], second["complete"]) == (orders[4:], True)


@pytest.mark.parametrize(
    "query", [{}, {"email": ""}, {"email": "ada"}, {"email": "a@b\x01"}, {"email": "a@" + "b" * 999}]
)
async def test_what_is_no_address_is_refused(on_each_database: Linked, query: dict[str, Any]) -> None:
    """The message names the parameter."""
    answer = await on_each_database.api("DELETE", "/v1/candidates", params=query)

    assert answer.status_code in (400, 422)
    assert "email" in answer.text


async def test_the_address_is_not_in_the_request_log(on_each_database: Linked) -> None:
    """Its value is hidden in the URL."""
    asked = await on_each_database.api("DELETE", "/v1/candidates?email=ada@example.test")
    seen = await on_each_database.api("GET", f"/requests/logs/{asked.headers['x-request-id']}")

    assert seen.json()["data"]["url"].endswith("/v1/candidates?email=(hidden)")


async def test_how_long_the_project_keeps_its_data(on_each_database: Linked) -> None:
    """Fields that are left out stay, null clears one; bad values are named."""
    linked = on_each_database
    before = (await linked.api("GET", "/v1/project")).json()
    set_ = await linked.api("PATCH", "/v1/project", json={"order_retention_days": 180})
    both = (await linked.api("PATCH", "/v1/project", json={"retention_days": 30})).json()
    cleared = (await linked.api("PATCH", "/v1/project", json={"order_retention_days": None})).json()
    refused = [await linked.api("PATCH", "/v1/project", json={"order_retention_days": bad}) for bad in (0, "7", 10**9)]

    assert (before["retention_days"], before["order_retention_days"]) == (None, None)
    assert (set_.status_code, set_.json()["order_retention_days"]) == (200, 180)
    assert (both["retention_days"], both["order_retention_days"]) == (30, 180)
    assert (cleared["retention_days"], cleared["order_retention_days"]) == (30, None)
    assert [one.status_code for one in refused] == [422] * 3
    assert all("order_retention_days" in one.text for one in refused)
