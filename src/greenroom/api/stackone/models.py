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

    method: str
    url: str
    body: Any = None
    response: Any = None


class UnifiedPage(BaseModel, Generic[T]):
    """A page of records; `next` is null on the last page."""

    data: list[T]
    next: str | None = Field(None, description="Pass it as `next` to get the following page.")
    next_page: str | None = Field(None, description="Always null; later versions of the contract have only `next`.")
    raw: list[RawResponse] | None = Field(None, description="With `raw=true`.")


class UnifiedRecord(BaseModel, Generic[T]):
    """One record."""

    data: T
    raw: list[RawResponse] | None = Field(None, description="With `raw=true`.")


class UnifiedWarning(BaseModel):
    """A warning about a successful write."""

    message: str


class UpdateResult(BaseModel):
    """The answer to a successful write."""

    statusCode: int = Field(examples=[200])  # noqa: N815 - the unified API's own spelling
    message: str = Field(examples=["Record updated successfully."])
    timestamp: str = Field(examples=["2026-11-24T10:15:00.000Z"])
    unified_warnings: list[UnifiedWarning] | None = Field(None, description="Left out when there are none.")


class CreatedIds(BaseModel):
    """The ids of a created record."""

    id: str | None
    remote_id: str | None


class CreateResult(UpdateResult):
    """The answer to a successful creation."""

    data: CreatedIds


class DeleteResult(BaseModel):
    """The answer to a successful deletion, sent with status 200, since 204 has no body."""

    statusCode: int = Field(examples=[204])  # noqa: N815 - the unified API's own spelling
    message: str = Field(examples=["Record deleted successfully."])
    timestamp: str = Field(examples=["2026-11-24T10:15:00.000Z"])


class OrderPlaced(BaseModel):
    """The answer to a placed order; flat, without `data`."""

    id: str | None
    remote_id: str | None
    test_url: str | None


class UnifiedTest(BaseModel):
    """One check of a background-check package."""

    id: str | None = None
    remote_id: str | None = None
    name: str | None = None
    description: str | None = None


class AssessmentPackage(BaseModel):
    """A package."""

    id: str | None = None
    remote_id: str | None = None
    name: str | None = None
    description: str | None = None


class BackgroundCheckPackage(AssessmentPackage):
    """A package with its checks."""

    tests: list[UnifiedTest] | None = None


class UnifiedEnum(BaseModel):
    """A unified value and the source's own."""

    value: str | None = None
    source_value: Any = None


class Member(BaseModel):
    """A person at the customer: the requester, or a member of the hiring team."""

    user_id: str | None = None
    remote_user_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    role: str | None = None


class UnifiedApplication(BaseModel):
    """The application that the order is for."""

    id: str | None = None
    remote_id: str | None = None
    application_status: UnifiedEnum | None = None


class UnifiedJob(BaseModel):
    """The job that the candidate applied for."""

    id: str | None = None
    remote_id: str | None = None
    title: str | None = None
    hiring_team: list[Member] | None = Field(
        None, description="Empty: the job has none. Null: unknown; see enrichment."
    )
    passthrough: dict[str, Any] | None = Field(None, description="The ATS's own values, such as each member's role.")


class UnifiedEmail(BaseModel):
    """An e-mail address."""

    type: str | None = None
    value: str | None = None


class UnifiedCandidate(BaseModel):
    """The person to test, as the ATS sent them."""

    id: str | None = None
    remote_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    emails: list[UnifiedEmail] | None = None
    profile_url: str | None = None
    passthrough: dict[str, Any] | None = Field(None, description="preferred_name, phone_number, resume_url.")


class OrderEnrichment(BaseModel):
    """How much of job, hiring team, requester and application was read from the ATS's own API."""

    status: Literal["complete", "partial", "none"]
    reason: str | None = Field(
        None,
        description="Why something is missing: a code of docs/harvest.md, such as hiring_team.late; or null.",
        examples=["hiring_team.partner_only"],
    )
    at: str = Field(description="When the status was set.", examples=["2026-11-24T10:15:02.000Z"])


class UnifiedOrder(BaseModel):
    """An order, as its event carries it; the flat ids equal the nested ones."""

    id: str | None = None
    remote_id: str | None = None
    package: AssessmentPackage | None = None
    application: UnifiedApplication | None = None
    job: UnifiedJob | None = None
    candidate: UnifiedCandidate | None = None
    requester: Member | None = None
    results_update_url: str | None = None
    passthrough: dict[str, Any] | None = None
    application_id: str | None = None
    candidate_id: str | None = None
    job_id: str | None = None
    package_id: str | None = None
    enrichment: OrderEnrichment | None = None


class UnifiedScore(BaseModel):
    """A score in the vendor's own notation."""

    label: str | None = None
    value: str | None = Field(None, examples=["82.5"])
    min: str | None = None
    max: str | None = None


class UnifiedVerdict(BaseModel):
    """A unified enum: the unified value and the vendor's own."""

    value: Verdict | None = None
    source_value: str | None = None


class UnifiedAttachment(BaseModel):
    """A file that belongs to the result."""

    url: str | None = None
    content_type: UnifiedEnum | None = None


class UnifiedPerson(BaseModel):
    """The candidate at the vendor."""

    id: str | None = None
    profile_url: str | None = None


class UnifiedResult(BaseModel):
    """The vendor's result of an order. Times are converted to UTC."""

    score: UnifiedScore | None = None
    start_date: str | None = Field(None, examples=["2026-11-03T09:05:00.000Z"])
    submission_date: str | None = Field(None, examples=["2026-11-03T09:51:00.000Z"])
    summary: str | None = None
    result: UnifiedVerdict | None = None
    result_url: str | None = None
    attachments: list[UnifiedAttachment] | None = None
    candidate: UnifiedPerson | None = None


class OrderResult(UnifiedResult):
    """An order's result with the order's ids."""

    id: str | None = None
    remote_id: str | None = None


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
