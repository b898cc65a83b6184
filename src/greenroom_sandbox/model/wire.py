"""Wire settings, faults, the traffic log and the clock's state."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from greenroom_sandbox.model.record import Record

#: longest logged body in bytes
BODY_LIMIT = 64 * 1024

Ats = Literal["greenhouse", "ashby"]
CompletionAuth = Literal["partner", "org_key", "either"]
StatusCheck = Literal["before_answer", "after_answer", "delayed", "never"]
HttpPolicy = Literal["loopback", "allowed", "refused"]
Placement = Literal["first", "last", "naive"]
WireCall = Literal[
    "list_tests",
    "send_test",
    "test_status",
    "response_error",
    "completion",
    "resume",
    "token",
    "harvest",
    "webhook",
    "assessment.list",
    "assessment.start",
    "assessment.cancel",
    "customFields.fetch",
    "customField.list",
    "assessment.update",
    "assessment.addCompletedToCandidate",
]
Target = Literal[WireCall, "any"]
FaultKind = Literal[
    "latency",
    "timeout",
    "reset",
    "wrong_credentials",
    "duplicate",
    "malformed",
    "reorder",
    "status",
    "expired_resume",
    "logical_error",
    "lost_answer",
]
Variant = Literal[
    "invalid_json", "empty", "array", "missing_email", "null_email", "missing_candidate", "missing_test", "missing_url"
]
Verdict = Literal["ok", "malformed", "failed", "refused"]


class WireSettings(BaseModel):
    """The simulator's wire settings; see docs/sandbox.md.

    The defaults are today's Greenhouse, as far as it is documented.
    """

    model_config = ConfigDict(extra="forbid")

    public_url: str | None = None
    http: HttpPolicy = "loopback"
    completion_auth: CompletionAuth = "partner"
    completion_status: Literal[200, 202, 204] = 200
    status_check: StatusCheck = "before_answer"
    status_check_delay_seconds: float = Field(default=5, ge=0, le=10**7)
    accept_later_updates: bool = False
    show_private_result_urls: bool = False
    send_ids: bool = True
    id_type: Literal["integer", "string"] = "integer"
    send_preferred_name: bool = True
    send_sent_by: bool = True
    callback_url: Literal["top", "candidate", "none"] = "top"
    integer_test_ids: bool = False
    interview_id: Placement = "last"
    deadline_seconds: float = Field(default=10, gt=0, le=300)
    refresh_token_hours: float = Field(default=24, gt=0, le=10_000)
    token_expires_in: bool = False
    token_rate_limit: int = Field(default=30, ge=1, le=10**6)
    harvest_rate_limit: int = Field(default=50, ge=1, le=10**6)
    ashby_uuid_ids: bool = True
    ashby_rate_limit: int = Field(default=1000, ge=1, le=10**6)
    reply_limit_bytes: int = Field(default=1024 * 1024, ge=1, le=64 * 1024 * 1024)


class FaultSpec(BaseModel):
    """A fault to inject.

    None means the kind's default; a ``count`` of None means no limit.
    """

    kind: FaultKind
    target: Target | None = None
    count: int | None = Field(None, ge=1)
    skip: int = Field(0, ge=0)
    probability: float = Field(1, gt=0, le=1)
    take_home_id: int | None = None
    assessment_id: str | None = Field(None, max_length=100)
    seconds: float | None = Field(None, ge=0, le=3600)
    variant: Variant = "invalid_json"
    status: int = Field(500, ge=300, le=599)
    retry_after: int | None = Field(None, ge=0)
    code: str = Field("internal_error", min_length=1, max_length=100)
    message: str = Field("An injected fault refused this request.", min_length=1, max_length=1000)


class Fault(Record):
    """An injected fault.

    ``count`` is the number of hits left, None without a limit. The first ``skip`` matching calls pass, then each is
    hit with ``probability``; ``seen`` counts every matching call.
    """

    kind: FaultKind
    target: Target
    count: int | None = None
    skip: int = 0
    probability: float = 1
    take_home_id: int | None = None
    assessment_id: str | None = None
    seconds: float = 1
    variant: Variant = "invalid_json"
    status: int = 500
    retry_after: int | None = None
    code: str = "internal_error"
    message: str = ""
    seen: int = 0
    hits: int = 0


class Exchange(Record):
    """One HTTP request and its reply, in either direction.

    ``status`` is None without a reply. ``rules`` name the rules that the partner's reply broke, ``problems`` describe
    how. ``request_cut`` is true when the log has only a part of the request body.
    """

    at: datetime
    ats: Ats = "greenhouse"
    direction: Literal["to_partner", "from_partner"]
    call: WireCall
    partner_id: int | None = None
    organization_id: int | None = None
    take_home_id: int | None = None
    assessment_id: str | None = None
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    request_cut: bool = False
    status: int | None = None
    reply_headers: dict[str, str] = Field(default_factory=dict)
    reply_body: str = ""
    ms: float = 0
    verdict: Verdict = "ok"
    problems: list[str] = Field(default_factory=list)
    rules: list[str] = Field(default_factory=list)
    remarks: list[str] = Field(default_factory=list)
    fault: str | None = None
    replay_of: int | None = None

    @property
    def length(self) -> int:
        """The number of characters that count towards the limit of the log."""
        return len(self.request_body) + len(self.reply_body)


class ClockState(BaseModel):
    """The clock's state: an offset to real time, or a time at which it is frozen."""

    offset_seconds: float = 0
    frozen_at: datetime | None = None
