"""A small client of Greenhouse in the simulator, for tests and scripts.

It needs only the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from greenroom_sandbox.testing.http import LONGEST_WAIT_S, Client, Exchange, RefusedError, make

__all__ = [
    "Application",
    "Exchange",
    "Greenhouse",
    "Kit",
    "Partner",
    "RefusedError",
    "Result",
    "Sent",
    "TakeHome",
]

CALLS = ("list_tests", "send_test", "test_status", "response_error")


@dataclass(frozen=True)
class Partner:
    """An approved partner.

    ``username`` and ``password`` are its credentials for completion call-backs.
    """

    id: int
    name: str
    username: str
    password: str


@dataclass(frozen=True)
class Application:
    """A candidate's application for a job."""

    id: int
    candidate_id: int
    job_id: int


@dataclass(frozen=True)
class Result:
    """A partner's ``complete`` reply."""

    profile_url: str
    score: int | float | None
    metadata: dict[str, Any]
    received_at: str


@dataclass(frozen=True)
class TakeHome:
    """A sent test.

    ``text`` is the text of the candidate's page; ``polling_stopped`` is the reason why polling ended.
    """

    id: int
    url: str
    status: str
    text: str | None
    test_id: str
    to: str
    application_id: int
    partner_interview_id: str | None
    polls: int
    polling_stopped: str | None
    result: Result | None
    result_shown: bool
    not_shown_because: str | None


@dataclass(frozen=True)
class Sent:
    """The outcome of *Send test*.

    ``message`` is for the recruiter; ``reasons`` are the details that the recruiter does not see.
    """

    ok: bool
    message: str | None
    reasons: list[str]
    take_home: TakeHome | None


@dataclass(frozen=True)
class Kit:
    """The interview kit; ``rows`` are label → text, in order.

    Without a result ``rows`` is empty and ``text`` says so.
    """

    title: str
    text: str | None
    rows: dict[str, str]
    report_url: str | None


class Greenhouse(Client):
    """A client of Greenhouse in a running simulator.

    Every error of the API raises `RefusedError`. `call` makes calls that have no method of their own.
    """

    # the company

    def company(self, name: str) -> int:
        """Adds a customer with a recruiter and returns the organization's id."""
        organization_id = int(self.call("POST", "/organizations", {"name": name})["id"])
        person = {"first_name": "Rae", "last_name": "Recruiter", "email": "rae.recruiter@customer.example"}
        self.call("POST", "/users", {"organization_id": organization_id, **person})
        return organization_id

    def job(self, name: str, organization_id: int = 101) -> int:
        """Opens a job with the usual four stages and returns its id."""
        return int(self.call("POST", "/jobs", {"organization_id": organization_id, "name": name})["id"])

    def candidate(
        self, job_id: int = 4001, first_name: str = "Cleo", last_name: str = "Candidate", **details: Any
    ) -> Application:
        """Adds a candidate with an application for a job.

        ``details`` are further fields, such as ``email`` or ``phone_number``.
        """
        person = {"first_name": first_name, "last_name": last_name, "email": "cleo@candidate.example", **details}
        made = self.call("POST", "/candidates", {"job_id": job_id, **person})
        return Application(made["application_ids"][0], made["id"], job_id)

    # the partner

    def partner(self, base_url: str, name: str = "Vendor", **details: Any) -> Partner:
        """Adds a partner whose four URLs are ``base_url`` and the calls' names.

        ``details`` override and add fields.
        """
        base, mark, query = base_url.partition("?")
        urls = {f"{call}_url": f"{base.rstrip('/')}/{call}{mark}{query}" for call in CALLS}
        made = self.call("POST", "/partners", {"name": name, **urls, **details})
        return make(Partner, made)

    def enable(self, partner: Partner, key: str, organization_id: int = 101) -> None:
        """Stores the customer's key and enables the integration."""
        self.call("PUT", f"/organizations/{organization_id}/partners/{partner.id}", {"key": key, "enabled": True})

    def stage(self, partner: Partner, job_id: int = 4001) -> int:
        """Adds the partner's stage to a job's interview plan and returns its id."""
        return int(self.call("POST", f"/jobs/{job_id}/stages", {"kind": "partner", "partner_id": partner.id})["id"])

    # the recruiter's actions

    def move(self, application: Application | int, stage_id: int) -> None:
        """Moves a candidate into a stage."""
        self.call("POST", f"/applications/{_id(application)}/move", {"stage_id": stage_id})

    def tests(self, application: Application | int) -> dict[str, str]:
        """Opens *Send test* and returns the partner's tests, id → name.

        Raises: `RefusedError` (502) with the reasons when the partner's reply is unusable.
        """
        dialog = self.call("POST", f"/applications/{_id(application)}/send-test/open", {})
        if not dialog["ok"]:
            raise RefusedError(502, None, "; ".join(dialog["reasons"]))
        return {test["partner_test_id"]: test["partner_test_name"] for test in dialog["tests"]}

    def send_test(self, application: Application | int, test_id: str, **form: Any) -> Sent:
        """Sends a test.

        A failed call to the partner is part of the answer, not an exception.
        """
        answer = self.call("POST", f"/applications/{_id(application)}/send-test", {"test_id": test_id, **form})
        take_home = answer["take_home"]
        return make(Sent, {**answer, "take_home": _take_home(take_home) if take_home else None})

    def act(self, application: Application | int, action: str) -> None:
        """Does one of ``hire``, ``unhire``, ``reject``, ``unreject``, ``delete``."""
        self.call("POST", f"/applications/{_id(application)}/{action}")

    def take_home(self, take_home: TakeHome | int) -> TakeHome:
        """Returns the present state of a test."""
        return _take_home(self.call("GET", f"/take-homes/{_id(take_home)}"))

    def wait(self, take_home: TakeHome | int, status: str = "received", seconds: float = 10) -> TakeHome:
        """Waits until a test has a status and returns the test.

        After ``seconds`` (real time, at most 30) returns it with the status it has.
        """
        wait = min(seconds, LONGEST_WAIT_S)
        return _take_home(self.call("GET", f"/take-homes/{_id(take_home)}", status=status, wait=wait))

    def poll(self, take_home: TakeHome | int) -> TakeHome:
        """Calls the partner's ``test_status`` now."""
        return _take_home(self.call("POST", f"/take-homes/{_id(take_home)}/poll")["take_home"])

    def kit(self, take_home: TakeHome | int) -> Kit:
        """Returns the interview kit of a test."""
        kit = self.call("GET", f"/take-homes/{_id(take_home)}/kit")
        rows = {row["label"]: row["text"] for row in kit["rows"]}
        report = next((row["url"] for row in kit["rows"] if row["url"]), None)
        return Kit(kit["title"], kit["text"], rows, report)


def _id(of: Application | TakeHome | int) -> int:
    return of if isinstance(of, int) else of.id


def _take_home(answer: dict[str, Any]) -> TakeHome:
    result = answer["result"]
    return make(TakeHome, {**answer, "result": make(Result, result) if result else None})
