"""Where one order stands: a sentence for a person, the findings about it, and its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.doctor.diagnosis import Filter, diagnose
from greenroom.model.findings import Finding
from greenroom.model.order_sentences import Standing, describe
from greenroom.services import flights, lookup, timelines
from greenroom.services.flights import Flight

#: entries of a timeline that are read
MOST = 1000


@dataclass(frozen=True)
class Explanation:
    """An order with its deliveries and timeline, where it stands, and the findings about it."""

    flight: Flight
    standing: Standing
    findings: Sequence[Finding]


async def explain(ctx: Context, order_id: str) -> Explanation:
    """
    Returns where an order of any project stands.

    Raises:
        NotFound: there is no such order.
    """
    project_id = await lookup.find_project(ctx, "orders", order_id)
    flight = await flights.get(ctx, project_id, order_id, after=None, limit=100)
    entries = list(flight.entries)
    while len(entries) < MOST and (
        further := await timelines.list_entries(ctx, project_id, order_id, after=entries[-1].position, limit=100)
        if entries
        else []
    ):
        entries += further
    flight = replace(flight, entries=entries)
    findings = await diagnose(ctx, project_id, Filter(order_id=order_id))
    return Explanation(flight, describe_standing(flight), findings)


def describe_standing(flight: Flight, *, company: str | None = None) -> Standing:
    """Returns where an order stands; `company` replaces the name of the account's owner."""
    owner = company or (flight.account.origin_owner_name if flight.account else "the customer")
    ats = discover()[flight.order.provider].manifest.name
    return describe(flight.order, [one.leg for one in flight.sent], ats=ats, company=owner)
