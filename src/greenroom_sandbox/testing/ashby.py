"""A small client of Ashby in the simulator, for tests and scripts.

It needs only the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from greenroom_sandbox.testing.http import LONGEST_WAIT_S, Client, RefusedError, make

#: ids of the seed: the organization Juniper Labs, its job Platform Engineer
ORGANIZATION = "a5b10001-0000-4000-8000-000000000001"
JOB = "a5b10003-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Partner:
    """A partner that Ashby has onboarded; ``partner_id`` goes with results that have no order."""

    id: str
    name: str
    base_url: str
    partner_id: str


@dataclass(frozen=True)
class Application:
    """A candidate's application for a job."""

    id: str
    candidate_id: str
    job_id: str


@dataclass(frozen=True)
class Assessment:
    """An assessment.

    ``partner_assessment_id`` is the partner's ``assessment_id``. ``result``, ``cancelled_reason`` and each entry of
    ``metadata`` are labelled values, as the partner sent them.
    """

    id: str
    state: str
    message: str | None
    partner_assessment_id: str | None
    assessment_type_id: str
    application_id: str | None
    candidate_id: str
    status_text: str | None
    full_report_url: str | None
    result: dict[str, Any] | None
    cancelled_reason: dict[str, Any] | None
    metadata: list[dict[str, Any]]
    timestamp: int | None
    update_count: int
    sent_at: str | None
    started_at: str | None
    ended_at: str | None


@dataclass(frozen=True)
class Answer:
    """The outcome of *Start Assessment* or *Cancel Assessment*.

    ``message`` is for the recruiter; ``reasons`` are the details that the recruiter does not see.
    """

    ok: bool
    message: str | None
    reasons: list[str]
    assessment: Assessment


class Ashby(Client):
    """A client of Ashby in a running simulator.

    Every error of the API raises `RefusedError`. `call` makes calls that have no method of their own.
    """

    @property
    def api_url(self) -> str:
        """The base of Ashby's own API, which partners call."""
        return f"{self.address}/ashby/api"

    def candidate(
        self, job_id: str = JOB, first_name: str = "Cleo", last_name: str = "Candidate", **details: Any
    ) -> Application:
        """Adds a candidate with an application for a job."""
        person = {"first_name": first_name, "last_name": last_name, "email": "cleo@candidate.example", **details}
        made = self.call("POST", "/ashby/candidates", {"job_id": job_id, **person})
        return Application(made["application_ids"][0], made["id"], job_id)

    def partner(self, base_url: str, name: str = "Vendor", **details: Any) -> Partner:
        """Enters a partner with its base URL; ``details`` are further fields."""
        return make(Partner, self.call("POST", "/ashby/partners", {"name": name, "base_url": base_url, **details}))

    def enable(self, partner: Partner, key: str, organization_id: str = ORGANIZATION) -> str:
        """Stores the partner API key of a customer, and returns a new API key with which the partner calls Ashby."""
        path = f"/ashby/organizations/{organization_id}/partners/{partner.id}"
        self.call("PUT", path, {"key": key})
        return str(self.call("POST", f"{path}/api-keys", {})["key"])

    def refresh(self, partner: Partner, organization_id: str = ORGANIZATION) -> dict[str, str]:
        """Presses *Refresh* and returns the partner's assessment types, id → name.

        Raises: `RefusedError` (502) with the reasons when the partner's reply is unusable.
        """
        answer = self._press(partner, organization_id, "refresh")
        return {one["assessment_type_id"]: one["name"] for one in answer["assessment_types"]}

    def sync_custom_fields(self, partner: Partner, organization_id: str = ORGANIZATION) -> list[dict[str, Any]]:
        """Presses *Sync Custom Fields* and returns the fields. Raises: `RefusedError` (502) with the reasons."""
        fields: list[dict[str, Any]] = self._press(partner, organization_id, "sync-custom-fields")["fields"]
        return fields

    def _press(self, partner: Partner, organization_id: str, button: str) -> dict[str, Any]:
        path = f"/ashby/organizations/{organization_id}/partners/{partner.id}/{button}"
        answer: dict[str, Any] = self.call("POST", path, {})
        if not answer["ok"]:
            raise RefusedError(502, None, "; ".join(answer["reasons"]))
        return answer

    def start(self, application: Application | str, partner: Partner, type_id: str, **form: Any) -> Answer:
        """Starts an assessment; ``form`` may have ``additional_fields`` and ``user_id``.

        A failed or refused call to the partner is part of the answer, not an exception.
        """
        wanted = {"partner_id": partner.id, "assessment_type_id": type_id, **form}
        return _answer(self.call("POST", f"/ashby/applications/{_id(application)}/assessments", wanted))

    def assessment(self, assessment: Assessment | str) -> Assessment:
        """Returns the present state of an assessment."""
        return make(Assessment, self.call("GET", f"/ashby/assessments/{_id(assessment)}"))

    def wait(self, assessment: Assessment | str, state: str = "completed", seconds: float = 10) -> Assessment:
        """Waits until an assessment has a state and returns it.

        After ``seconds`` (real time, at most 30) returns it with the state it has.
        """
        wait = min(seconds, LONGEST_WAIT_S)
        return make(Assessment, self.call("GET", f"/ashby/assessments/{_id(assessment)}", state=state, wait=wait))

    def cancel(self, assessment: Assessment | str) -> Answer:
        """Cancels an assessment at the partner."""
        return _answer(self.call("POST", f"/ashby/assessments/{_id(assessment)}/cancel", {}))


def _answer(answer: dict[str, Any]) -> Answer:
    return make(Answer, {**answer, "assessment": make(Assessment, answer["assessment"])})


def _id(of: Application | Assessment | str) -> str:
    return of if isinstance(of, str) else of.id
