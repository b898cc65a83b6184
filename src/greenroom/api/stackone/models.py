"""
Response models of the unified API: every field may be null; fields that the caller did not request are left out.

Source: StackOne's published OpenAPI document for its unified ATS API.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from greenroom.model.events import stamp
from greenroom.model.results import Result, Verdict

T = TypeVar("T")


class RawResponse(BaseModel):
    """A call that the gateway made to serve a request; bodies are JSON or text, credentials are masked."""

    method: str = Field(description="The method.")
    url: str = Field(description="The URL.")
    body: Any = Field(None, description="What was sent.")
    response: Any = Field(None, description="What came back.")


class UnifiedPage(BaseModel, Generic[T]):
    """A page of records; `next` is null on the last page."""

    data: list[T] = Field(description="The records.")
    next: str | None = Field(None, description="Pass it as `next` to get the following page.")
    next_page: str | None = Field(None, description="Always null; later versions of the contract have only `next`.")
    raw: list[RawResponse] | None = Field(None, description="With `raw=true`.")


class UnifiedRecord(BaseModel, Generic[T]):
    """One record."""

    data: T
    raw: list[RawResponse] | None = Field(None, description="With `raw=true`.")


class UnifiedWarning(BaseModel):
    """A warning about a successful write."""

    message: str = Field(description="What to know.")


class UpdateResult(BaseModel):
    """The answer to a successful write."""

    statusCode: int = Field(examples=[200], description="The status once more.")  # noqa: N815 - the unified API's own spelling
    message: str = Field(examples=["Record updated successfully."], description="What was done.")
    timestamp: str = Field(examples=["2026-11-24T10:15:00.000Z"], description="When.")
    unified_warnings: list[UnifiedWarning] | None = Field(None, description="Left out when there are none.")


class CreatedIds(BaseModel):
    """The ids of a created record."""

    id: str | None = Field(description="The record's id.")
    remote_id: str | None = Field(description="The record's id at its source.")


class CreateResult(UpdateResult):
    """The answer to a successful creation."""

    data: CreatedIds


class DeleteResult(BaseModel):
    """The answer to a successful deletion, sent with status 200, since 204 has no body."""

    statusCode: int = Field(examples=[204], description="Always 204.")  # noqa: N815 - the unified API's own spelling
    message: str = Field(examples=["Record deleted successfully."], description="What was done.")
    timestamp: str = Field(examples=["2026-11-24T10:15:00.000Z"], description="When.")


class OrderPlaced(BaseModel):
    """The answer to a placed order; flat, without `data`."""

    id: str | None = Field(description="The order's id.")
    remote_id: str | None = Field(description="The order's id at its ATS; null here.")
    test_url: str | None = Field(description="Always null: you invite the candidate.")


class UnifiedTest(BaseModel):
    """One check of a background-check package."""

    id: str | None = Field(None, description="Your id of the check.")
    remote_id: str | None = Field(None, description="Your id of the check.")
    name: str | None = Field(None, description="The check's name.")
    description: str | None = Field(None, description="Your description.")


class AssessmentPackage(BaseModel):
    """A package."""

    id: str | None = Field(None, description="Your id of the package.")
    remote_id: str | None = Field(None, description="Your id of the package.")
    name: str | None = Field(None, description="The name that recruiters see.")
    description: str | None = Field(None, description="Your description.")


class BackgroundCheckPackage(AssessmentPackage):
    """A package with its checks."""

    tests: list[UnifiedTest] | None = Field(None, description="The checks in the package.")


class UnifiedEnum(BaseModel):
    """A unified value and the source's own."""

    value: str | None = Field(None, description="The unified value.")
    source_value: Any = Field(None, description="The source's own value, where it has one.")


class Member(BaseModel):
    """A person at the customer: the requester, or a member of the hiring team."""

    user_id: str | None = Field(None, description="The ATS's id of the user.")
    remote_user_id: str | None = Field(None, description="The ATS's id of the user.")
    first_name: str | None = Field(None, description="First name.")
    last_name: str | None = Field(None, description="Last name.")
    email: str | None = Field(None, description="E-mail address.")
    role: str | None = Field(None, description="Such as `recruiter` or `hiring_manager`.")


class UnifiedApplication(BaseModel):
    """The application that the order is for."""

    id: str | None = Field(None, description="The ATS's id.")
    remote_id: str | None = Field(None, description="The ATS's id.")
    application_status: UnifiedEnum | None = Field(
        None, description="How far the application is, where the ATS says so."
    )


class UnifiedJob(BaseModel):
    """The job that the candidate applied for."""

    id: str | None = Field(None, description="The ATS's id.")
    remote_id: str | None = Field(None, description="The ATS's id.")
    title: str | None = Field(None, description="The job's title.")
    hiring_team: list[Member] | None = Field(
        None, description="Empty: the job has none. Null: unknown; see enrichment."
    )
    passthrough: dict[str, Any] | None = Field(None, description="The ATS's own values, such as each member's role.")


class UnifiedEmail(BaseModel):
    """An e-mail address."""

    type: str | None = Field(None, description="`personal`, or the ATS's word.")
    value: str | None = Field(None, description="The address.")


class UnifiedCandidate(BaseModel):
    """The person to test, as the ATS sent them."""

    id: str | None = Field(None, description="The ATS's id.")
    remote_id: str | None = Field(None, description="The ATS's id.")
    first_name: str | None = Field(None, description="As the ATS sent it.")
    last_name: str | None = Field(None, description="As the ATS sent it.")
    emails: list[UnifiedEmail] | None = Field(None, description="The address that the ATS wants used comes first.")
    profile_url: str | None = Field(None, description="The candidate's page in the ATS.")
    passthrough: dict[str, Any] | None = Field(None, description="preferred_name, phone_number, resume_url.")


class OrderEnrichment(BaseModel):
    """How much of job, hiring team, requester and application was read from the ATS's own API."""

    status: Literal["complete", "partial", "none"] = Field(
        description="Whether everything, a part or nothing was found."
    )
    reason: str | None = Field(
        None,
        description="Why something is missing: a code of docs/harvest.md, such as hiring_team.late; or null.",
        examples=["hiring_team.partner_only"],
    )
    at: str = Field(description="When the status was set.", examples=["2026-11-24T10:15:02.000Z"])


class UnifiedOrder(BaseModel):
    """An order, as its event carries it; the flat ids equal the nested ones."""

    id: str | None = Field(None, description="The order's id.")
    remote_id: str | None = Field(None, description="The order's id at its ATS; null for an order that you placed.")
    package: AssessmentPackage | None = Field(None, description="What was ordered.")
    application: UnifiedApplication | None = Field(None, description="The application that the order is for.")
    job: UnifiedJob | None = Field(None, description="The job that the candidate applied for.")
    candidate: UnifiedCandidate | None = Field(None, description="The person to test or check.")
    requester: Member | None = Field(None, description="The person who ordered.")
    results_update_url: str | None = Field(None, description="Where you send the result with PATCH.")
    passthrough: dict[str, Any] | None = Field(None, description="What an ATS or a vendor gave along.")
    application_id: str | None = Field(None, description="`application.id` once more.")
    candidate_id: str | None = Field(None, description="`candidate.id` once more.")
    job_id: str | None = Field(None, description="`job.id` once more.")
    package_id: str | None = Field(None, description="`package.id` once more.")
    enrichment: OrderEnrichment | None = Field(
        None, description="How much was read from the ATS's own API; null for older orders."
    )


class UnifiedScore(BaseModel):
    """A score in the vendor's own notation."""

    label: str | None = Field(None, description="Free text.")
    value: str | None = Field(None, examples=["82.5"], description="A decimal number.")
    min: str | None = Field(None, description="The lowest possible score.")
    max: str | None = Field(None, description="The highest possible score.")


class UnifiedVerdict(BaseModel):
    """A unified enum: the unified value and the vendor's own."""

    value: Verdict | None = Field(None, description="The unified verdict.")
    source_value: str | None = Field(None, description="Your own word for it.")


class UnifiedAttachment(BaseModel):
    """A file that belongs to the result."""

    url: str | None = Field(None, description="The file's address.")
    content_type: UnifiedEnum | None = Field(None, description="The kind of file.")


class UnifiedPerson(BaseModel):
    """The candidate at the vendor."""

    id: str | None = Field(None, description="Your id of the candidate.")
    profile_url: str | None = Field(None, description="The candidate's page with you.")


class UnifiedResult(BaseModel):
    """The vendor's result of an order. Times are converted to UTC."""

    score: UnifiedScore | None = Field(None, description="The score.")
    start_date: str | None = Field(None, examples=["2026-11-03T09:05:00.000Z"], description="When the candidate began.")
    submission_date: str | None = Field(
        None, examples=["2026-11-03T09:51:00.000Z"], description="When the candidate finished."
    )
    summary: str | None = Field(None, description="Notes for the recruiter.")
    result: UnifiedVerdict | None = Field(
        None, description="The verdict; `initiated` and `in_progress` report progress, any other one ends the order."
    )
    result_url: str | None = Field(None, description="The report's page, which the recruiter opens.")
    attachments: list[UnifiedAttachment] | None = Field(None, description="Files that belong to the result.")
    candidate: UnifiedPerson | None = Field(None, description="The candidate at the vendor.")


class OrderResult(UnifiedResult):
    """An order's result with the order's ids."""

    id: str | None = Field(None, description="The order's id.")
    remote_id: str | None = Field(None, description="The order's id at its ATS.")


def unified_result(result: Result) -> UnifiedResult:
    """Returns a result in the unified read model."""
    plain = result.as_dict()
    return UnifiedResult(
        score=plain["score"],
        start_date=stamp(result.start_date) if result.start_date else None,
        submission_date=stamp(result.submission_date) if result.submission_date else None,
        summary=result.summary,
        result=UnifiedVerdict(value=result.verdict, source_value=result.verdict_source),
        result_url=result.result_url,
        attachments=plain["attachments"],
        candidate=plain["candidate"],
    )
