"""The page that shows every component in every state; only in development (GREENROOM_ALLOW_HTTP)."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import NotFound
from greenroom.model.funnel import FunnelDay
from greenroom.services.statistics import DeliveryDay
from greenroom.web import charts, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form


def routes() -> list[BaseRoute]:
    """Returns the route of this page."""
    return [kit.route("/components", show_components)]


async def show_components(visit: Visit) -> Response:
    """Shows every component in every state."""
    if not visit.ctx.settings.allow_http:
        raise NotFound("The page of components is shown in development only: set GREENROOM_ALLOW_HTTP=true.")
    clean = Form(
        {"name": "Orders", "events": ["created"], "on": True, "category": "assessments", "notes": "Two\nlines"}
    )
    wrong = Form(
        {"address": "http://vendor.example", "wrong_select": "b"},
        {"address": "Expected https, not http.", "wrong_secret": "Greenhouse refused it.", "wrong_notes": "Too long."},
        "The webhook was not saved: one address is wrong.",
    )
    now = visit.ctx.now()
    times = {"past": now - timedelta(minutes=8), "future": now + timedelta(minutes=42), "old": now - timedelta(days=30)}
    days = [now - timedelta(days=number) for number in range(6, -1, -1)]
    drawn = [
        charts.orders_chart(
            [FunnelDay(day, 9 + number, done=7, acknowledged=number) for number, day in enumerate(days)], "c-orders"
        ),
        charts.deliveries_chart([DeliveryDay(day, 40, number, 3) for number, day in enumerate(days)], "c-deliveries"),
    ]
    return kit.render(visit, "development/components.html", clean=clean, wrong=wrong, times=times, charts=drawn)
