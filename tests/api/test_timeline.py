"""`GET /v1/orders/{id}/timeline` and the order's page: pagination, and floods of reports by an ATS."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

from greenroom.services import reports
from greenroom.web.order import ENTRIES
from tests.house import Linked
from tests.web.visitors import Visitor


async def report(linked: Linked, order: str, count: int) -> None:
    """Reports this many errors as Greenhouse, concurrently."""
    body = {"api_call": "test_status", "errors": ["x" * 200_000], "partner_interview_id": order}
    for _ in range(count // 10):
        answers = await asyncio.gather(*(linked.call("response_error", json=body) for _ in range(10)))
        assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": 200})] * 10


async def log(linked: Linked, order: str, count: int) -> None:
    """Adds this many entries to the order's log."""
    rows = [(f"log_x{number:04}", order, f"entry {number}") for number in range(count)]
    sql = "INSERT INTO order_log (id, order_id, kind, message, at) VALUES ($1, $2, 'status', $3, now_ms())"
    await linked.house.app.state.ctx.store.write(lambda tx: tx.many(sql, rows))


async def timeline(linked: Linked, order: str, query: str = "") -> dict[str, Any]:
    answer = await linked.api("GET", f"/v1/orders/{order}/timeline{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_flood_of_reports_is_a_short_timeline(on_each_database: Linked) -> None:
    """Greenhouse gets 200; the database stores the beginnings of the first reports and the number of the others."""
    linked = on_each_database
    order = await linked.send_test()
    await report(linked, order, 60)
    seen = await timeline(linked, order)
    entries = [entry for entry in seen["data"] if entry["kind"] == "response_error"]

    assert len(entries) == reports.PER_ORDER + 1
    assert entries[-1]["message"].startswith(f"{60 - reports.PER_ORDER} further reports not kept")
    assert seen["next"] is None
    rows = await linked.house.app.state.ctx.store.read(lambda tx: tx.all("SELECT * FROM response_errors"))
    assert len(str([dict(row) for row in rows])) < 20 * reports.REPORT_BYTES + 20_000
    assert (await linked.give_result(order)).status_code == 200
    await linked.house.greenhouse.receive(1)


async def test_pages_of_a_timeline(proctor: Linked) -> None:
    """A page has a hundred entries by default, and `next` leads to the rest."""
    order = await proctor.send_test()
    await log(proctor, order, 120)
    whole = await timeline(proctor, order)
    rest = await timeline(proctor, order, f"?next={whole['next']}")
    seen, following = [], ""
    while following is not None:
        page = await timeline(proctor, order, f"?page_size=50&next={following}")
        seen += page["data"]
        following = page["next"]

    assert (len(whole["data"]), len(rest["data"]), rest["next"]) == (100, 21, None)
    assert seen == whole["data"] + rest["data"]
    assert [entry["message"] for entry in seen[1:]] == [f"entry {number}" for number in range(120)]
    for bad in ("next=x", "page_size=101", "next=dG1sX3g"):
        assert (await proctor.api("GET", f"/v1/orders/{order}/timeline?{bad}")).status_code == 400, bad


async def test_pages_of_the_orders_page(proctor: Linked) -> None:
    """The pages link to each other; an invalid page gets 400."""
    order = await proctor.send_test()
    await log(proctor, order, ENTRIES + 10)
    client = proctor.house.client
    await Visitor.sign_in(proctor.house)
    first = await client.get(f"/orders/{order}", follow_redirects=True)
    later = re.search(r'href="([^"]+)"[^>]*>(?:<[^>]+>|\s)*Later entries', first.text)
    assert later
    second = await client.get(html.unescape(later[1]))

    shown = [set(re.findall(r"entry (\d+)", page.text)) for page in (first, second)]
    assert shown[0] | shown[1] == {str(number) for number in range(ENTRIES + 10)}
    assert not shown[0] & shown[1]
    assert "First entries" in second.text
    assert "Later entries" not in second.text
    assert (await client.get(f"{first.url.path}?after=x")).status_code == 400
