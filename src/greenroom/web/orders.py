"""Orders: the list."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from greenroom.context import Context
from greenroom.errors import Invalid, Unavailable
from greenroom.model.events import stamp
from greenroom.model.orders import FINAL, ID, Order
from greenroom.services import accounts, flights, lookup, orders
from greenroom.web import formats, kit
from greenroom.web.access import Visit

PAGE = 25
#: orders that a tab counts
MOST_COUNTED = 1000
ASKED = ("view", "q", "account", "status", "period", "before")
#: orders of one export, and of one of its queries
MOST_EXPORTED = 10_000
EXPORT_BATCH = 500
COLUMNS = ("id", "ordered_at", "account_id", "package_id", "package_name", "candidate_name", "candidate_email",
           "status", "outcome", "score", "delivery", "result_at", "read_at")  # fmt: skip
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
        kit.in_project("/orders/resend", resend, role="developer", methods=("POST",)),
        kit.in_project("/orders/export.csv", export),
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
    asked = _asked(visit)
    try:
        offered = await accounts.list_page(visit.ctx, visit.project.id, limit=MOST_ACCOUNTS)
        filters = _filters(visit.ctx, asked)
        before = asked["before"] or None
        found, counts = await orders.list_with_counts(
            visit.ctx, visit.project.id, filters, before=before, limit=PAGE + 1, most=MOST_COUNTED + 1
        )
    except Unavailable as error:
        return kit.render_unavailable(visit, "orders/list.html", error, **_common(visit, asked, {}, {}))
    names = {one.id: one.origin_owner_name for one in offered}
    return kit.render(
        visit,
        "orders/list.html",
        problem=None,
        orders=found[:PAGE],
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **_common(visit, asked, names, counts),
    )


def _asked(visit: Visit) -> dict[str, str]:
    query = visit.request.query_params
    return {name: query.get(name, "").strip()[:320] for name in ASKED}


def _filters(ctx: Context, asked: dict[str, str]) -> dict[str, Any]:
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
    return filters


async def resend(visit: Visit) -> Response:
    """Sends the notifications of the selected orders again."""
    ids = [str(one) for one in visit.form.get("id", [])]
    back = with_default(visit.form.get("back", []), f"{visit.base}/orders", visit)
    if not ids:
        return kit.redirect(visit, back, notice="No order was selected: tick the orders first.")
    if len(ids) > flights.MOST_AT_ONCE:
        raise Invalid(f"Expected at most {flights.MOST_AT_ONCE} orders, not {len(ids)}.")
    sent = await flights.resend_notifications(visit.ctx, visit.project.id, ids)
    asked = len(set(ids))
    said = f"{formats.plural(sent, 'notification')} of {formats.plural(asked, 'order')} sent again now."
    if sent < asked:
        said += f" {asked - sent} left out: in flight, erased, or without a webhook."
    return kit.redirect(visit, back, notice=said)


def with_default(given: list[str], default: str, visit: Visit) -> str:
    """Returns the submitted path if it is one of this project's, else the default."""
    back = "".join(given)
    return back if back.startswith(f"{visit.base}/") and "\\" not in back and back.isprintable() else default


async def export(visit: Visit) -> Response:
    """Sends the orders that the filters leave as CSV, newest first, at most `MOST_EXPORTED`."""
    filters = _filters(visit.ctx, _asked(visit))
    first = await orders.list_orders(visit.ctx, visit.project.id, filters, limit=EXPORT_BATCH)
    headers = {"content-disposition": 'attachment; filename="orders.csv"', "cache-control": "no-store"}
    return StreamingResponse(_rows(visit, filters, first), media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(visit: Visit, filters: dict[str, Any], batch: list[Order]) -> AsyncIterator[str]:
    yield _csv(COLUMNS)
    for _ in range(MOST_EXPORTED // EXPORT_BATCH):
        yield "".join(_csv(_cells(order)) for order in batch)
        if len(batch) < EXPORT_BATCH:
            return
        batch = await orders.list_orders(visit.ctx, visit.project.id, filters, before=batch[-1].id, limit=EXPORT_BATCH)


def _cells(order: Order) -> list[str]:
    person, result = order.request.candidate, order.result
    score = result.score.value if result and result.score else None
    return [
        order.id, stamp(order.created_at), order.account_id, order.request.package_id, order.package_name or "",
        " ".join(filter(None, (person.first_name, person.last_name))), person.email or "", order.status,
        order.outcome, "" if score is None else str(score), order.delivery,
        stamp(order.result_at) if order.result_at else "",
        stamp(order.acknowledged_at) if order.acknowledged_at else "",
    ]  # fmt: skip


def _csv(cells: Sequence[str]) -> str:
    line = io.StringIO()
    # a spreadsheet runs a cell that begins like a formula; candidates choose their names
    csv.writer(line).writerow([f"'{one}" if one.startswith(("=", "+", "-", "@", "\t", "\r")) else one for one in cells])
    return line.getvalue()


def _common(visit: Visit, asked: dict[str, str], names: dict[str, str], counts: dict[str, int]) -> dict[str, Any]:
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
    tabs = [
        (label, f"{visit.base}/orders" + (f"?view={view}" if view else ""), _counted(counts.get(view or "all")))
        for view, label, _ in VIEWS
    ]
    export = kit.with_query(visit.request, before=None).partition("?")[2]
    current = next((label for view, label, _ in VIEWS if view == asked["view"]), "All")
    is_filtered = bool(chips or asked["view"] or asked["before"])
    return {"asked": asked, "names": names, "selects": selects, "chips": chips, "tabs": tabs, "current": current,
            "is_filtered": is_filtered, "here": f"{visit.base}/orders", "can_act": visit.person.may("developer"),
            "export": f"{visit.base}/orders/export.csv" + (f"?{export}" if export else "")}  # fmt: skip


def _counted(count: int | None) -> str | None:
    """Returns a count for a tab; above `MOST_COUNTED` as `1000+`."""
    return None if count is None else str(count) if count <= MOST_COUNTED else f"{MOST_COUNTED}+"


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
