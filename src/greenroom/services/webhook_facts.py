"""Facts about a project's webhooks and order events, for the doctor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from greenroom.context import Context, snapshot
from greenroom.model.breakers import Failure
from greenroom.model.events import ORDER_CREATED
from greenroom.model.integrations import Integration
from greenroom.model.webhooks import Webhook
from greenroom.services import integrations
from greenroom.store import breakers as breaker_rows
from greenroom.store import webhook_facts as fact_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms

#: webhooks of a project that are examined, oldest first
MOST = 100
#: characters of the first line of an answer
FIRST_LINE = 200


@dataclass(frozen=True)
class Waiting:
    """
    Deliveries of one state at a destination.

    `count` is exact below `bound`. `overdue_s` is how long the longest due one has waited, 0 if none is due.
    """

    count: int = 0
    oldest: datetime | None = None
    overdue_s: float = 0.0
    bound: int = fact_rows.MOST


@dataclass(frozen=True)
class WebhookState:
    """
    A webhook and its latest attempts.

    `failure` has the attempts that failed since the last one that succeeded, `first_line` begins the latest answer.
    `next_attempt_at` is set while its breaker is open; `rotated_at` is when its secret was replaced.
    """

    webhook: Webhook
    failure: Failure | None = None
    first_line: str | None = None
    next_attempt_at: datetime | None = None
    pending: Waiting = Waiting()
    held: Waiting = Waiting()
    dead: Waiting = Waiting()
    rotated_at: datetime | None = None


@dataclass(frozen=True)
class WebhookArea:
    """The enabled integrations of a project, its webhooks, and the accounts that no webhook takes, by provider."""

    integrations: Sequence[Integration]
    webhooks: Sequence[WebhookState]
    held: Waiting = Waiting()
    left_out: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> WebhookArea:
    """Returns the facts of a project."""
    configured = [one for one in await integrations.read_all(ctx, tx, project_id) if one.enabled]
    webhooks = (await webhook_rows.list_webhooks(tx, project_id))[:MOST]
    ids = [one.id for one in webhooks]
    breakers = await breaker_rows.find(tx, ids)
    rows = await fact_rows.count_waiting(tx, [project_id, *ids])
    waiting = {(row["destination_id"], row["state"]): _waiting(row) for row in rows}
    rotated = {row["webhook_id"]: from_ms(row["rotated_at"]) for row in await fact_rows.list_secrets(tx, ids)}
    failures = {id_: breaker.failure for id_, (breaker, _) in breakers.items() if breaker.failure}
    answers = await fact_rows.list_answers(tx, project_id, [one.delivery_id for one in failures.values()])
    lines = {row["delivery_id"]: _first_line(row["response"]) for row in answers}
    states = []
    for one in webhooks:
        breaker, now = breakers.get(one.id, (None, 0))
        failure = failures.get(one.id)
        states.append(
            WebhookState(
                one,
                failure,
                lines.get(failure.delivery_id) if failure else None,
                from_ms(breaker.open_until) if breaker and breaker.open_until > now else None,
                pending=waiting.get((one.id, "pending"), Waiting()),
                held=waiting.get((one.id, "held"), Waiting()),
                dead=waiting.get((one.id, "dead"), Waiting()),
                rotated_at=rotated.get(one.id),
            )
        )
    held = waiting.get((project_id, "held"), Waiting())
    return WebhookArea(configured, states, held, await _left_out(tx, project_id, configured, webhooks))


async def _left_out(
    tx: Tx, project_id: str, configured: Sequence[Integration], webhooks: Sequence[Webhook]
) -> dict[str, list[tuple[str, str]]]:
    """Returns the accounts of each provider that every webhook for its order event leaves out."""
    found = {}
    for integration in configured:
        event = ORDER_CREATED[integration.partner_category]
        taking = [one for one in webhooks if one.enabled and one.takes(event, next(iter(one.account_ids), None))]
        if not taking or any(not one.account_ids for one in taking):
            continue
        taken = sorted({account_id for one in taking for account_id in one.account_ids})
        rows = await fact_rows.list_other_accounts(tx, project_id, integration.provider, taken)
        found[integration.provider] = [(row["id"], row["origin_owner_name"]) for row in rows]
    return found


def _waiting(row: Row) -> Waiting:
    overdue_ms = row["now"] - row["due_at"] if row["due_at"] else 0
    return Waiting(row["n"], maybe_from_ms(row["oldest"]), max(0.0, overdue_ms / 1000))


def _first_line(response: str) -> str | None:
    body = str(json.loads(response).get("body") or "").strip()
    return body.splitlines()[0][:FIRST_LINE] if body else None
