"""Orders: their content, their status and the allowed transitions. No I/O."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from greenroom.errors import Conflict
from greenroom.model.enrichment import Enrichment
from greenroom.model.funnel import Reached, Stage
from greenroom.model.results import ENDS, PROGRESS, Outcome, Result, difference

Category = Literal["assessments", "background_checks"]
Status = Literal[
    "received", "accepted", "invited", "in_progress", "completed", "rejected", "cancelled", "expired", "error"
]
AtsDelivery = Literal["pending", "sent", "acknowledged", "refused"]
#: who placed an order: the ATS, the vendor through the API, or the vendor with a result for which there was no order
OrderSource = Literal["ats", "api", "result"]

#: status of an application, as its ATS reported it
ApplicationStatus = Literal["active", "hired", "rejected", "deleted"]
#: extent of stored orders; minimal: only the fields that a vendor needs, see `OrderRequest.minimal`
Storage = Literal["full", "minimal"]

#: statuses before the end of an order; an order only moves forward in this sequence
LINE: tuple[Status, ...] = ("received", "accepted", "invited", "in_progress")
FINAL: frozenset[Status] = frozenset({"completed", "rejected", "cancelled", "expired", "error"})

#: stages of the funnel that a status of the vendor's reaches
REACHES: dict[Status, Stage] = {"invited": "invited", "in_progress": "started"}

#: longest e-mail address in characters: 64 before the @, 255 after it
EMAIL_LIMIT = 320

#: pattern of an order's id, to find ids within a text
ID = re.compile(r"ord_[0-9a-z]{26}")

#: compared parts of an order: paths in the unified body, and the fields of `OrderRequest`
_ASKED = {
    "package.id": "package_id",
    "candidate": "candidate",
    "application.id": "application_remote_id",
    "job": "job",
    "requester.email": "requester_email",
    "passthrough": "passthrough",
}


def digest(*parts: Any) -> str:
    """Returns a SHA-256 over JSON values; the order of keys makes no difference."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Candidate:
    """The candidate as the ATS sent them: nothing is trimmed or changed."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    preferred_name: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    profile_url: str | None = None
    remote_id: str | None = None


@dataclass(frozen=True)
class OrderRequest:
    """
    A request for an order, which a connector translates from the ATS's own format.

    `dedupe_key` is the id that the ATS or the vendor gave the order. Without one, a request with the same `fingerprint`
    (a digest of the received request, not stored) within `services.placing.REPEAT_WINDOW` is a repeat.
    With `one_at_a_time` no request is a repeat: another one with the key of an open order is refused.
    `remote_id` is the order's id at the ATS, where that is not the key.
    `callback_problem` says why `callback_url` will never be called. `raw` is the ATS's body without credentials.
    """

    package_id: str
    candidate: Candidate
    dedupe_key: str | None = None
    application_remote_id: str | None = None
    job: dict[str, Any] | None = None
    requester_email: str | None = None
    callback_url: str | None = None
    callback_problem: str | None = None
    passthrough: dict[str, Any] | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    one_at_a_time: bool = False
    remote_id: str | None = None

    @property
    def dedupe_keys(self) -> tuple[str, ...]:
        """
        Lists the possible keys of this order; a key is used if another order has the key before it.

        The whole callback URL identifies an ATS's order. The id at the end of the URL comes first all the same:
        processes of the previous version know no other key, and the id is unique if an ATS names its tests by it.
        """
        if self.dedupe_key is None:
            return (f"same:{self.fingerprint}",)
        if self.callback_url is None:
            return (self.dedupe_key,)
        everything = digest(self.callback_url, self.candidate.email.casefold(), self.package_id)
        return (self.dedupe_key, f"url:{digest(self.callback_url)}", f"same:{everything}")

    def differs_from(self, other: OrderRequest) -> str | None:
        """Returns the first field in which two requests differ, as its path in the unified body, or None."""
        for path, name in _ASKED.items():
            if getattr(self, name) != getattr(other, name):
                return path
        return None

    def minimal(self) -> OrderRequest:
        """
        Returns the request with the fields alone that a vendor needs to invite the candidate.

        Kept are the names and the e-mail address of the candidate, the ids, the title of the job, the callback URL and
        `passthrough`, which the vendor chose or asked for.
        """
        return replace(
            self,
            candidate=replace(self.candidate, phone_number=None, resume_url=None, profile_url=None),
            job={name: self.job.get(name) for name in ("id", "title")} if self.job else None,
            requester_email=None,
            raw={},
        )

    def with_callback_problem(self, problem: str | None) -> OrderRequest:
        """Returns the request with the reason why its result cannot be pushed; itself for None."""
        return replace(self, callback_problem=problem) if problem else self


@dataclass(frozen=True)
class Order:
    """
    One test or check of one candidate. Times are aware UTC.

    `package_name` is the name that the list had when the order was placed. The store sets `previous_id`. After
    `erased_at` the order has no personal data: the candidate's e-mail is empty, and only `callback_hash` is left of the
    callback URL. `held_at` is the time since when the order's event is held because no enabled webhook subscribes to
    it, or None. `update_ms` is the time of its newest update for the ATS, in ms since 1970. `store` is the
    setting of its integration when it was placed. `application_status` is the ATS's last word on the
    candidate's application, or None. `enrichment` is None for orders of earlier versions and for results without an
    order. `reached` has the stages of the funnel that the latest change reached for the first time; it is not stored.
    """

    id: str
    project_id: str
    account_id: str
    provider: str
    category: Category
    source: OrderSource
    request: OrderRequest
    package_name: str | None
    created_at: datetime
    updated_at: datetime
    previous_id: str | None = None
    status: Status = "received"
    status_message: str | None = None
    outcome: Outcome = "none"
    delivery: AtsDelivery = "pending"
    delivery_detail: str | None = None
    result: Result | None = None
    invited_at: datetime | None = None
    started_at: datetime | None = None
    result_at: datetime | None = None
    acknowledged_at: datetime | None = None
    erased_at: datetime | None = None
    callback_hash: str | None = None
    held_at: datetime | None = None
    update_ms: int = 0
    store: Storage = "full"
    application_status: ApplicationStatus | None = None
    enrichment: Enrichment | None = None
    reached: tuple[Stage, ...] = field(default=(), compare=False)

    @property
    def is_final(self) -> bool:
        """Returns whether the order has ended: the vendor sends nothing more."""
        return self.status in FINAL

    @property
    def was_refused(self) -> bool:
        """Returns whether the vendor refused the order when it was requested; one rejected later was placed before."""
        return self.status == "rejected" and self.delivery == "refused" and self.update_ms == 0

    def list_reached(self) -> tuple[Reached, ...]:
        """Returns the stages of `reached` with the time since the order was placed."""
        after = self.updated_at - self.created_at
        return tuple(Reached(stage, self.provider, after) for stage in self.reached)

    def differs_from(self, request: OrderRequest) -> str | None:
        """
        Returns the field that makes an ATS's request another order: `url`, `candidate.email` or `package.id`.

        None means that the ATS repeats the request of this order. If the content was erased, only the URL is compared.
        """
        if self.erased_at is not None:
            return None if self.callback_hash in (None, digest(request.callback_url)) else "url"
        known = self.request
        if request.callback_url != known.callback_url:
            return "url"
        if request.candidate.email.casefold() != known.candidate.email.casefold():
            return "candidate.email"
        return "package.id" if request.package_id != known.package_id else None

    def progressed(self, status: Status, message: str | None = None, *, now: datetime) -> Order:
        """
        Returns the order with the status that the vendor reported; itself when nothing changes.

        Raises:
            Conflict: the order has ended, has a later status, or its content was erased.
        """
        self.refuse_if_erased()
        if status == self.status and message == self.status_message:
            return self
        if self.is_final:
            raise Conflict(f"The order is {self.status} and cannot become {status}.", code="OrderEnded")
        if status in LINE and LINE.index(status) < LINE.index(self.status):
            raise Conflict(f"The order is already {self.status} and cannot go back to {status}.", code="OrderAhead")
        return replace(self._moved(status, now), status_message=message)

    def resulted(self, result: Result, *, now: datetime, repeats: bool = False) -> Order:
        """
        Returns the order with a vendor's result; itself when the same final result was recorded before.

        `repeats` says that the ATS takes another result after the first.

        Raises:
            Conflict: a different final result was recorded and the ATS takes only one, the order was rejected or
                cancelled by the ATS, or its content was erased.
        """
        self.refuse_if_erased()
        if self.result is not None and not (repeats and result.is_final and difference(self.result, result)):
            return self._repeated(result)
        if self.result is None and self.status in ("rejected", "cancelled", "error"):
            raise Conflict(f"The order is {self.status}: it takes no result.", code="OrderEnded")
        if not result.is_final:
            moved = PROGRESS[str(result.verdict)]
            # a late "initiated" after "in_progress" is ignored: vendors may send progress out of order
            return self if LINE.index(moved) <= LINE.index(self.status) else self._moved(moved, now)
        return replace(
            self,
            status=ENDS.get(str(result.verdict), "completed"),
            outcome=result.outcome,
            result=result,
            result_at=now,
            delivery="pending",
            delivery_detail=None,
            acknowledged_at=None,
            reached=(*self.reached, "done"),
        )

    def acknowledged(self, *, now: datetime) -> Order:
        """Returns the order whose result the ATS has read or accepted."""
        return replace(
            self,
            delivery="acknowledged",
            delivery_detail=None,
            acknowledged_at=now,
            updated_at=now,
            reached=("acknowledged",),
        )

    def cancelled(self) -> Order:
        """
        Returns the order as its ATS cancelled it; itself when it was cancelled before.

        Raises:
            Conflict: the order has ended otherwise, or its content was erased.
        """
        self.refuse_if_erased()
        if self.status == "cancelled":
            return self
        if self.is_final:
            raise Conflict(f"The order is {self.status} and cannot be cancelled any more.", code="OrderEnded")
        return replace(self, status="cancelled", status_message="cancelled by the ATS")

    def erased(self, *, now: datetime) -> Order:
        """Returns the order without personal data; itself when it was erased before."""
        if self.erased_at is not None:
            return self
        request = OrderRequest(
            self.request.package_id,
            Candidate(email=""),
            dedupe_key=self.request.dedupe_key,
            remote_id=self.request.remote_id,
        )
        return replace(
            self,
            request=request,
            status_message=None,
            delivery_detail=None,
            result=None,
            enrichment=self.enrichment and self.enrichment.without_content(),
            erased_at=now,
            callback_hash=digest(self.request.callback_url) if self.request.callback_url else None,
            updated_at=now,
        )

    def refuse_if_erased(self) -> None:
        """
        Raises an error if the order's content was erased.

        Raises:
            Conflict: its content was erased; the message says when.
        """
        if self.erased_at is not None:
            when = self.erased_at.isoformat(timespec="seconds")
            raise Conflict(f"The order's content was erased at {when}: nothing more comes of it.", code="ContentErased")

    def _moved(self, status: Status, now: datetime) -> Order:
        times: dict[Stage, datetime | None] = {"invited": self.invited_at, "started": self.started_at}
        stage = REACHES.get(status)
        if stage is None or times[stage] is not None:
            return replace(self, status=status)
        times[stage] = now
        return replace(self, status=status, invited_at=times["invited"], started_at=times["started"], reached=(stage,))

    def _repeated(self, result: Result) -> Order:
        assert self.result is not None  # noqa: S101 - for the type checker; the caller has checked
        if not result.is_final:
            raise Conflict(f"The order is {self.status}: progress cannot follow its result.", code="OrderEnded")
        field_name = difference(self.result, result)
        if field_name is None:
            return self
        when = self.result_at.isoformat(timespec="seconds") if self.result_at else "before"
        raise Conflict(
            f"A final result was recorded at {when} and an ATS takes only one: {field_name} differs. "
            "Send only final results; an identical repeat is welcome.",
            code="ResultAlreadyRecorded",
            errors=[f"{field_name}: differs from the recorded result"],
        )
