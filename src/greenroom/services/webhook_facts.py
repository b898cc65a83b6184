"""Facts about a project's webhooks and order events, for the doctor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.model.breakers import Failure
from greenroom.model.events import ORDER_CREATED
from greenroom.model.integrations import Integration
from greenroom.model.webhooks import Webhook
from greenroom.services import checks, integrations
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
class FailedAnswer:
    """How long a failed attempt took; if it was answered, the first line of the answer and its redirect target."""

    ms: int | None = None
    first_line: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Change:
    """Who switched a webhook off, and when."""

    by: str
    at: datetime


@dataclass(frozen=True)
class WebhookState:
    """
    A webhook and its latest attempts.

    `failure` has the attempts that failed since the last one that succeeded, `answer` is that of the latest one.
    `next_attempt_at` is set while its breaker is open; `rotated_at` is when its secret was replaced; `disabled` says
    who switched it off.
    """

    webhook: Webhook
    failure: Failure | None = None
    answer: FailedAnswer | None = None
    next_attempt_at: datetime | None = None
    pending: Waiting = Waiting()
    held: Waiting = Waiting()
    dead: Waiting = Waiting()
    rotated_at: datetime | None = None
    disabled: Change | None = None


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
    answers = await _read_answers(tx, project_id, failures)
    disabled = await _find_disabling(tx, project_id, [one.id for one in webhooks if not one.enabled])
    states = []
    for one in webhooks:
        breaker, now = breakers.get(one.id, (None, 0))
        failure = failures.get(one.id)
        states.append(
            WebhookState(
                one,
                failure,
                answers.get(one.id),
                from_ms(breaker.open_until) if breaker and breaker.open_until > now else None,
                pending=waiting.get((one.id, "pending"), Waiting()),
                held=waiting.get((one.id, "held"), Waiting()),
                dead=waiting.get((one.id, "dead"), Waiting()),
                rotated_at=rotated.get(one.id),
                disabled=disabled.get(one.id),
            )
        )
    held = waiting.get((project_id, "held"), Waiting())
    return WebhookArea(configured, states, held, await _left_out(tx, project_id, configured, webhooks))


async def _read_answers(tx: Tx, project_id: str, failures: Mapping[str, Failure]) -> dict[str, FailedAnswer]:
    """Returns the answer to the latest failed attempt, or test event, at each webhook."""
    attempts = [one.delivery_id for one in failures.values() if one.delivery_id]
    tests = [id_ for id_, one in failures.items() if not one.delivery_id]
    found = {
        row["delivery_id"]: _answer(json.loads(row["response"]), row["duration_ms"])
        for row in await fact_rows.list_answers(tx, project_id, attempts)
    }
    for row in await fact_rows.list_tests(tx, project_id, tests, checks.WEBHOOK_TEST):
        response = json.loads(row["detail"]).get("response") or {}
        found[row["subject"]] = _answer(response, response.get("ms"))
    return {id_: found[key] for id_, one in failures.items() if (key := one.delivery_id or id_) in found}


async def _find_disabling(tx: Tx, project_id: str, webhook_ids: Sequence[str]) -> dict[str, Change]:
    """Returns who switched each of these webhooks off, as far as the audit log tells."""
    found: dict[str, Change] = {}
    for row in await fact_rows.list_changes(tx, project_id, webhook_ids):
        switched = row["action"] == "webhook.created" or "enabled" in json.loads(row["detail"]).get("fields", ())
        if switched and row["object_id"] not in found:
            found[row["object_id"]] = Change(_actor(row), from_ms(row["at"]))
    return found


def _actor(row: Row) -> str:
    """Returns the kind of an actor and, for an API key, its name; the names of people stay in the audit log."""
    kind = str(row["actor_kind"]).replace("_", " ")
    return f"API key {row['actor_name']}" if row["actor_kind"] == "api_key" else kind


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


def _answer(response: Mapping[str, Any], ms: int | None) -> FailedAnswer:
    body = str(response.get("body") or "").strip()
    target = (response.get("headers") or {}).get("location")
    return FailedAnswer(ms, body.splitlines()[0][:FIRST_LINE] if body else None, target and target[:FIRST_LINE])
