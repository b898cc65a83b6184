"""A project with something to see on every page: a week of orders, failures, long names, three webhooks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from greenroom.model.orders import Candidate, OrderRequest
from greenroom.security.tokens import new_id_at
from greenroom.services import accounts, placing
from greenroom.store.db import Tx, to_ms
from tests.house import ADA, PACKAGES, RESULT, House, Linked, webhook

CANDIDATES = (
    ("Zoë", "Nguyễn-O'Neill", "zoe@example.test"),
    ("Grażyna", "Żółć-Wiśniewska", "grazyna@example.test"),
    ("Yusuf", "Demir", "yusuf@example.test"),
    ("Aleksandra Maria", "Wolfeschlegelsteinhausenbergerdorff", "aleksandra@example.test"),
    ("Priya", "Raman", "priya@example.test"),
    ("Tomáš", "Dvořák", "tomas@example.test"),
)
LONG_CUSTOMER = "Spółka Budowlano-Montażowa Grzegorz Brzęczyszczykiewicz i Wspólnicy sp. z o.o."
#: orders of each of the last days, oldest first
PER_DAY = (5, 7, 4, 1, 2, 6)


async def fill(house: House, linked: Linked, project_id: str) -> dict[str, str]:
    """Fills a project; returns ids of a refused, a passed and an open order, of webhooks, an account and a request."""
    packages = json.dumps({"data": PACKAGES, "next": None}).encode()
    house.vendor.will_answer((200, {"content-type": "application/json"}, packages))
    assert (await linked.call("list_tests")).status_code == 200
    made = await webhook(linked)
    await _link_customers(linked)
    await _fill_past_days(linked, project_id)
    ids = {"webhook": made["id"], "account": linked.account_id}
    sent = [
        await linked.send_test(900 + number, candidate={**ADA, "first_name": first, "last_name": last, "email": email})
        for number, (first, last, email) in enumerate(CANDIDATES)
    ]
    ids |= {"passed_order": sent[0], "order": sent[1], "open_order": sent[2]}
    await linked.give_result(sent[0])
    await linked.becomes(sent[0], delivery="sent")
    await linked.status(sent[0])
    house.greenhouse.will_answer((401, {}, b'{"message":"Invalid Basic Auth credentials"}'))
    await linked.give_result(sent[1], {**RESULT, "score": {"value": "71"}})
    await linked.becomes(sent[1], delivery="refused")
    house.greenhouse.will_answer(200)
    failing = {"name": "QA sink", "url": "http://127.0.0.1:9/hooks", "events": ["ats_assessments.updated"]}
    ids["failing_webhook"] = (await webhook(linked, **failing))["id"]
    await linked.api("POST", f"/v1/webhooks/{ids['failing_webhook']}/test", json={})
    disabled = await webhook(linked, name="Old receiver", url=f"{house.vendor.url}/old")
    await linked.api("PATCH", f"/v1/webhooks/{disabled['id']}", json={"enabled": False})
    async with asyncio.timeout(20):
        while not (found := (await linked.api("GET", "/requests/logs")).json()["data"]):
            await asyncio.sleep(0.02)
    return {**ids, "request": found[0]["request_id"]}


async def _link_customers(linked: Linked) -> None:
    for owner, name, kind in (
        ("hemlock-rye", "Hemlock & Rye", "production"),
        ("brzeczyszczykiewicz", LONG_CUSTOMER, "production"),
        ("acme-test", "Test customer", "test"),
    ):
        body = {"provider": "greenhouse", "origin_owner_id": owner, "origin_owner_name": name, "type": kind}
        answer = await linked.api("POST", "/v1/accounts", json=body)
        assert answer.status_code in (200, 201), answer.text


async def _fill_past_days(linked: Linked, project_id: str) -> None:
    """Adds delivered orders of the days before today, most of them with results that the ATS has read."""
    ctx = linked.house.app.state.ctx
    account = next(one for one in await accounts.list_page(ctx, project_id, limit=10) if one.id == linked.account_id)
    today = datetime.now(UTC).replace(hour=9, minute=0)
    for days, count in zip(range(len(PER_DAY), 0, -1), PER_DAY, strict=True):
        for number in range(count):
            at = today - timedelta(days=days) + timedelta(minutes=31 * number)

            def new_id(prefix: str, ms: int = to_ms(at)) -> str:
                return new_id_at(prefix, ms)

            past = replace(ctx, now=lambda at=at: at, new_id=new_id)
            first, last, email = CANDIDATES[(days + number) % len(CANDIDATES)]
            request = OrderRequest(
                "pkg_core_sql", Candidate(email, first, last), dedupe_key=f"past-{days}-{number}", raw={}
            )
            order = await placing.place(
                past, account, request, category="assessments", package_name="SQL essentials (45 min)"
            )
            if number % 4:
                await linked.give_result(order.id)
                read = None if number % 3 == 1 else to_ms(at + timedelta(hours=5))

                async def shift(tx: Tx, order_id: str = order.id, at: datetime = at, read: int | None = read) -> None:
                    sql = "UPDATE orders SET result_at = $2, acknowledged_at = $3 WHERE id = $1"
                    await tx.run(sql, order_id, to_ms(at + timedelta(hours=3)), read)

                await ctx.store.write(shift)
