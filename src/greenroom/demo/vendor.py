"""
A minimal vendor of tests, as an example for your own.

It offers a list of packages, receives orders by webhook, lets the candidate take the test on a page of its own, and
sends the result back. It knows Greenroom by its HTTP API alone; copy it and put your product in.

    python -m greenroom.demo.vendor --port 8200

Set in the environment: GATEWAY_URL, API_KEY, ACCOUNT_ID, WEBHOOK_SECRET, SIGNING_SECRET, PACKAGES_API_KEY. All can also
be set later by POST /configure (for the demo only), since the gateway creates some of them after this vendor has
started.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

SETTINGS = ("GATEWAY_URL", "API_KEY", "ACCOUNT_ID", "WEBHOOK_SECRET", "SIGNING_SECRET", "PACKAGES_API_KEY")
ORDER_EVENTS = ("ats_assessments.created", "ats_background_checks.created")
PACKAGES = [
    {"id": "pkg_core_sql", "name": "SQL essentials (45 min)", "description": "Joins, grouping, windows."},
    {"id": "pkg_listening", "name": "Listening and summarising (20 min)", "description": "One call, one summary."},
]


@dataclass
class Vendor:
    """The vendor's memory: its settings, and its orders by id."""

    settings: dict[str, str]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def is_genuine(self, body: bytes, headers: Mapping[str, str], secret: str) -> bool:
        """
        Returns whether a request is signed by Greenroom.

        Any fault in the signature headers gives False, never an exception.
        """
        try:
            Webhook(self.settings[secret]).verify(body, dict(headers))
        except Exception:  # noqa: BLE001 - hostile headers make the library raise more than its own error
            return False
        return True


vendor = Vendor({name: os.environ.get(name, "") for name in SETTINGS})


async def packages(request: Request) -> Response:
    """Answers with the packages, when a recruiter opens *Send test*."""
    expected = "Basic " + base64.b64encode(f"{vendor.settings['PACKAGES_API_KEY']}:".encode()).decode()
    body = await request.body()
    is_genuine = vendor.is_genuine(body, request.headers, "SIGNING_SECRET")
    if request.headers.get("authorization") != expected or not is_genuine:
        return JSONResponse({"error": "not from Greenroom"}, status_code=401)
    return JSONResponse({"data": PACKAGES})


async def webhook(request: Request) -> Response:
    """
    Receives an order.

    Verify, deduplicate on webhook-id, store, answer fast; e-mail the candidate afterwards.
    """
    body = await request.body()
    if not vendor.is_genuine(body, request.headers, "WEBHOOK_SECRET"):
        return JSONResponse({"error": "bad signature"}, status_code=401)
    try:
        event = json.loads(body)
        is_order = event["event"] in ORDER_EVENTS
    except (ValueError, TypeError, KeyError):
        return JSONResponse({"error": "not an event"}, status_code=400)
    if is_order and request.headers["webhook-id"] not in vendor.seen:
        vendor.seen.add(request.headers["webhook-id"])
        vendor.orders[event["record_id"]] = event["event_data"]
    return Response(status_code=204)  # for events that it does not know, too


async def list_orders(_: Request) -> Response:
    """Answers with the orders received so far."""
    return JSONResponse({"data": list(vendor.orders.values())})


async def take(request: Request) -> Response:
    """Shows the test to the candidate, and receives the test that is handed in."""
    order = vendor.orders.get(request.path_params["order_id"])
    if order is None:
        return _page("No such test", "<p>Ask the recruiter to send it again.</p>", status=404)
    if request.method == "GET":
        return _page(
            f"{order['package']['name']}",
            f"<p>Hello {html.escape(str(order['candidate']['first_name']))}. How would you score yourself?</p>"
            '<form method="post"><label>Score, 0 to 100 <input name="score" value="82.5" inputmode="decimal" required>'
            "</label> <button>Hand in</button></form>",
        )
    score = await _score(request)
    answer = await send_result(order, score, result_url=str(request.url_for("result", order_id=order["id"])))
    if "json" in request.headers.get("content-type", ""):
        return JSONResponse(answer)
    return RedirectResponse(request.url_for("result", order_id=order["id"]), status_code=303)


async def send_result(order: dict[str, Any], score: str, *, result_url: str) -> dict[str, Any]:
    """Sends the result to Greenroom by PATCH, which notifies the ATS."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    result = {
        "score": {"value": score, "min": "0", "max": "100"},
        "start_date": now,
        "submission_date": now,
        "summary": "Strong on joins; ran out of time on windowing.",
        "result": {"value": "passed" if float(score) >= 50 else "failed"},
        "result_url": result_url,
    }
    headers = {"x-account-id": vendor.settings["ACCOUNT_ID"], "user-agent": "demo-vendor"}
    async with aiohttp.ClientSession(
        auth=aiohttp.BasicAuth(vendor.settings["API_KEY"]), timeout=aiohttp.ClientTimeout(total=20), trust_env=False
    ) as client:
        url = f"{vendor.settings['GATEWAY_URL']}/unified/ats/assessments/orders/{order['id']}/result"
        async with client.patch(url, json=result, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
    if response.status == 200:
        vendor.results[order["id"]] = result
    return {"status": response.status, "answer": answer}


async def result(request: Request) -> Response:
    """Shows the report that the recruiter opens from the ATS."""
    found = vendor.results.get(request.path_params["order_id"])
    if found is None:
        return _page("No result yet", "<p>The test has not been handed in.</p>", status=404)
    score, summary = html.escape(found["score"]["value"]), html.escape(found["summary"])
    return _page("Report", f"<p><strong>{score}</strong> of 100</p><p>{summary}</p>")


async def configure(request: Request) -> Response:
    """Takes settings that did not exist when this vendor was started."""
    given = await request.json()
    vendor.settings.update({name: str(given[name]) for name in SETTINGS if name in given})
    return Response(status_code=204)


async def _score(request: Request) -> str:
    if "json" in request.headers.get("content-type", ""):
        return str((await request.json()).get("score", "82.5"))
    return parse_qs((await request.body()).decode()).get("score", ["82.5"])[0]


def _page(title: str, content: str, *, status: int = 200) -> Response:
    style = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}"
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{style}</style><h1>{html.escape(title)}</h1>{content}</html>",
        status_code=status,
    )


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    print("Demo vendor is ready", flush=True)
    yield


app = Starlette(
    routes=[
        Route("/packages", packages, methods=["POST"]),
        Route("/webhook", webhook, methods=["POST"]),
        Route("/orders", list_orders),
        Route("/take/{order_id}", take, methods=["GET", "POST"]),
        Route("/result/{order_id}", result, name="result"),
        Route("/configure", configure, methods=["POST"]),
    ],
    lifespan=_lifespan,
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A demo vendor of tests.")
    parser.add_argument("--port", type=int, default=8200)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning")
