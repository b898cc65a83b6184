"""
Enrichment of Greenhouse's orders through Harvest v3: application, candidate, job, hiring team and requester.

Orders of an account are read for together: a list takes up to 50 ids, so that a read serves many orders. A job with its
hiring team is cached, so that an order of a known job costs two reads, or a share of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from greenroom.connectors.contract import ToEnrich
from greenroom.connectors.greenhouse import hiring
from greenroom.connectors.greenhouse.harvest import ACCESS, Harvest
from greenroom.connectors.greenhouse.hiring import Row, get_id
from greenroom.context import Context
from greenroom.errors import AccessError
from greenroom.model.accounts import Account
from greenroom.model.enrichment import EMPTY, UNAVAILABLE, Batch, Enriched, Enrichment, EnrichmentStatus, Read
from greenroom.model.events import stamp
from greenroom.model.integrations import Integration
from greenroom.model.orders import Order
from greenroom.outbound import Outbound
from greenroom.services import enrichments

#: ids in one request, at most
MOST_IDS = 50
#: time between two batches of an account: with two reads each they stay within a window of 50 requests in 30 seconds,
#: and orders that arrive meanwhile share the next batch's reads
PAUSE = timedelta(milliseconds=1250)
#: time for which a requester outside of the hiring team is cached
SENDERS_KEPT = timedelta(days=1)
#: seconds for which a job with its hiring team is cached, unless the integration says otherwise
TTL_S = 600
RATE_LIMITED, SCOPE_MISSING, PERMISSION = (
    f"hiring_team.{word}" for word in ("rate_limited", "scope_missing", "permission")
)


@dataclass
class _Part:
    """The rows of one list by id, or why it was not read."""

    rows: dict[str, Row] = field(default_factory=dict)
    error: AccessError | None = None

    def of_job(self, job_id: str) -> list[Row]:
        """Returns the rows of a job."""
        return [row for row in self.rows.values() if get_id(row.get("job_id")) == job_id]


class _Reader:
    """The reads of one batch; after an error that concerns every list, nothing more is read."""

    def __init__(self, ctx: Context, harvest: Harvest) -> None:
        self._ctx = ctx
        self._harvest = harvest
        self._stopped: AccessError | None = None
        self.reads: list[Read] = []

    async def read(self, name: str, ids: Iterable[str], parameter: str = "ids") -> _Part:
        """Reads the rows of a list that belong to these ids."""
        wanted, part = sorted(set(ids), key=int), _Part()
        for first in range(0, len(wanted), MOST_IDS):
            chunk = wanted[first : first + MOST_IDS]
            part.error = part.error or self._stopped
            if part.error is None:
                await self._read(part, name, {parameter: ",".join(chunk), "per_page": "500"})
        return part

    async def read_users(self) -> list[Row]:
        """Reads every user of the customer; an error leaves the requester without a name, and nothing else."""
        part = _Part(error=self._stopped)
        if part.error is None:
            await self._read(part, "users", {"per_page": "500"})
        return list(part.rows.values())

    async def _read(self, part: _Part, name: str, query: dict[str, str]) -> None:
        at, started = self._ctx.now(), time.monotonic()
        try:
            rows = await self._harvest.read_all(name, query)
        except AccessError as error:
            part.error = error
            read = Read(name, at, 0, error.reason, error.status, ok=False)
            if error.code != SCOPE_MISSING and (error.status in (None, 401, 429) or error.code == PERMISSION):
                self._stopped = error  # no other list would be answered
        else:
            part.rows |= {str(row["id"]): row for row in rows}
            read = Read(name, at, 0, f"{len(rows)} found.", 200)
        ms = round((time.monotonic() - started) * 1000)
        self.reads.append(replace(read, ms=ms))

    def note_cached(self, job_id: str, fetched_at: datetime) -> None:
        """Adds a job that the cache had."""
        said = f"Job {job_id} with its hiring team is cached since {stamp(fetched_at)}."
        self.reads.append(Read("jobs", self._ctx.now(), 0, said))


@dataclass
class _Team:
    """A job with its hiring team, the users of it, and why something is missing."""

    job: dict[str, Any]
    users: list[Row] = field(default_factory=list)
    errors: list[AccessError] = field(default_factory=list)


class HarvestEnrichment:
    """The `Enrichment` of Greenhouse."""

    def lacks(self, integration: Integration) -> str | None:
        return None if ACCESS.is_used(integration.settings) else ACCESS.unused[0]

    async def enrich(self, ctx: Context, out: Outbound, asked: ToEnrich) -> Batch:
        if code := self.lacks(asked.integration):
            return Batch({order.id: Enriched(Enrichment("none", code, ctx.now())) for order in asked.orders})
        account, integration, orders = asked.account, asked.integration, asked.orders
        reader = _Reader(ctx, Harvest(ctx, out, asked.urls, account.project_id, account.id))
        ids = {order.id: get_id(order.request.application_remote_id) for order in orders}
        applications = await reader.read("applications", [one for one in ids.values() if one])
        known = {order.id: _find_application(order, applications) for order in orders}
        people = {order.id: _find_candidate_id(order, known[order.id]) for order in orders}
        candidates = await reader.read("candidates", [one for one in people.values() if one])
        job_ids = {job_id for one in known.values() if one and (job_id := one["job_id"])}
        teams = await _read_teams(ctx, reader, account, integration, job_ids)
        senders = await _read_senders(ctx, reader, asked, known, teams)
        outcomes = {}
        for order in orders:
            found = known[order.id]
            row = candidates.rows.get(people[order.id] or "")
            team = teams.get(found["job_id"]) if found else None
            candidate = _Part({"": row} if row else {}, candidates.error if people[order.id] else None)
            sender = senders.get((order.request.requester_email or "").casefold())
            outcomes[order.id] = _outcome(ctx, order, found, applications.error, candidate, team, sender, reader.reads)
        made_requests = any(read.status for read in reader.reads)
        return Batch(outcomes, PAUSE if made_requests else timedelta())


def _find_application(order: Order, applications: _Part) -> dict[str, Any] | None:
    row = applications.rows.get(get_id(order.request.application_remote_id) or "")
    return hiring.application(row) if row else None


def _find_candidate_id(order: Order, application: Mapping[str, Any] | None) -> str | None:
    """Returns the id of the order's candidate; a merged candidate's application names the one that is left."""
    return (application or {}).get("candidate_id") or get_id(order.request.candidate.remote_id)


async def _read_teams(
    ctx: Context, reader: _Reader, account: Account, integration: Integration, job_ids: set[str]
) -> dict[str, _Team]:
    """Returns jobs with their hiring teams, from the cache or from Harvest."""
    given = integration.settings.get("enrichment_ttl_seconds")
    ttl = timedelta(seconds=TTL_S if given is None else given)
    keys = {f"job:{job_id}": job_id for job_id in job_ids}
    cached = await enrichments.read_cache(ctx, account.id, list(keys), ttl=ttl) if ttl and keys else {}
    teams = {}
    for key, one in cached.items():
        teams[keys[key]] = _Team(one.content["job"], one.content["users"])
        reader.note_cached(keys[key], one.fetched_at)
    unknown = job_ids - teams.keys()
    if not unknown:
        return teams
    jobs = await reader.read("jobs", unknown)
    managers = await reader.read("job_hiring_managers", unknown, "job_ids")
    owners = await reader.read("job_owners", unknown, "job_ids")
    users = await reader.read("users", hiring.user_ids([*managers.rows.values(), *owners.rows.values()]))
    errors = [part.error for part in (managers, owners, users, jobs) if part.error]
    fresh = {job_id: _team(job_id, jobs, managers, owners, users, errors) for job_id in unknown}
    if not errors and ttl:
        contents = {f"job:{job_id}": {"job": one.job, "users": one.users} for job_id, one in fresh.items()}
        await enrichments.save_cache(ctx, account.id, contents)
    return teams | fresh


async def _read_senders(
    ctx: Context,
    reader: _Reader,
    asked: ToEnrich,
    known: Mapping[str, dict[str, Any] | None],
    teams: Mapping[str, _Team],
) -> dict[str, Row]:
    """
    Returns the users who sent the tests, by e-mail address in lower case.

    Most are on the job's hiring team. Harvest finds no user by address: for others all users are read, and only those
    that were looked for are kept.
    """
    found: dict[str, Row] = {}
    wanted: set[str] = set()
    for order in asked.orders:
        email, application = order.request.requester_email, known[order.id]
        if application and hiring.is_email(email):
            team = teams.get(application["job_id"])
            user = hiring.find_user(str(email), team.users if team else ())
            if user:
                found[str(email).casefold()] = user
            else:
                wanted.add(str(email).casefold())
    wanted -= found.keys()
    cached = await enrichments.read_cache(ctx, asked.account.id, [f"user:{one}" for one in wanted], ttl=SENDERS_KEPT)
    found |= {key.removeprefix("user:"): one.content for key, one in cached.items() if one.content}
    unknown = {one for one in wanted if f"user:{one}" not in cached}
    if unknown and (users := await reader.read_users()):
        fresh = {email: hiring.find_user(email, users) for email in unknown}
        kept = {email: hiring.kept_of_user(user) for email, user in fresh.items() if user}
        await enrichments.save_cache(ctx, asked.account.id, {f"user:{one}": kept.get(one) for one in unknown})
        found |= kept
    return found


def _team(job_id: str, jobs: _Part, managers: _Part, owners: _Part, users: _Part, errors: list[AccessError]) -> _Team:
    row = jobs.rows.get(job_id)
    if managers.error or owners.error:
        return _Team(hiring.job_without_team(row, job_id), [], errors)
    rows = managers.of_job(job_id), owners.of_job(job_id)
    ids = hiring.user_ids([*rows[0], *rows[1]])
    people = {user_id: user for user_id, user in users.rows.items() if user_id in ids}
    kept = [hiring.kept_of_user(user) for user in people.values()]
    return _Team(hiring.job(row or {"id": job_id}, *rows, people), kept, errors)


def _outcome(
    ctx: Context,
    order: Order,
    application: dict[str, Any] | None,
    application_error: AccessError | None,
    candidate: _Part,
    team: _Team | None,
    sender: Row | None,
    reads: Sequence[Read],
) -> Enriched:
    error = application_error if application is None else None
    errors = [one for one in (error, *(team.errors if team else ()), candidate.error) if one]
    row = candidate.rows.get("")
    job = team.job if team else None
    members = (job or {}).get("hiring_team") or ()
    email = order.request.requester_email
    parts: dict[str, Any] = {
        "application": application,
        "candidate": hiring.candidate(row) if row else None,
        "job": job,
        "requester": hiring.requester(email, sender, members) if email and sender else None,
    }
    if errors:
        first = errors[0]
        status: EnrichmentStatus = "partial" if application or row else "none"
        found = Enrichment(status, first.code, ctx.now(), **parts)
        waits = [one.wait for one in errors if one.code == RATE_LIMITED and one.wait is not None]
        return Enriched(found, tuple(reads), any(one.wait is not None for one in errors), max(waits, default=None))
    if application is None:
        said = "The order names no application." if not order.request.application_remote_id else (
            "Greenhouse knows no such application: it was deleted, or is another customer's."
        )  # fmt: skip
        missing = Read("applications", ctx.now(), 0, said, ok=False)
        return Enriched(Enrichment("none", UNAVAILABLE, ctx.now(), **parts), (*reads, missing))
    return Enriched(Enrichment("complete", None if members else EMPTY, ctx.now(), **parts), tuple(reads))


ENRICHMENT = HarvestEnrichment()
