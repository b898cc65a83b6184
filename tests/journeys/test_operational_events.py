"""A vendor's other webhooks report trouble with one of them."""

from __future__ import annotations

from standardwebhooks import Webhook

from greenroom.model.events import OPERATIONAL_EVENTS
from tests.house import Linked, neighbour, webhook


async def test_a_disabled_webhook_is_reported_to_another_webhook(northwind: Linked) -> None:
    """The event is signed and delivered like every other one, although the failing endpoint answers 410."""
    gone = await webhook(northwind, name="Orders, the old address")
    northwind.house.vendor.will_answer(410)
    async with neighbour() as operators:
        watching = await webhook(northwind, list(OPERATIONAL_EVENTS), name="operators", url=f"{operators.url}/news")
        order = await northwind.send_test()
        received = await operators.receive(2)

    news = {}
    for one in received:
        Webhook(watching["secret"]).verify(one.body, one.headers)
        news[one.json["event"]] = one.json
    assert set(news) == {"webhook.disabled", "delivery.exhausted"}
    disabled, exhausted = news["webhook.disabled"], news["delivery.exhausted"]
    assert (disabled["record_type"], disabled["record_id"]) == ("webhook", gone["id"])
    assert (disabled["name"], disabled["reason"]) == ("Orders, the old address", "it answered 410 Gone")
    assert (exhausted["record_type"], exhausted["order_id"], exhausted["attempts"]) == ("delivery", order, 1)
    assert (exhausted["destination_id"], exhausted["event_name"]) == (gone["id"], "ats_assessments.created")
    assert "410" in exhausted["reason"]
    (delivery,) = (await northwind.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
    assert exhausted["record_id"] == delivery["id"]


async def test_a_result_that_the_ats_refuses_is_reported(northwind: Linked) -> None:
    """The vendor's webhook gets `delivery.exhausted` for a result that no recruiter sees."""
    northwind.house.greenhouse.will_answer(404)
    await webhook(northwind, ["delivery.exhausted"])
    order = await northwind.send_test()
    await northwind.give_result(order)

    (news,) = await northwind.house.vendor.receive(1)

    assert (news.json["lane"], news.json["order_id"]) == ("ats", order)
    assert (news.json["account_id"], news.json["destination_id"]) == (northwind.account_id, northwind.account_id)
