"""A test for one candidate. Greenhouse calls it a take-home test."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from greenroom_sandbox.model.record import Record

Primitive = str | int | float | bool | None
Status = Literal["scheduled", "sending", "failed", "sent", "received"]
Stopped = Literal["complete", "hired", "eight_weeks", "deleted"]


class StatusReply(BaseModel):
    """A well-formed reply to ``test_status``. Source: Greenhouse Assessment API, Test Status."""

    complete: bool
    profile_url: str | None = None
    score: int | float | None = None
    metadata: dict[str, Primitive] = Field(default_factory=dict)


class Result(BaseModel):
    """A partner's ``complete`` reply; metadata verbatim and in the partner's order."""

    profile_url: str
    score: int | float | None
    metadata: dict[str, Primitive]
    received_at: datetime


class TakeHome(Record):
    """A test for one candidate.

    ``id`` is the last part of the call-back URL; every send, also a resend, has a new one.
    """

    url: str
    status: Status
    partner_id: int
    organization_id: int
    application_id: int
    candidate_id: int
    job_id: int
    stage_id: int
    test_id: str
    test_name: str
    to: str
    sender_id: int
    sent_by: str
    grader_ids: list[int]
    created_at: datetime
    send_at: datetime | None = None
    sent_at: datetime | None = None
    resend_of: int | None = None
    partner_interview_id: str | None = None
    polls: int = 0
    next_poll_at: datetime | None = None
    check_at: datetime | None = None
    polling_stopped: Stopped | None = None
    held: StatusReply | None = None
    result: Result | None = None
