"""Orders: the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.model.orders import FINAL, ID, Order
from greenroom.services import accounts, lookup, orders
from greenroom.web import formats, kit
from greenroom.web.access import Visit

PAGE = 25
#: accounts that the filter offers
MOST_ACCOUNTS = 100
#: the tabs of the list: the parameter, the label and the filters
VIEWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("", "All", {}),
    ("refused", "Refused by the ATS", {"delivery": "refused"}),
    ("held", "Held", {"delivery": "held"}),
    ("completed", "Completed", {"status": "completed"}),
)
STATUSES = ("received", "accepted", "invited", "in_progress", "completed", "rejected", "cancelled", "expired", "error")
PERIODS = {"24h": ("Last 24 hours", 1), "7d": ("Last 7 days", 7), "30d": ("Last 30 days", 30)}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.route("/orders", find_list),
        kit.route("/orders/{id}", find_order),
        kit.in_project("/orders", show_list),
    ]


async def find_list(visit: Visit) -> Response:
    """Redirects to the orders of the project that was last seen."""
    return kit.into_project(visit, visit.project.id, "/orders")


async def find_order(visit: Visit) -> Response:
    """Redirects to the order's page in its project."""
    project_id = await lookup.find_project(visit.ctx, "orders", visit.param("id"))
    return kit.into_project(visit, project_id, f"/orders/{visit.param('id')}")


async def show_list(visit: Visit) -> Response:
    """Shows a page of the project's orders, newest first; the filters and the cursor are in the URL."""
    query = visit.request.query_params
    asked = {name: query.get(name, "").strip()[:320] for name in ("view", "q", "account", "status", "period", "before")}
    try:
        offered = await accounts.list_page(visit.ctx, visit.project.id, limit=MOST_ACCOUNTS)
        found = await _find(visit.ctx, visit.project.id, asked)
    except Unavailable as error:
        return kit.render_unavailable(visit, "orders/list.html", error, **_common(visit, asked, {}))
    names = {one.id: one.origin_owner_name for one in offered}
    return kit.render(
        visit,
        "orders/list.html",
        problem=None,
        orders=found[:PAGE],
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **_common(visit, asked, names),
    )


async def _find(ctx: Context, project_id: str, asked: dict[str, str]) -> list[Order]:
    filters: dict[str, Any] = dict(next((one[2] for one in VIEWS if one[0] == asked["view"]), {}))
    if asked["status"] in STATUSES:
        filters["status"] = asked["status"]
    if asked["account"]:
        filters["account_id"] = asked["account"]
    if asked["period"] in PERIODS:
        filters["created_after"] = ctx.now() - timedelta(days=PERIODS[asked["period"]][1])
    if ID.fullmatch(asked["q"]):
        filters["id"] = asked["q"]
    elif asked["q"]:
        filters["candidate_email"] = asked["q"]
    return await orders.list_orders(ctx, project_id, filters, before=asked["before"] or None, limit=PAGE + 1)


def _common(visit: Visit, asked: dict[str, str], names: dict[str, str]) -> dict[str, Any]:
    selects = [
        ("account", "All accounts", sorted(names.items(), key=lambda one: one[1].casefold()), asked["account"]),
        ("status", "Any status", [(one, formats.look(one).word) for one in STATUSES], asked["status"]),
        ("period", "Any time", [(name, text) for name, (text, _) in PERIODS.items()], asked["period"]),
    ]
    chips = []
    for name in ("q", "account", "status", "period"):
        if asked[name]:
            text = {"account": names.get(asked[name]), "period": PERIODS.get(asked[name], ("",))[0]}.get(name)
            shown = formats.look(asked[name]).word if name == "status" else text or asked[name]
            chips.append((shown, kit.with_query(visit.request, **{name: None, "before": None})))
    tabs = [(label, f"{visit.base}/orders" + (f"?view={view}" if view else ""), None) for view, label, _ in VIEWS]
    current = next((label for view, label, _ in VIEWS if view == asked["view"]), "All")
    is_filtered = bool(chips or asked["view"] or asked["before"])
    return {"asked": asked, "names": names, "selects": selects, "chips": chips, "tabs": tabs, "current": current,
            "is_filtered": is_filtered}  # fmt: skip


def trip(order: Order) -> tuple[list[str], str]:
    """Returns the five stops of an order's round trip for a list, and the sentence that says the same."""
    stops = ["done", "now" if order.held_at else "done", "now", "todo", "todo"]
    if order.held_at:
        stops[2] = "todo"
    if order.status in FINAL:
        stops[2] = "done" if order.result else "broken"
        if order.result:
            stops[3] = {"refused": "broken", "pending": "now"}.get(order.delivery, "done")
            stops[4] = {"acknowledged": "done", "sent": "now"}.get(order.delivery, "todo")
    said = ("Held: no webhook takes its event" if order.held_at else
            {"refused": "Refused by the ATS", "acknowledged": "Read by the ATS", "sent": "Pushed, not read yet"}.get(
                order.delivery, "Result recorded" if order.result else "Result awaited"))  # fmt: skip
    return stops, said


kit.templates.globals["trip_of"] = trip
