"""Facts about results: those that were refused, and those that an ATS has not taken, for the doctor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.model.integrations import Integration
from greenroom.model.orders import Order
from greenroom.services import integrations
from greenroom.store import orders as order_rows
from greenroom.store import result_facts as fact_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms

#: refusals that are read, newest first
MOST = 50


@dataclass(frozen=True)
class Refusal:
    """
    The latest refusal of an order's result, or of an answer by the ATS; `subject` as in the table.

    `name` is that of the order's package, or else of the account's owner.
    """

    subject: str
    code: str
    account_id: str | None
    is_known: bool
    name: str | None
    detail: Mapping[str, Any]
    count: int
    since: datetime
    at: datetime


@dataclass(frozen=True)
class Push:
    """
    The newest delivery of an order to its ATS, as its latest attempt left it.

    `notified` is how often the ATS took a notification without reading the result, the latest `waited_s` ago.
    `has_failed` says that an attempt failed since the schedule began; `next_attempt_at` includes a pause.
    """

    state: str
    status: int | None
    error_kind: str | None
    error: str | None
    attempts: int
    attempted_at: datetime | None
    age_s: float
    notified: int
    waited_s: float
    has_failed: bool
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class ResultArea:
    """The enabled integrations of a project, refused results, and orders on their way to the ATS with their push."""

    integrations: Sequence[Integration]
    refusals: Sequence[Refusal]
    orders: Sequence[tuple[Order, Push | None]]
    allow_http: bool = False


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> ResultArea:
    """Returns the facts of a project."""
    configured = [one for one in await integrations.read_all(ctx, tx, project_id) if one.enabled]
    refusals = [_refusal(row) for row in await refusal_rows.list_newest(tx, project_id, limit=MOST)]
    ids = await fact_rows.find_candidates(tx, project_id)
    found = await order_rows.list_by_ids(tx, project_id, ids)
    pushes = {row["order_id"]: _push(row) for row in await fact_rows.list_pushes(tx, project_id, ids)}
    return ResultArea(
        configured,
        await _standing(tx, refusals),
        [(order, pushes.get(order.id)) for order in found if order.erased_at is None],
        ctx.settings.allow_http,
    )


async def _standing(tx: Tx, refusals: Sequence[Refusal]) -> list[Refusal]:
    """Returns the refusals without those of answers that the ATS has requested again since."""
    named = {one.account_id for one in refusals if one.subject == one.account_id}
    rows = await fact_rows.list_calls(tx, sorted(one for one in named if one))
    calls = {(row["account_id"], row["call"]): from_ms(row["called_at"]) for row in rows}

    def is_over(one: Refusal) -> bool:
        called = calls.get((str(one.account_id), str(one.detail.get("api_call"))))
        return one.subject == one.account_id and called is not None and called > one.at

    return [one for one in refusals if not is_over(one)]


def _refusal(row: Row) -> Refusal:
    return Refusal(
        row["subject"],
        row["code"],
        row["account_id"],
        bool(row["is_known"]),
        row["package_name"] or row["origin_owner_name"],
        json.loads(row["detail"]),
        row["times"],
        from_ms(row["since_at"]),
        from_ms(row["at"]),
    )


def _push(row: Row) -> Push:
    due = max((one for one in (row["due_at"], row["open_until"]) if one), default=None)
    # an attempt in flight is counted already, and `due_at` is the end of its lease
    in_flight = row["lease"] is not None
    attempts = row["attempts"] - in_flight
    return Push(
        row["state"],
        row["status"],
        row["error_kind"],
        row["last_error"],
        attempts,
        maybe_from_ms(row["started_at"]),
        (row["age_ms"] or 0) / 1000,
        row["told"],
        row["waited_ms"] / 1000,
        row["last_error"] is not None and attempts > row["attempts_before"],
        maybe_from_ms(due) if row["state"] == "pending" and not in_flight else None,
    )
