"""Facts about hiring teams that orders lack, for the doctor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.model.access import Problem
from greenroom.model.integrations import Integration
from greenroom.services import integrations
from greenroom.store import hiring_team_facts as fact_rows
from greenroom.store.db import Row, Tx, from_ms


@dataclass(frozen=True)
class Latest:
    """
    The newest order of an account: why its hiring team is missing, if so, as of `at`.

    `is_pending` says that it is still read for; `failed` is the latest read that failed.
    """

    id: str
    package_name: str | None
    reason: str | None
    at: datetime
    is_pending: bool
    age_s: float
    failed: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AccountState:
    """An account with the state of its access to the ATS's API; `can_read` says that it has tokens or credentials."""

    id: str
    name: str
    since: datetime
    can_read: bool
    problem: Problem | None
    latest: Latest | None


@dataclass(frozen=True)
class HiringTeamArea:
    """The enabled integrations of a project, and the newest accounts of each provider."""

    integrations: Sequence[Integration]
    accounts: Mapping[str, Sequence[AccountState]]


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> HiringTeamArea:
    """Returns the facts of a project."""
    configured = [one for one in await integrations.read_all(ctx, tx, project_id) if one.enabled]
    newest: dict[str, Row] = {}
    for row in await fact_rows.list_orders(tx, project_id) if configured else ():
        newest.setdefault(row["account_id"], row)
    missing = [row["id"] for row in newest.values() if json.loads(row["enrichment"]).get("reason")]
    failed: dict[str, Any] = {}
    for row in await fact_rows.list_reads(tx, missing):
        reads = json.loads(row["detail"]).get("reads") or []
        failed[row["order_id"]] = next((one for one in reads if not one.get("ok", True)), None)
    found = {}
    for one in configured:
        rows = await fact_rows.list_accounts(tx, project_id, [one.provider])
        found[one.provider] = [_state(row, newest.get(row["id"]), failed) for row in rows]
    return HiringTeamArea(configured, found)


def _state(row: Row, order: Row | None, failed: Mapping[str, Any]) -> AccountState:
    code = row["problem_code"]
    problem = Problem(code, row["problem_reason"], from_ms(row["problem_at"]), row["problem_scope"]) if code else None
    return AccountState(
        row["id"],
        row["origin_owner_name"],
        from_ms(row["created_at"]),
        bool(row["has_tokens"] or row["has_credentials"]),
        problem,
        _latest(order, failed.get(order["id"])) if order else None,
    )


def _latest(row: Row, failed: Mapping[str, Any] | None) -> Latest:
    found = json.loads(row["enrichment"])
    return Latest(
        row["id"],
        row["package_name"],
        found.get("reason"),
        from_ms(found["at"]),
        bool(found.get("pending")),
        row["age_ms"] / 1000,
        failed,
    )
