"""The list of orders in the dashboard: tabs with counts, notifications sent again together, and the export."""

from __future__ import annotations

import csv
import io

import pytest

from greenroom.web import orders as order_pages
from tests.house import ADA, House, Linked, webhook
from tests.web.visitors import Visitor


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an integration and an account."""
    return await Visitor.sign_in(house)


@pytest.fixture
async def base(visitor: Visitor) -> str:
    """The address of the project's pages."""
    return str((await visitor.get("/")).url.path)


async def test_tabs_have_counts_with_a_bound(
    visitor: Visitor, base: str, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all, held and completed orders; above the bound they say so."""
    orders = [await proctor.send_test(number) for number in range(3)]
    await proctor.give_result(orders[0])
    page = (await visitor.get(f"{base}/orders")).text
    for tab, count in (("All", 3), ("Refused by the ATS", 0), ("Held", 3), ("Completed", 1)):
        assert f'{tab} <span class="count">{count}</span>' in page
    monkeypatch.setattr(order_pages, "MOST_COUNTED", 2)
    assert 'All <span class="count">2+</span>' in (await visitor.get(f"{base}/orders")).text


async def test_notifications_of_selected_orders_are_sent_again(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Those of other projects are left out; the page that was shown comes back; without a selection it says so."""
    await webhook(proctor)
    orders = [await proctor.send_test(number) for number in range(3)]
    mallory = await proctor.house.link("mallory", tenant="mallory", package_id="pkg_core_sql")
    foreign = await mallory.send_test(9)
    await proctor.house.vendor.receive(3)
    for order in orders:
        await proctor.becomes(order, held_at=None)
        await _delivered(proctor, order)
    page = await visitor.get(f"{base}/orders?status=received")
    assert page.text.count('form="selected"') == 3

    fields = {"id": [*orders[:2], foreign], "back": f"{base}/orders?status=received"}
    sent = await visitor.submit(f"{base}/orders/resend", fields, on=f"{base}/orders")
    received = await proctor.house.vendor.receive(5)

    assert (sent.status_code, sent.headers["location"]) == (303, f"{base}/orders?status=received")
    assert "2 notifications of 3 orders sent again now. 1 left out" in (await visitor.get(f"{base}/orders")).text
    assert sorted(one.json["record_id"] for one in received[3:]) == sorted(orders[:2])
    empty = await visitor.submit(f"{base}/orders/resend", {"back": "//evil.example"}, on=f"{base}/orders")
    assert empty.headers["location"] == f"{base}/orders"
    assert "No order was selected" in (await visitor.get(f"{base}/orders")).text


async def _delivered(linked: Linked, order: str) -> None:
    """Waits until the order's notification is recorded as delivered."""
    while True:
        (one,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
        if one["state"] == "delivered":
            return


async def test_orders_are_exported_as_the_filters_leave_them(
    visitor: Visitor, base: str, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, newest first; a name that begins like a formula is harmless in a spreadsheet."""
    monkeypatch.setattr(order_pages, "EXPORT_BATCH", 2)
    orders = [await proctor.send_test(number) for number in range(4)]
    last = await proctor.send_test(5, candidate={**ADA, "first_name": "=HYPERLINK(1)", "last_name": "B, C"})
    await proctor.give_result(orders[0])

    answer = await visitor.get(f"{base}/orders/export.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    done = list(csv.DictReader(io.StringIO((await visitor.get(f"{base}/orders/export.csv?view=completed")).text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert [one["id"] for one in rows] == [last, *reversed(orders)]
    assert rows[0]["candidate_name"] == "'=HYPERLINK(1) B, C"
    assert [(one["id"], one["score"]) for one in done] == [(orders[0], "82.5")]
