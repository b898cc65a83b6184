"""Enrichment: the facts that an ATS's own API adds to an accepted order. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

EnrichmentStatus = Literal["complete", "partial", "none"]

#: longest time that an order's event waits for its enrichment
PATIENCE = timedelta(seconds=10)
#: waits after failed attempts; after the last one the enrichment is given up
WAITS = (
    timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=15),
    timedelta(hours=1), timedelta(hours=4), timedelta(hours=12),
)  # fmt: skip

LATE = "hiring_team.late"
UNAVAILABLE = "hiring_team.unavailable"
EMPTY = "hiring_team.empty"

#: for each reason, why the hiring team is missing and what to do next; `{ats}` is the name of the ATS
REASONS: Mapping[str, tuple[str, str]] = {
    "hiring_team.partner_only": (
        "The authentication type of the integration is Partner API, which has no hiring team.",
        "Choose Public + Partner in the {ats} integration, then connect the account to {ats}'s API.",
    ),
    "hiring_team.not_connected": (
        "The customer has not authorised access to {ats}'s API.",
        "Ask the customer's site admin to link the account again and to give the access.",
    ),
    "hiring_team.scope_missing": (
        "The customer's authorisation does not cover every list that is read.",
        "Add the scope that the failed read names to the API client, then have the account authorised again.",
    ),
    "hiring_team.token_refused": (
        "{ats} refused to renew the access.",
        "Ask the customer's site admin to authorise the account again; check the API client's id and secret.",
    ),
    "hiring_team.permission": (
        "{ats} answered 403: the user who gave the authorisation is not a site admin (any more).",
        "Make that user a site admin again, or have another site admin authorise the account.",
    ),
    "hiring_team.rate_limited": (
        "{ats} allows no more requests in this window.",
        "Nothing: the rest is read in a later window and follows in an updated event.",
    ),
    LATE: (
        "The hiring team was not read within 10 seconds, so the event went out without it.",
        "Nothing: once it is read, it follows in an updated event.",
    ),
    UNAVAILABLE: (
        "{ats} could not be reached, or its answer could not be used.",
        "See the failed read in the timeline. Greenroom tries again for some hours; after that, ask {ats}'s support.",
    ),
    EMPTY: (
        "{ats} has no hiring team on this job.",
        "Nothing is wrong. The customer can add people to the job's hiring team.",
    ),
}


@dataclass(frozen=True)
class Read:
    """One read of an ATS's API for an order; `result` is a sentence without secrets, `status` None without answer."""

    name: str
    at: datetime
    ms: int
    result: str
    status: int | None = None
    ok: bool = True


@dataclass(frozen=True)
class Enrichment:
    """
    The facts about an order beyond its request.

    `reason` is None or a key of `REASONS`. `pending` says that it is still to be read. The parts are in the unified
    model, and None when unknown; an empty hiring team is a list without members.
    """

    status: EnrichmentStatus
    reason: str | None
    at: datetime
    pending: bool = False
    application: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    candidate: dict[str, Any] | None = None
    requester: dict[str, Any] | None = None

    @property
    def summary(self) -> tuple[str, str | None]:
        """Returns status and reason."""
        return self.status, self.reason

    def has_more_than(self, other: Enrichment) -> bool:
        """Returns whether this has a part, or a part's value, that the other one does not have."""
        parts = ("application", "job", "candidate", "requester")
        return any(getattr(self, name) not in (None, getattr(other, name)) for name in parts)

    def without_content(self) -> Enrichment:
        """Returns status, reason and time alone."""
        return Enrichment(self.status, self.reason, self.at)


@dataclass(frozen=True)
class Enriched:
    """
    The outcome of one attempt to enrich an order.

    `retry` says that another attempt may find more; it then begins after `wait`, by default after the next of `WAITS`.
    """

    enrichment: Enrichment
    reads: tuple[Read, ...] = ()
    retry: bool = False
    wait: timedelta | None = None


@dataclass(frozen=True)
class Batch:
    """The outcomes of a batch of orders of one account by order; `pause` keeps the account's next batch back."""

    outcomes: Mapping[str, Enriched] = field(default_factory=dict)
    pause: timedelta = timedelta()


def waiting(at: datetime) -> Enrichment:
    """Returns the enrichment of an order that is still to be read: its event says so if it has to go out without."""
    return Enrichment("none", LATE, at, pending=True)


def missing(reason: str | None, at: datetime) -> Enrichment:
    """Returns the enrichment of an order that is never read."""
    return Enrichment("none", reason, at)


def inline(team: list[Any] | None, at: datetime) -> Enrichment:
    """Returns the enrichment of an order whose request had its hiring team, or None when the ATS sent none."""
    if team is None:
        return Enrichment("none", None, at)
    return Enrichment("complete", None if team else EMPTY, at)


def given_up(found: Enrichment) -> Enrichment:
    """Returns an enrichment for which nothing more is read."""
    return replace(found, pending=False)


def explain(found: Enrichment, ats: str) -> tuple[str, str] | None:
    """Returns why the hiring team is missing or incomplete and the next step; None when nothing is missing."""
    said = REASONS.get(found.reason or "")
    if said is None:
        return None
    why, step = said
    return why.format(ats=ats), step.format(ats=ats)
