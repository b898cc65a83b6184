"""Logs: the requests of a project's ATSs and of its own servers, and each request with the calls that it caused."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.model.orders import ID as ORDER_ID
from greenroom.model.request_logs import Entry, Listed
from greenroom.services import accounts, lookup, request_logs
from greenroom.services.request_logs import LogQuery
from greenroom.web import kit
from greenroom.web.access import Visit

PAGE = 25
LONGEST = 320
#: accounts that the filter offers
MOST_ACCOUNTS = 100
#: the tabs of the list: the parameter, the label and the filters
VIEWS: tuple[tuple[str, str, Listed, dict[str, Any]], ...] = (
    ("", "ATS and results", "unified", {}),
    ("ats", "From the ATS", "unified", {"source_types": ["ATS"]}),
    ("api", "Your unified API calls", "unified", {"source_types": ["API"]}),
    ("platform", "Management", "platform", {}),
)
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ok": ("2xx and 3xx", {"success": True}),
    "failed": ("4xx, 5xx and none", {"success": False}),
    "400": ("400 and 422", {"status_codes": [400, 422]}),
    "401": ("401 and 403", {"status_codes": [401, 403]}),
    "404": ("404", {"status_codes": [404]}),
    "500": ("500 to 504", {"status_codes": [500, 501, 502, 503, 504]}),
}
PERIODS = {"1h": ("Last hour", timedelta(hours=1)), "24h": ("Last 24 hours", timedelta(days=1)),
           "7d": ("Last 7 days", timedelta(days=7))}  # fmt: skip
#: headers that a copied command must not repeat
NOT_REPEATED = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.route("/logs/{id}", find_request),
        kit.in_project("/logs", show_list),
        kit.in_project("/logs/{id}", show_request),
    ]


async def find_request(visit: Visit) -> Response:
    """Redirects to the request's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "request_logs", visit.param("id"))
    return kit.into_project(visit, project_id, f"/logs/{visit.param('id')}")


async def show_list(visit: Visit) -> Response:
    """Shows a page of the project's requests, newest first; the filters and the cursor are in the URL."""
    query = visit.request.query_params
    names = ("view", "q", "account", "answer", "service", "period", "before")
    asked = {name: query.get(name, "").strip()[:LONGEST] for name in names}
    try:
        offered = await accounts.list_page(visit.ctx, visit.project.id, limit=MOST_ACCOUNTS)
        found = await _find(visit.ctx, visit.project.id, asked)
    except Unavailable as error:
        return kit.render_unavailable(visit, "logs/list.html", error, **_common(visit, asked, {}))
    return kit.render(
        visit,
        "logs/list.html",
        problem=None,
        entries=found[:PAGE],
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **_common(visit, asked, {one.id: one.origin_owner_name for one in offered}),
    )


async def _find(ctx: Context, project_id: str, asked: dict[str, str]) -> list[Entry]:
    _, _, listed, view = next((one for one in VIEWS if one[0] == asked["view"]), VIEWS[0])
    filters: dict[str, Any] = dict(view)
    if asked["account"]:
        filters["account_ids"] = [asked["account"]]
    if asked["answer"] in ANSWERS:
        filters |= ANSWERS[asked["answer"]][1]
    if asked["service"] in ("ats", "assessments", "background_checks"):
        filters["services" if asked["service"] == "ats" else "resources"] = [asked["service"]]
    if asked["period"] in PERIODS:
        filters["start_date"] = ctx.now() - PERIODS[asked["period"]][1]
    if ORDER_ID.fullmatch(asked["q"]):
        filters["order_id"] = asked["q"]
    elif asked["q"].startswith("/"):
        filters |= {"path_begin": asked["q"], "path_end": asked["q"] + "\U0010ffff"}
    elif asked["q"]:
        filters["request_ids"] = [asked["q"]]
    return await request_logs.list_requests(
        ctx, project_id, listed, LogQuery(filters, after=asked["before"] or None, limit=PAGE + 1)
    )


def _common(visit: Visit, asked: dict[str, str], names: dict[str, str]) -> dict[str, Any]:
    services = [("ats", "All of the ATS model"), ("assessments", "Assessments"), ("background_checks", "Checks")]
    selects = [
        ("account", "All accounts", sorted(names.items(), key=lambda one: one[1].casefold()), asked["account"]),
        ("answer", "Any answer", [(value, text) for value, (text, _) in ANSWERS.items()], asked["answer"]),
        ("service", "Any service", services, asked["service"]),
        ("period", "Any time", [(value, text) for value, (text, _) in PERIODS.items()], asked["period"]),
    ]
    words = {"account": names, "answer": {value: text for value, (text, _) in ANSWERS.items()},
             "service": dict(services), "period": {value: text for value, (text, _) in PERIODS.items()}}  # fmt: skip
    chips = [
        (
            words.get(name, {}).get(asked[name], asked[name]),
            kit.with_query(visit.request, **{name: None, "before": None}),
        )
        for name in ("q", "account", "answer", "service", "period")
        if asked[name]
    ]
    tabs = [(label, f"{visit.base}/logs" + (f"?view={view}" if view else ""), None) for view, label, _, _ in VIEWS]
    current = next((label for view, label, _, _ in VIEWS if view == asked["view"]), VIEWS[0][1])
    return {"asked": asked, "names": names, "selects": selects, "chips": chips, "tabs": tabs, "current": current,
            "is_filtered": bool(chips or asked["view"] or asked["before"])}  # fmt: skip


async def show_request(visit: Visit) -> Response:
    """Shows a request with both sides, and every call that was made while it was served."""
    entry = await request_logs.get(visit.ctx, visit.project.id, visit.param("id"), details=True)
    return kit.render(
        visit,
        "logs/request.html",
        entry=entry,
        exchanges=[shown(one) for one in (entry, *(entry.step_requests or ()))],
        orders=sorted(set(ORDER_ID.findall(f"{entry.url} {json.dumps(entry.detail)}"))),
    )


def shown(entry: Entry) -> dict[str, Any]:
    """Returns both messages of an exchange as the page shows them, and the request as a curl command."""
    detail = entry.detail or {}
    return {
        "entry": entry,
        "request": detail.get("request"),
        "response": detail.get("response"),
        "curl": as_curl(entry, detail.get("request")),
    }


def as_curl(entry: Entry, request: dict[str, Any] | None) -> str:
    """Returns a command that repeats a request; hidden credentials stay hidden and must be filled in."""
    lines = [f"curl -X {entry.http_method} {shlex.quote(entry.url)}"]
    kept = request or {}
    for name, value in (kept.get("headers") or {}).items():
        if str(name).lower() not in NOT_REPEATED:
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    body = kept.get("body")
    if body not in (None, ""):
        lines.append(
            f"--data-raw {shlex.quote(body if isinstance(body, str) else json.dumps(body, ensure_ascii=False))}"
        )
    return " \\\n  ".join(lines)
