"""Home: problems, the next step, and the latest orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from greenroom.model.orders import Order
from greenroom.model.webhooks import Webhook
from greenroom.services import accounts, breakers, integrations, orders, webhooks
from greenroom.services.breakers import Condition
from greenroom.web import formats, kit
from greenroom.web.access import Visit

LATEST = 5
#: refused orders that are counted; more are shown as "10+"
MOST_COUNTED = 10


@dataclass(frozen=True)
class Problem:
    """Something that somebody must act on, and the one button that leads there."""

    tone: Literal["bad", "wait"]
    title: str
    text: str
    action: str
    path: str


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
    latest = await orders.list_orders(ctx, project_id, {}, limit=LATEST)
    stuck = await orders.list_stuck(ctx, project_id, limit=MOST_COUNTED + 1)
    refused, held = [one for one in stuck if one.delivery == "refused"], [one for one in stuck if one.held_at]
    linked = await accounts.list_page(ctx, project_id, limit=100)
    # an account is linked through an enabled integration, so the question is asked of new projects only
    enabled = bool(linked) or bool(await integrations.enabled_providers(ctx, project_id))
    hooks = await webhooks.list_webhooks(ctx, project_id)
    conditions = await breakers.conditions(ctx, [one.id for one in hooks if one.enabled])
    steps = [
        ("Enable an integration", "With the credentials that Greenhouse gave you.", "integrations", enabled),
        ("Add a webhook", "Your endpoint receives each order there.", "webhooks", any(one.enabled for one in hooks)),
        ("Link an account", "A customer’s ATS, or a test account.", "accounts", bool(linked)),
        ("Receive the first order", "A recruiter sends a test from the ATS.", "orders", bool(latest)),
    ]
    return kit.render(
        visit,
        "home/home.html",
        orders=latest,
        names={one.id: one.origin_owner_name for one in linked},
        problems=find_problems(refused, held, hooks, conditions),
        steps=steps,
        done=sum(step[3] for step in steps),
        refused=_counted(refused),
        held=_counted(held),
        account_count=len(linked),
        webhook_count=sum(one.enabled for one in hooks),
    )


def find_problems(
    refused: list[Order], held: list[Order], hooks: list[Webhook], conditions: Mapping[str, Condition]
) -> list[Problem]:
    """Returns what somebody must act on, the worst first."""
    found = []
    if refused:
        detail = refused[0].delivery_detail or refused[0].request.callback_problem or "The result was not accepted."
        title = f"The ATS refused {_counted(refused)} result{'' if len(refused) == 1 else 's'}"
        found.append(Problem("bad", title, detail, "Show the orders", "/orders?view=refused"))
    found += [
        Problem("bad", f"Webhook “{one.name}” was disabled", one.disabled_reason, "Open webhooks", "/webhooks")
        for one in hooks
        if not one.enabled and one.disabled_reason
    ]
    found += [
        Problem(
            "bad",
            f"Webhook “{one.name}” is failing",
            f"{formats.plural(condition.consecutive_failures, 'failure')} in a row. The last one: "
            f"{condition.last_error or 'no usable answer'}. Deliveries are retried.",
            "Open its health",
            f"/webhooks/{one.id}/health",
        )
        for one in hooks
        if (condition := conditions.get(one.id)) and (condition.state != "closed" or condition.consecutive_failures)
    ]
    if held:
        title = f"{_counted(held)} order event{' is' if len(held) == 1 else 's are'} held"
        text = "No enabled webhook takes it. It goes out by itself as soon as one does."
        found.append(Problem("wait", title, text, "Open webhooks", "/webhooks"))
    return found


def _counted(found: list[Order]) -> str:
    return str(len(found)) if len(found) <= MOST_COUNTED else f"{MOST_COUNTED}+"
