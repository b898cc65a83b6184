"""Home: problems, the next step, and the latest orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from greenroom.model.accounts import Account
from greenroom.model.findings import Finding
from greenroom.model.funnel import FunnelDay
from greenroom.model.orders import Order
from greenroom.services import accounts, integrations, orders, statistics, webhooks
from greenroom.services.statistics import DeliveryDay
from greenroom.web import charts, findings, formats, kit
from greenroom.web.access import Visit

LATEST = 5
#: refused orders that are counted; more are shown as "10+"
MOST_COUNTED = 10
#: accounts whose names and states are read
MOST_ACCOUNTS = 100
#: problems that are shown
MOST_PROBLEMS = 5


@dataclass(frozen=True)
class Problem:
    """A problem that needs an action, and the one button that leads there."""

    tone: str
    title: str
    text: str
    action: str
    path: str


class Step(NamedTuple):
    """A step to the first order; `folder` is the page on which it is done."""

    title: str
    text: str
    folder: str
    is_done: bool


class Figure(NamedTuple):
    """A number with one note on anything unusual, and the list that it counts."""

    path: str
    icon: str
    label: str
    value: str
    note: str
    tone: str = "mute"


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.route("/", find_home), kit.in_project("", show_home)]


async def find_home(visit: Visit) -> Response:
    """Redirects to the project that was last seen."""
    if visit.known_project is None:
        return kit.render(visit, "home/no_project.html")
    return RedirectResponse(visit.base, status_code=302, headers=kit.HEADERS)


async def show_home(visit: Visit) -> Response:
    """Shows the project's problems, the next step of an unfinished setup, and its latest orders."""
    ctx, project_id = visit.ctx, visit.project.id
    latest, refused = await orders.list_newest(ctx, project_id, most=LATEST, most_refused=MOST_COUNTED + 1)
    linked = await accounts.list_page(ctx, project_id, limit=MOST_ACCOUNTS)
    # an account is linked through an enabled integration, so the question is asked of new projects only
    enabled = bool(linked) or bool(await integrations.enabled_providers(ctx, project_id))
    hooks = await webhooks.list_webhooks(ctx, project_id)
    found = await findings.read(visit)
    order_days: list[FunnelDay] = []
    delivery_days: list[DeliveryDay] = []
    if latest:
        order_days, delivery_days = await statistics.project_days(ctx, project_id, hooks)
    steps = [
        Step("Enable an integration", "With the credentials that the ATS gave you as its partner.", "integrations",
             enabled),
        Step("Add a webhook", "Your endpoint receives each order there, signed.", "webhooks/new",
             any(one.enabled for one in hooks)),
        Step("Link an account", "A customer’s ATS, or a test account of your own.", "accounts", bool(linked)),
        Step("Receive the first order", "A recruiter sends a test. Setup shows what is still missing until then.",
             "setup", bool(latest)),
    ]  # fmt: skip
    return kit.render(
        visit,
        "home/home.html",
        orders=latest,
        names={one.id: one.origin_owner_name for one in linked},
        problems=find_problems(visit, refused, found)[:MOST_PROBLEMS],
        steps=steps,
        done=sum(step.is_done for step in steps),
        figures=count_figures(order_days, delivery_days, refused, linked),
        charts=[charts.orders_chart(order_days), charts.deliveries_chart(delivery_days)] if latest else [],
    )


def count_figures(
    order_days: list[FunnelDay], delivery_days: list[DeliveryDay], refused: list[Order], linked: list[Account]
) -> list[Figure]:
    """Returns the four figures of the page."""
    before, today = [one.ordered for one in order_days[-2:]] or (0, 0)
    failed, waiting = (sum(getattr(one, name) for one in delivery_days) for name in ("failed", "waiting"))
    ill = [one for one in linked if one.status == "error"]
    many = len(linked) == MOST_ACCOUNTS
    return [
        Figure("/orders", "clipboard-list", "Orders today", formats.number(today),
               f"{formats.number(before)} yesterday, in UTC" if order_days else "None yet"),
        Figure("/orders?view=refused", "circle-x", "Refused results", _counted(refused),
               "Somebody must act" if refused else "The ATS refused none", "bad" if refused else "mute"),
        Figure("/deliveries?state=dead", "send", "Failed deliveries, 7 days", formats.number(failed),
               f"{formats.number(waiting)} waiting" if waiting else "Nothing waits", "bad" if failed else "mute"),
        Figure("/accounts?view=error", "building-2", "Accounts needing attention", str(len(ill)),
               ill[0].origin_owner_name if ill else
               f"Of {len(linked)}{'+' if many else ''} linked" if linked else "No account yet",
               "bad" if ill else "mute"),
    ]  # fmt: skip


def find_problems(visit: Visit, refused: list[Order], found: Sequence[Finding]) -> list[Problem]:
    """Returns the problems that need an action, the worst first: the project's findings without notices."""
    problems = []
    for one in found:
        if one.severity == "notice":
            continue
        shown = findings.show(visit, one)
        action, path = shown.action or ("Show problem", f"{visit.base}/findings?code={one.code}")
        problems.append(Problem(shown.tone, one.title, f"{shown.subject}. {one.next_step}", action, path))
    if refused and not any(one.code.startswith("result.") for one in found):
        detail = refused[0].delivery_detail or refused[0].request.callback_problem or "The result was not accepted."
        title = f"The ATS refused {_counted(refused)} result{'' if len(refused) == 1 else 's'}"
        problems.insert(0, Problem("bad", title, detail, "Show the orders", f"{visit.base}/orders?view=refused"))
    return problems


def _counted(found: list[Order]) -> str:
    return str(len(found)) if len(found) <= MOST_COUNTED else f"{MOST_COUNTED}+"
