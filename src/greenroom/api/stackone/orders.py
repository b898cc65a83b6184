"""The unified order body: an order that a vendor places itself, for tests without an ATS."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from greenroom.api.shapes import MOST, example
from greenroom.errors import Invalid
from greenroom.model.orders import EMAIL_LIMIT, Candidate, OrderRequest, digest


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _without_nul(value: object) -> object:
    value = _text(value)
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("has a NUL character")
    return value


#: limit of e-mail addresses of one candidate
MOST_EMAILS = 20
_Limited = Annotated[str, Field(max_length=10_000)]
_Address = Annotated[str, Field(max_length=EMAIL_LIMIT)]
Text = Annotated[_Limited | None, BeforeValidator(_without_nul, json_schema_input_type=_Limited | float | None)]


Email = Annotated[_Address | None, BeforeValidator(_without_nul, json_schema_input_type=_Address | float | None)]


class OrderedPackageBody(BaseModel):
    """The package that is ordered, by `id` (or `remote_id`)."""

    id: Text = Field(None, description="Your id of the package.")
    remote_id: Text = Field(None, description="The same.")
    name: Text = Field(None, description="Ignored: the list has the name.")


class EmailBody(BaseModel):
    """An e-mail address."""

    type: Text = Field(None, description="Such as `personal`.")
    value: Email = Field(None, description="The address.")


class CandidateBody(BaseModel):
    """The candidate."""

    id: Text = Field(None, description="The id at the ATS.")
    remote_id: Text = Field(None, description="The id at the ATS.")
    first_name: Text = Field(None, description="First name.")
    last_name: Text = Field(None, description="Last name.")
    emails: list[EmailBody] | None = Field(None, max_length=MOST_EMAILS, description="The first one is used.")
    profile_url: Text = Field(None, description="The candidate's page in the ATS.")


class IdBody(BaseModel):
    """A reference to one of the ATS's records."""

    id: Text = Field(None, description="The id at the ATS.")
    remote_id: Text = Field(None, description="The id at the ATS.")


class MemberBody(BaseModel):
    """A person at the customer: the requester, or a member of the hiring team."""

    user_id: Text = Field(None, description="The ATS's id of the user.")
    remote_user_id: Text = Field(None, description="The same.")
    first_name: Text = Field(None, description="First name.")
    last_name: Text = Field(None, description="Last name.")
    email: Email = Field(None, description="E-mail address.")
    role: Text = Field(None, description="Such as `recruiter`.")


class JobBody(IdBody):
    """The job."""

    title: Text = Field(None, description="The job's title.")
    hiring_team: list[MemberBody] | None = Field(None, max_length=MOST, description="Its members.")


class OrderBody(BaseModel):
    """An order; unknown fields are ignored."""

    model_config = example(
        id="try-1",
        package={"id": "pkg_core_sql"},
        candidate={
            "first_name": "Ada",
            "last_name": "Nguyễn",
            "emails": [{"type": "personal", "value": "ada@example.com"}],
        },
    )

    id: Text = Field(
        None,
        description="Your own id: the same one again gives the same order. Without one, only an identical request "
        "within two minutes does.",
    )
    package: OrderedPackageBody | None = Field(None, description="What is ordered.")
    application: IdBody | None = Field(None, description="The application that it is for.")
    job: JobBody | None = Field(None, description="The job.")
    candidate: CandidateBody | None = Field(None, description="The person to test or check.")
    requester: MemberBody | None = Field(None, description="Who orders.")
    passthrough: dict[str, Any] | None = Field(None, description="Anything that the event should carry.")


def request_of(body: OrderBody, sent: object) -> OrderRequest:
    """
    Returns the order request that a body describes; `sent` is its JSON, including ignored fields.

    Raises:
        Invalid: the package or the candidate's e-mail address is missing.
    """
    package, person = body.package or OrderedPackageBody(), body.candidate or CandidateBody()
    email = next((one.value for one in person.emails or () if one.value and "@" in one.value), None)
    faults = []
    package_id = package.id or package.remote_id
    if not package_id:
        faults.append("package.id: required")
    if not email:
        faults.append("candidate.emails: required, with at least one e-mail address")
    if faults or not package_id or not email:
        raise Invalid("; ".join(faults), errors=faults)
    application, job = body.application or IdBody(), body.job or JobBody()
    job_id = job.remote_id or job.id
    team = [one.model_dump() for one in job.hiring_team] if job.hiring_team is not None else None
    return OrderRequest(
        package_id=package_id,
        candidate=Candidate(
            email=email,
            first_name=person.first_name,
            last_name=person.last_name,
            profile_url=person.profile_url,
            remote_id=person.remote_id or person.id,
        ),
        dedupe_key=f"api:{body.id[:200]}" if body.id else None,
        application_remote_id=application.remote_id or application.id,
        job={"id": job_id, "title": job.title, "hiring_team": team} if body.job else None,
        requester_email=body.requester.email if body.requester else None,
        passthrough=body.passthrough,
        fingerprint="" if body.id else digest(sent),
    )
