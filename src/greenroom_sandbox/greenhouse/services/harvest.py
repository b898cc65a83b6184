"""The Harvest API, version 3: six lists with filters and pages.

Sources: Harvest v3, Pagination and List endpoints; the fields are those of its OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from greenroom_sandbox.greenhouse.model.harvest import Grant
from greenroom_sandbox.greenhouse.model.hiring import Application, Candidate, Job, User
from greenroom_sandbox.greenhouse.wire import cursor
from greenroom_sandbox.greenhouse.world import World

Row = dict[str, Any]
MOST_PER_PAGE = 500
USUAL_PER_PAGE = 100
MOST_VALUES = 50
MIXED = "When passing a cursor, do not include other query params."
#: status in a filter → status in the rows
STATUSES = {"active": "in_process", "rejected": "rejected", "hired": "hired", "converted": "converted"}
_STATUS = {"active": "in_process", "rejected": "rejected", "hired": "hired"}


class HarvestError(Exception):
    """An error of the Harvest API, with its status and message."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


@dataclass(frozen=True)
class Collection:
    """A list: its rows for a customer, and the filters that only this list has."""

    rows: Callable[[World, int], Iterable[Row]]
    id_filters: dict[str, str] = field(default_factory=dict)
    word_filters: dict[str, dict[str, Any]] = field(default_factory=dict)


def get_scope(collection: str) -> str:
    """Returns the scope that a list requires."""
    return f"harvest:{collection}:list"


def explain_refusal(world: World, grant: Grant, collection: str) -> str | None:
    """Returns why a token may not read a list, or None.

    A token needs the list's scope and must act for a Site Admin or the client's service account.
    """
    if get_scope(collection) not in grant.scopes:
        return f"the token does not have the scope {get_scope(collection)}"
    user = world.users.find(grant.user_id) if grant.user_id is not None else None
    if grant.user_id is not None and (user is None or not user.site_admin or user.deactivated):
        return "lists are for Site Admins: the token acts for a user who is none"
    return None


def read(world: World, grant: Grant, name: str, query: list[tuple[str, str]]) -> tuple[list[Row], str | None]:
    """Returns one page, newest id first, and the cursor of the next page.

    Raises: `HarvestError`.
    """
    given = dict(query)
    if len(given) < len(query):
        raise HarvestError(422, "A parameter is given twice.")
    before = None
    if "cursor" in given:
        if len(given) > 1:
            raise HarvestError(422, MIXED)
        opened = cursor.decode(given["cursor"], name, grant.organization_id, world.seed, world.clock.now())
        if opened is None:
            raise HarvestError(422, "The cursor is not valid (any more).")
        before, given = opened
    collection = COLLECTIONS[name]
    wanted = _ListQuery(collection, given)
    rows = [row for row in collection.rows(world, grant.organization_id) if wanted.matches(row)]
    rows.sort(key=lambda row: -row["id"])
    rest = [row for row in rows if before is None or row["id"] < before]
    page = rest[: wanted.per_page]
    following = None
    if len(rest) > len(page):
        about = (name, grant.organization_id, page[-1]["id"], given)
        following = cursor.encode(*about, world.seed, world.clock.now())
    return [wanted.select_fields(row) for row in page], following


class _ListQuery:
    """The validated parameters of a list request."""

    def __init__(self, collection: Collection, given: dict[str, str]) -> None:
        self.per_page = _number(given.get("per_page", str(USUAL_PER_PAGE)), "per_page", MOST_PER_PAGE)
        self._ids: dict[str, set[int]] = {}
        self._words: dict[str, Any] = {}
        self._times: list[tuple[str, str, datetime]] = []
        self._fields: list[str] | None = None
        columns = {"ids": "id", **collection.id_filters}
        for name, text in given.items():
            if name in columns:
                values = _several(text, name)
                self._ids[columns[name]] = {_number(value, name) for value in values}
            elif name in ("created_at", "updated_at"):
                self._times += [(name, *bound) for bound in _bounds(text, name)]
            elif name == "fields":
                self._fields = _several(text, name)
            elif name in collection.word_filters:
                words = collection.word_filters[name]
                if text not in words:
                    raise HarvestError(422, f"{name} must be one of {', '.join(words)}.")
                self._words[name] = words[text]
            elif name != "per_page":
                raise HarvestError(422, f"{name} is not a parameter of this list.")

    def matches(self, row: Row) -> bool:
        """Whether a row passes every filter."""
        return (
            all(row[column] in ids for column, ids in self._ids.items())
            and all(row.get(name, word) == word for name, word in self._words.items())
            and all(_COMPARE[how](_read(row[name]), bound) for name, how, bound in self._times)
        )

    def select_fields(self, row: Row) -> Row:
        """Returns the row with only the requested fields."""
        if self._fields is None:
            return row
        unknown = [name for name in self._fields if name not in row]
        if unknown:
            raise HarvestError(422, f"fields has {unknown[0]}, which is not a field of this list.")
        return {name: row[name] for name in row if name in self._fields}


_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}


def _number(text: str, name: str, most: int = 10**15) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or not 1 <= int(text) <= most:
        raise HarvestError(422, f"{name} must be a whole number from 1{f' to {most}' if most < 10**15 else ''}.")
    return int(text)


def _several(text: str, name: str) -> list[str]:
    values = [value.strip() for value in text.split(",") if value.strip()]
    if not 1 <= len(values) <= MOST_VALUES:
        raise HarvestError(422, f"{name} must have 1 to {MOST_VALUES} values.")
    return values


def _bounds(text: str, name: str) -> list[tuple[str, datetime]]:
    parts = text.split("|")
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    try:
        if len(parts) % 2 or not 1 <= len(pairs) <= 2 or not {how for how, _ in pairs} <= set(_COMPARE):
            raise ValueError(text)
        return [(how, _read(at)) for how, at in pairs]
    except ValueError:
        raise HarvestError(422, f"{name} must be like gte|2026-01-31T00:00:00Z, or two such bounds.") from None


def _read(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def format_time(at: datetime) -> str:
    """Returns a time in Greenhouse's format."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _stamps(record: Application | Candidate | Job | User) -> Row:
    return {"id": record.id, "created_at": format_time(record.created_at), "updated_at": format_time(record.updated_at)}


def _applications(world: World, organization_id: int) -> Iterable[Row]:
    for application in world.applications.all():
        job = world.jobs.get(application.job_id)
        if job.organization_id != organization_id or application.status == "deleted":
            continue
        ended = application.status != "active"
        stage = world.stages.find(application.stage_id)
        yield {
            **_stamps(application),
            "agency_note_id": None,
            "candidate_id": application.candidate_id,
            "coordinator_id": _first(world, organization_id, "coordinator"),
            "job_id": application.job_id,
            "job_post_id": None,
            "recruiter_id": _first(world, organization_id, "recruiter"),
            "referrer_id": None,
            "source_id": None,
            # in Greenhouse stage_id is the application's own stage record, not the stage of the job's plan
            "stage_id": None if ended else application.id * 10**5 + application.stage_id,
            "job_interview_stage_id": None if ended else application.stage_id,
            "stage_name": stage.name if stage else None,
            "status": _STATUS[application.status],
            "needs_decision": False,
            "prospect": False,
            "rejected_at": format_time(application.updated_at) if application.status == "rejected" else None,
            "last_activity_at": format_time(application.updated_at),
            "location_address": None,
            "answers": [],
            "prospective_job_ids": [],
            "custom_fields": {},
        }


def _candidates(world: World, organization_id: int) -> Iterable[Row]:
    for person in world.candidates.all():
        if person.organization_id != organization_id or person.status in ("deleted", "merged"):
            continue
        yield {
            **_stamps(person),
            "first_name": person.first_name,
            "last_name": person.last_name,
            "preferred_name": person.preferred_name,
            "company": None,
            "title": None,
            "last_activity_at": format_time(person.updated_at),
            "private": False,
            "can_email": True,
            "time_zone": None,
            "tags": [],
            "linked_user_ids": [],
            "phone_numbers": [{"value": person.phone_number, "type": "mobile"}] if person.phone_number else [],
            "addresses": [],
            "email_addresses": [{"value": person.email, "type": "personal"}] if person.email else [],
            "website_addresses": [],
            "social_media_addresses": [],
            "custom_fields": {},
        }


def _jobs(world: World, organization_id: int) -> Iterable[Row]:
    for job in world.jobs.all():
        if job.organization_id == organization_id:
            yield {
                **_stamps(job),
                "name": job.name,
                "requisition_id": job.requisition_id,
                "notes": None,
                "confidential": False,
                "status": "open",
                "opened_at": format_time(job.created_at),
                "closed_at": None,
                "is_template": False,
                "copied_from_id": None,
                "department_id": None,
                "office_ids": [],
                "custom_fields": {},
            }


def _members(world: World, organization_id: int, roles: tuple[str, ...]) -> Iterable[tuple[Job, User, Row]]:
    """Yields each user with one of the roles, for each of the customer's jobs."""
    for job in world.jobs.all():
        for user in _colleagues(world, organization_id):
            if job.organization_id == organization_id and user.role in roles:
                made, changed = max(job.created_at, user.created_at), max(job.created_at, user.updated_at)
                times = {"created_at": format_time(made), "updated_at": format_time(changed)}
                yield job, user, {"id": job.id * 10**5 + user.id, **times}


def _job_hiring_managers(world: World, organization_id: int) -> Iterable[Row]:
    for job, user, row in _members(world, organization_id, ("hiring_manager",)):
        yield {**row, "user_id": user.id, "job_id": job.id}


def _job_owners(world: World, organization_id: int) -> Iterable[Row]:
    for job, user, row in _members(world, organization_id, ("recruiter", "coordinator", "sourcer")):
        responsible = user.role != "sourcer" and user.id == _first(world, organization_id, user.role)
        yield {**row, "job_id": job.id, "user_id": user.id, "type": user.role, "responsible": responsible}


def _users(world: World, organization_id: int) -> Iterable[Row]:
    for user in world.users.all():
        if user.organization_id == organization_id:
            yield {
                **_stamps(user),
                "first_name": user.first_name,
                "last_name": user.last_name,
                "primary_email": user.email,
                "job_title": None,
                "agency_id": None,
                "name": user.name,
                "deactivated": user.deactivated,
                "site_admin": user.site_admin,
                "employee_id": None,
                "linked_candidate_ids": [],
                "office_ids": [],
                "department_ids": [],
                "interviewer_tags": [],
                "emails": [user.email],
                "custom_fields": {},
            }


def _colleagues(world: World, organization_id: int) -> list[User]:
    return [one for one in world.users.all() if one.organization_id == organization_id and not one.deactivated]


def _first(world: World, organization_id: int, role: str) -> int | None:
    return next((one.id for one in _colleagues(world, organization_id) if one.role == role), None)


_YES_NO = {"true": True, "false": False}
#: the lists, by the last part of their path
COLLECTIONS = {
    "applications": Collection(
        _applications, {"candidate_ids": "candidate_id", "job_ids": "job_id"}, {"status": STATUSES}
    ),
    "candidates": Collection(_candidates),
    "jobs": Collection(_jobs, word_filters={"status": {"open": "open", "draft": "draft", "closed": "closed"}}),
    "job_hiring_managers": Collection(_job_hiring_managers, {"job_ids": "job_id", "user_ids": "user_id"}),
    "job_owners": Collection(_job_owners, {"job_ids": "job_id", "user_ids": "user_id"}),
    "users": Collection(_users, word_filters={"deactivated": _YES_NO, "show_service_accounts": _YES_NO}),
}
