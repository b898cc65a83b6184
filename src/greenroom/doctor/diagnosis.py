"""Joins the areas: gathers each area's facts by its service and lets its pure function judge them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.doctor import ats, gateway, hiring_teams, orders, packages, results, webhooks
from greenroom.model.findings import SEVERITIES, Finding, Severity
from greenroom.services import (
    ats_facts,
    gateway_facts,
    hiring_team_facts,
    order_facts,
    package_facts,
    result_facts,
    webhook_facts,
)
from greenroom.store.migrate import list_pending


@dataclass(frozen=True)
class Area:
    """An area of causes: `gather` reads the facts of a project, `judge` returns the findings in them."""

    gather: Callable[[Context, str], Awaitable[Any]]
    judge: Callable[[Any], Sequence[Finding]]


@dataclass(frozen=True)
class Filter:
    """Which findings are wanted; None means any."""

    account_id: str | None = None
    order_id: str | None = None
    severity: Severity | None = None
    code: str | None = None

    def takes(self, one: Finding) -> bool:
        """Returns whether a finding is wanted; one about an account or order concerns it as subject or relation."""
        if self.account_id and self.account_id not in (one.account_id, one.subject.id, *one.account_ids):
            return False
        if self.order_id and self.order_id not in (one.order_id, one.subject.id, *one.order_ids):
            return False
        return self.severity in (None, one.severity) and self.code in (None, one.code)


#: the areas, in the order of the catalogue
AREAS: tuple[Area, ...] = (
    Area(ats_facts.gather, ats.judge),
    Area(package_facts.gather, packages.judge),
    Area(webhook_facts.gather, webhooks.judge),
    Area(hiring_team_facts.gather, hiring_teams.judge),
    Area(result_facts.gather, results.judge),
    Area(order_facts.gather, orders.judge),
    Area(gateway_facts.gather, gateway.judge),
)


async def diagnose(ctx: Context, project_id: str, wanted: Filter | None = None) -> list[Finding]:
    """Returns the findings of a project from observations, the most severe first; calls nobody."""
    wanted = wanted or Filter()
    found: list[Finding] = []
    revision = await gateway_facts.find_revision(ctx)
    if pending := list_pending(revision):  # the areas' facts may have no tables yet
        found.append(gateway.migration_pending(revision, pending))
    else:
        for area in AREAS:
            found += area.judge(await area.gather(ctx, project_id))
        if wanted.order_id:
            waits_for = await order_facts.find_waiting_for(ctx, project_id, wanted.order_id)
            found = [_relate(one, wanted.order_id, waits_for) for one in found]
    return sorted((one for one in found if wanted.takes(one)), key=lambda one: SEVERITIES.index(one.severity))


def _relate(one: Finding, order_id: str, waits_for: Set[str]) -> Finding:
    """Relates a finding about a webhook to an order whose delivery it stops."""
    stops = one.code.startswith("webhook.") and one.subject.id in waits_for
    return replace(one, order_ids=(*one.order_ids, order_id)) if stops else one


def ats_names() -> dict[str, str]:
    """Returns the name of each ATS by its provider."""
    return {key: one.manifest.name for key, one in discover().items()}
