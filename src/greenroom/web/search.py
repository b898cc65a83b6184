"""Search: one field that finds an order, account, delivery or webhook by its id, and orders by e-mail."""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from greenroom.errors import NotFound
from greenroom.services import lookup
from greenroom.web import kit
from greenroom.web.access import Visit

#: the object that an id's prefix names
PREFIXES: dict[str, lookup.Kind] = {"ord": "orders", "acc": "accounts", "dlv": "deliveries", "whk": "webhooks"}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.route("/search", search)]


async def search(visit: Visit) -> Response:
    """Leads to the object with an id, or to the orders of an e-mail address; else shows what can be searched."""
    q = visit.request.query_params.get("q", "").strip()[:320]
    if "@" in q and visit.known_project is not None:
        return RedirectResponse(f"{visit.base}/orders?{urlencode({'q': q})}", status_code=302, headers=kit.HEADERS)
    known = PREFIXES.get(q.partition("_")[0])
    for kind in (known,) if known else get_args(lookup.Kind) if q else ():
        try:
            project_id = await lookup.find_project(visit.ctx, kind, q)
        except NotFound:
            continue
        return kit.into_project(visit, project_id, f"/{kind}/{q}")
    return kit.render(visit, "search/results.html", q=q)
