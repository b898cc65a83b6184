"""Vendors whose client sends results: each takes an order by webhook, and sends the result at once."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import aiohttp
from aiohttp import web

KEY = "client-key"


class Sending:
    """A good client: stores each order once, reports progress, and repeats results that were not accepted."""

    failing: ClassVar[set[str]] = set()
    warning: ClassVar[set[str]] = set()
    #: statuses after which a result is sent again
    again: ClassVar[tuple[int, ...]] = (429, 500, 502, 503)

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return self.report(request)
        event_id = request.headers["webhook-id"]
        if self.is_new(event_id):
            task = asyncio.create_task(self.work(await request.json(), f"http://{request.host}"))
            self.tasks.add(task)
        return web.Response(status=204)

    def is_new(self, event_id: str) -> bool:
        is_new = event_id not in self.seen
        self.seen.add(event_id)
        return is_new

    def report(self, _: web.Request) -> web.Response:
        return web.Response(text="<h1>Report</h1>", content_type="text/html")

    async def work(self, event: dict[str, Any], own: str) -> None:
        async with aiohttp.ClientSession() as client:
            await self.results(client, event, own)

    async def results(self, client: aiohttp.ClientSession, event: dict[str, Any], own: str) -> None:
        await self.send(client, event, {"result": {"value": "in_progress"}})
        await self.send(client, event, self.result(event["record_id"], own))

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "score": {"value": "82.5", "min": "0", "max": "100"},
            "start_date": (now - timedelta(minutes=40)).isoformat(),
            "submission_date": now.isoformat(),
            "summary": "Strong on joins; 3 < 5.",
            "result": {"value": "passed", "source_value": "PASS"},
            "result_url": f"{own}/reports/{order_id}",
            "attachments": [{"url": f"{own}/reports/{order_id}.pdf", "content_type": {"value": "pdf"}}],
        }

    async def send(self, client: aiohttp.ClientSession, event: dict[str, Any], result: dict[str, Any]) -> None:
        for _ in range(5):
            status, wait = await self.patch(client, event, result)
            if status not in self.again:
                return
            await asyncio.sleep(wait)

    async def patch(
        self, client: aiohttp.ClientSession, event: dict[str, Any], result: dict[str, Any]
    ) -> tuple[int, float]:
        headers = self.headers(event)
        url = event["event_data"]["results_update_url"]
        async with client.patch(url, data=json.dumps(result), headers=headers) as answer:
            return answer.status, self.pause(answer)

    def headers(self, event: dict[str, Any]) -> dict[str, str]:
        return {
            "authorization": "Basic " + b64encode(f"{KEY}:".encode()).decode(),
            "x-account-id": event["account_id"],
            "content-type": "application/json",
            "user-agent": "vendor/1.0",
        }

    def pause(self, answer: aiohttp.ClientResponse) -> float:
        return float(answer.headers.get("retry-after", "0.05"))


class TwoResults(Sending):
    failing: ClassVar = {"results.no-second"}

    async def results(self, client: aiohttp.ClientSession, event: dict[str, Any], own: str) -> None:
        await super().results(client, event, own)
        await self.send(client, event, self.result(event["record_id"], own) | {"summary": "Reviewed."})


class Percent(Sending):
    failing: ClassVar = {"results.accepted", "results.score-form"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"score": {"value": "82 %"}}


class NoRetry(Sending):
    failing: ClassVar = {"results.retry-unavailable", "results.retry-lost"}
    again: ClassVar = (429,)


class Impatient(Sending):
    failing: ClassVar = {"results.retry-after"}

    def pause(self, _: aiohttp.ClientResponse) -> float:
        return 0.05


class NewTimes(Sending):
    failing: ClassVar = {"results.repeat-same"}

    async def patch(
        self, client: aiohttp.ClientSession, event: dict[str, Any], result: dict[str, Any]
    ) -> tuple[int, float]:
        if "submission_date" in result:
            result = result | {"submission_date": datetime.now(UTC).isoformat()}
        return await super().patch(client, event, result)


class OwnAccountId(Sending):
    failing: ClassVar = {"results.account-header"}

    def headers(self, event: dict[str, Any]) -> dict[str, str]:
        return super().headers(event) | {"x-account-id": "customer-1"}


class WrongKey(Sending):
    failing: ClassVar = {"results.authorization"}

    def headers(self, event: dict[str, Any]) -> dict[str, str]:
        return super().headers(event) | {"authorization": f"Bearer {KEY}"}


class LocalTimes(Sending):
    failing: ClassVar = {"results.accepted", "results.dates-form"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"start_date": "03/11/2026 09:05"}


class Swapped(Sending):
    failing: ClassVar = {"results.dates-order"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        made = super().result(order_id, own)
        return made | {"start_date": made["submission_date"], "submission_date": made["start_date"]}


class HtmlSummary(Sending):
    failing: ClassVar = {"results.summary"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"summary": "<p>Strong on joins.</p>"}


class OutOfRange(Sending):
    failing: ClassVar = {"results.score-range"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"score": {"value": "82.5", "min": "0", "max": "1"}}


class Twice(Sending):
    failing: ClassVar = {"results.repeated-event"}

    def is_new(self, _: str) -> bool:
        return True

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | dict.fromkeys(("start_date", "submission_date"))


class OneReport(Sending):
    failing: ClassVar = {"results.url-own"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result("latest", own)


class SignIn(Sending):
    failing: ClassVar = {"results.url-opens"}

    def report(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": "/login"})


class NoUrl(Sending):
    failing: ClassVar = {"results.accepted", "results.url-given"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"result_url": None}


class Misspelled(Sending):
    failing: ClassVar = {"results.accepted", "results.known-fields"}

    def result(self, order_id: str, own: str) -> dict[str, Any]:
        return super().result(order_id, own) | {"sumary": "Strong on joins."}


class LateProgress(Sending):
    failing: ClassVar = {"results.progress-order"}

    async def results(self, client: aiohttp.ClientSession, event: dict[str, Any], own: str) -> None:
        await super().results(client, event, own)
        await self.send(client, event, {"result": {"value": "in_progress"}})


class ProgressOnly(Sending):
    failing: ClassVar = {"results.arrives"}

    async def results(self, client: aiohttp.ClientSession, event: dict[str, Any], own: str) -> None:
        await self.send(client, event, {"result": {"value": "in_progress"}})


class Quiet(Sending):
    """A good client that reads the order, reports progress at /v1, and sends the least that is required."""

    warning: ClassVar = {"results.score-given"}

    async def results(self, client: aiohttp.ClientSession, event: dict[str, Any], own: str) -> None:
        url, headers = event["event_data"]["results_update_url"], self.headers(event)
        async with client.get(url.removesuffix("/result"), headers=headers) as answer:
            order = (await answer.json())["data"]
        status = url.partition("/unified/")[0] + f"/v1/orders/{order['id']}/status"
        async with client.post(status, json={"status": "invited"}, headers=headers) as answer:
            assert answer.status == 200
        await self.send(client, event, {"result_url": f"{own}/reports/{order['id']}"})


GOOD = [Sending, Quiet]
BROKEN = [
    TwoResults, Percent, NoRetry, Impatient, NewTimes, OwnAccountId, WrongKey, LocalTimes, Swapped, HtmlSummary,
    OutOfRange, Twice, OneReport, SignIn, NoUrl, Misspelled, LateProgress, ProgressOnly,
]  # fmt: skip
