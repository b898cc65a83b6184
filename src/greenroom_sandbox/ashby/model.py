"""Ashby's records. Their ids are UUIDs for partners and for the simulator's API, see `make_uuid`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from greenroom_sandbox.errors import NotFound
from greenroom_sandbox.model.record import Record

ApplicationStatus = Literal["Hired", "Archived", "Active", "Lead"]
FieldsCall = Literal["customFields.fetch", "customField.list"]
State = Literal["starting", "failed", "refused", "sent", "started", "completed", "cancelled"]
ValueType = Literal["numeric_score", "numeric_duration_minutes", "url", "string", "boolean_success"]
#: states in which an assessment waits for its result
OPEN_STATES: tuple[State, ...] = ("sent", "started")
#: the first group of a UUID by kind of record
_PREFIXES = {
    "organization": 0xA5B10001,
    "user": 0xA5B10002,
    "job": 0xA5B10003,
    "candidate": 0xA5B10004,
    "application": 0xA5B10005,
    "partner": 0xA5B10006,
    "assessment": 0xA5B10007,
    "API key": 0xA5B10008,
}


def make_uuid(kind: str, number: int) -> str:
    """Returns the UUID of a record; it has the shape of version 4 and is the same in every run."""
    return f"{_PREFIXES[kind]:08x}-0000-4000-8000-{number:012d}"


def parse_uuid(kind: str, text: str) -> int:
    """Returns the number of the record with a UUID. Raises: `NotFound`."""
    number = text[-12:]
    if number.isascii() and number.isdigit() and text.lower() == make_uuid(kind, int(number)):
        return int(number)
    raise NotFound(f"there is no {kind} {text[:40]!r}")


class Organization(Record):
    """A customer of Ashby."""

    name: str


class User(Record):
    """A user at a customer."""

    organization_id: int
    first_name: str
    last_name: str
    email: str

    @property
    def name(self) -> str:
        """The first and last name as a page shows them."""
        return f"{self.first_name} {self.last_name}".strip()


class TeamMember(BaseModel):
    """A user's role in a job's hiring team."""

    user_id: int
    role: str


class Job(Record):
    """A job with its hiring team."""

    organization_id: int
    name: str
    req_id: str | None = None
    hiring_team: list[TeamMember] = Field(default_factory=list)


class Candidate(Record):
    """A candidate."""

    organization_id: int
    first_name: str
    last_name: str
    email: str

    @property
    def name(self) -> str:
        """The first and last name as a page shows them."""
        return f"{self.first_name} {self.last_name}".strip()


class Application(Record):
    """A candidate's application for one job."""

    candidate_id: int
    job_id: int
    status: ApplicationStatus = "Active"


class Partner(Record):
    """A partner: its base URL, from onboarding, and the optional calls that Ashby makes to it.

    ``partner_id`` is the id that the partner sends with ``assessment.addCompletedToCandidate``.
    """

    name: str
    base_url: str
    partner_id: str
    cancel: bool = True
    custom_fields: FieldsCall | None = "customFields.fetch"
    launched: bool = True


class AssessmentType(BaseModel):
    """One entry of ``assessment.list``."""

    assessment_type_id: str
    name: str
    description: str | None = None


class Choice(BaseModel):
    """A possible value of a custom field."""

    key: str
    value: str


class CustomField(BaseModel):
    """A field that the recruiter fills in when an assessment is started."""

    id: str
    name: str
    type: str
    possible_values: list[Choice] = Field(default_factory=list)
    required: bool = False


class Connection(Record):
    """A customer's integration with a partner: the partner API key, and what was read from the partner last."""

    organization_id: int
    partner_id: int
    key: str | None = None
    enabled: bool = False
    refreshed_at: datetime | None = None
    assessment_types: list[AssessmentType] = Field(default_factory=list)
    synced_at: datetime | None = None
    custom_fields: list[CustomField] = Field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether the customer's recruiters may start assessments."""
        return self.enabled and self.key is not None


class ApiKey(Record):
    """A key with which a partner calls Ashby for one customer; an admin makes it in the integration's dialog."""

    connection_id: int
    name: str
    key: str
    permissions: list[str]
    enabled: bool = True


class Value(BaseModel):
    """A labelled value of an update."""

    identifier: str
    label: str
    description: str | None = None
    type: ValueType
    value: str | int | float | bool


class Update(BaseModel):
    """A well-formed ``assessment.update``. Source: Ashby, assessment.update."""

    assessment_id: str
    timestamp: int
    assessment_status: Value | None = None
    assessment_profile_url: Value | None = None
    assessment_result: Value | None = None
    cancelled_reason: Value | None = None
    metadata: list[Value] = Field(default_factory=list)


class Assessment(Record):
    """An assessment of one candidate.

    ``partner_assessment_id`` is the partner's ``assessment_id``. ``message`` is the text for the recruiter after a
    start or a cancellation that did not work. ``application_id`` is None for a result that the partner added without
    an order.
    """

    organization_id: int
    partner_id: int
    candidate_id: int
    application_id: int | None = None
    user_id: int | None = None
    type_id: str
    type_name: str
    additional_fields: dict[str, object] = Field(default_factory=dict)
    state: State = "starting"
    message: str | None = None
    exchange_id: int | None = None
    partner_assessment_id: str | None = None
    sent_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancelled_by_recruiter: bool = False
    timestamp: int | None = None
    status: Value | None = None
    profile_url: Value | None = None
    result: Value | None = None
    cancelled_reason: Value | None = None
    metadata: list[Value] = Field(default_factory=list)
    update_count: int = 0
