"""Search: one field that finds orders, accounts, deliveries, webhooks and requests by any of their ids or by e-mail."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from greenroom.errors import NotFound
from greenroom.services import accounts, deliveries, lookup
from greenroom.web import kit
from greenroom.web.access import Visit

#: the object that an id's prefix names
PREFIXES: dict[str, lookup.Kind] = {
    "ord": "orders",
    "acc": "accounts",
    "dlv": "deliveries",
    "whk": "webhooks",
    "req": "request_logs",
}
#: folders of pages that have another name than the object
FOLDERS = {"request_logs": "logs"}
EVENT = "evt_"
MOST = 25


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.route("/search", search)]


async def search(visit: Visit) -> Response:
    """
    Leads to the object of an id, or to the orders of an e-mail address; else explains the search.

    An event's id finds its deliveries, a customer's id the accounts in the current project.
    """
    q = visit.request.query_params.get("q", "").strip()[:320]
    if "@" in q and visit.known_project is not None:
        return RedirectResponse(f"{visit.base}/orders?{urlencode({'q': q})}", status_code=302, headers=kit.HEADERS)
    known = PREFIXES.get(q.partition("_")[0])
    if known:
        try:
            project_id = await lookup.find_project(visit.ctx, known, q)
            return kit.into_project(visit, project_id, f"/{FOLDERS.get(known, known)}/{q}")
        except NotFound:
            return kit.render(visit, "search/results.html", q=q, found=[])
    found = await _find(visit, q) if q and visit.known_project is not None else []
    if len(found) == 1:
        return RedirectResponse(found[0][2], status_code=302, headers=kit.HEADERS)
    return kit.render(visit, "search/results.html", q=q, found=found)


async def _find(visit: Visit, q: str) -> list[tuple[str, str, str]]:
    """Returns the title, a note and the address of what an event's or a customer's id belongs to."""
    if q.startswith(EVENT):
        sent = await deliveries.list_deliveries(visit.ctx, visit.project.id, {"event_id": q}, before=None, limit=MOST)
        return [(f"Delivery of {one.event_name}", one.id, f"{visit.base}/deliveries/{one.id}") for one in sent]
    linked = await accounts.list_page(visit.ctx, visit.project.id, owner_id=q, limit=MOST)
    return [(f"Account of {one.origin_owner_name}", one.id, f"{visit.base}/accounts/{one.id}") for one in linked]
