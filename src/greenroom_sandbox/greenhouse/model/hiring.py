"""A customer of Greenhouse: its organization, people, jobs, interview plans, candidates and applications."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from greenroom_sandbox.model.record import Record, Stamped

Role = Literal["recruiter", "hiring_manager", "grader", "coordinator", "sourcer"]
StageKind = Literal[
    "application_review", "phone_interview", "face_to_face", "reference_check", "take_home_test", "partner", "offer"
]
ApplicationStatus = Literal["active", "rejected", "hired", "deleted"]
CandidateStatus = Literal["present", "deleted", "anonymized", "merged"]


class Organization(Record):
    """A customer; a partner identifies it by the key that the partner issued."""

    name: str


class User(Stamped):
    """A user at a customer, on the hiring team of every job in the user's role."""

    organization_id: int
    first_name: str
    last_name: str
    email: str
    role: Role = "recruiter"
    site_admin: bool = False
    deactivated: bool = False

    @property
    def name(self) -> str:
        """The first and last name as a page shows them."""
        return f"{self.first_name} {self.last_name}".strip()


class Job(Stamped):
    """An opening.

    Its interview plan consists of the stages with its id, in order of position.
    """

    organization_id: int
    name: str
    requisition_id: str | None = None
    department: str | None = None
    office: str | None = None


class Stage(Record):
    """One stage of a job's interview plan. Only stages of kind ``partner`` can send tests."""

    job_id: int
    name: str
    kind: StageKind
    position: int
    partner_id: int | None = None
    default_test_id: str | None = None
    default_test_name: str | None = None
    grader_ids: list[int] = Field(default_factory=list)
    send_on_entry: bool = False


class Candidate(Stamped):
    """A candidate.

    ``merged_into`` is the id of the surviving candidate after a merge. ``resume_url`` is sent unchanged; without it,
    the simulator serves the text ``resume`` as a PDF.
    """

    organization_id: int
    first_name: str
    last_name: str
    preferred_name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    resume: str | None = None
    status: CandidateStatus = "present"
    merged_into: int | None = None

    @property
    def name(self) -> str:
        """The first and last name as a page shows them."""
        return f"{self.first_name} {self.last_name}".strip()


class Application(Stamped):
    """A candidate's application for one job."""

    candidate_id: int
    job_id: int
    stage_id: int
    stage_since: datetime
    status: ApplicationStatus = "active"
