"""A small client of the simulator's API for tests and scripts.

It needs only the standard library.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

CALLS = ("list_tests", "send_test", "test_status", "response_error")
#: timeout of a call in seconds; a wait ends after 30, but advancing the clock by weeks may take longer
DEADLINE_S = 120.0
LONGEST_WAIT_S = 30.0


class RefusedError(Exception):
    """The simulator's API answered with an error.

    ``field`` is the field that the error is about, or None.
    """

    def __init__(self, status: int, name: str | None, message: str) -> None:
        super().__init__(f"{status}: {f'{name} ' if name else ''}{message}")
        self.status, self.field, self.message = status, name, message


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


@dataclass(frozen=True)
class Exchange:
    """A request in the traffic log.

    ``rules`` are the rules of Greenhouse's contract that the reply broke.
    """

    id: int
    direction: str
    call: str
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int | None
    reply_headers: dict[str, str]
    reply_body: str
    verdict: str
    take_home_id: int | None
    problems: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    fault: str | None = None
    replay_of: int | None = None


class Greenhouse:
    """A client of a running simulator.

    Every error of the API raises `RefusedError`. `call` makes calls that have no method of their own.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        # the simulator runs on this machine, so the environment's proxy must not be used
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Makes a call of the API and returns the answer's JSON.

        ``path`` is the part after ``/api``. Raises: `RefusedError`.
        """
        given = {name: value for name, value in query.items() if value is not None}
        url = f"{self.address}/api{path}{'?' if given else ''}{urlencode(given)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - its own address
        try:
            with self._opener.open(request, timeout=DEADLINE_S) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                said = json.loads(error.read())["error"]
            raise RefusedError(error.code, said["field"], said["message"]) from None

    # the whole simulator

    def reset(self, seed: int = 1, now: str | None = None) -> None:
        """Resets to the seed: the same company, ids and secrets.

        With ``now`` (ISO 8601) the clock is frozen at that time.
        """
        self.call("POST", "/reset", {"seed": seed, "now": now})

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Changes wire settings and returns all of them."""
        changed: dict[str, Any] = self.call("PATCH", "/settings", changes)
        return changed

    def now(self) -> str:
        """Returns the virtual time in ISO 8601."""
        return str(self.call("GET", "/clock")["now"])

    def advance(self, **by: float) -> dict[str, Any]:
        """Moves the clock by ``seconds`` … ``weeks``.

        Everything due on the way runs in order. Returns the counts of the API's answer.
        """
        done: dict[str, Any] = self.call("POST", "/clock/advance", by)
        return done

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
        return _made(Partner, made)

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
        return _made(Sent, {**answer, "take_home": _take_home(take_home) if take_home else None})

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

    # faults and the traffic log

    def fault(self, kind: str, target: str | None = None, count: int | None = 1, **details: Any) -> int:
        """Injects a fault for the next ``count`` calls and returns its id.

        With a ``count`` of None it stays until it is removed. The kinds are in docs/sandbox.md.
        """
        return int(self.call("POST", "/faults", {"kind": kind, "target": target, "count": count, **details})["id"])

    def clear_faults(self) -> None:
        """Removes every fault."""
        self.call("DELETE", "/faults")

    def traffic(
        self, call: str | None = None, at_least: int = 0, seconds: float = 10, **filters: Any
    ) -> list[Exchange]:
        """Returns the traffic log, oldest first.

        With ``at_least`` waits up to ``seconds`` (at most 30) for that many matching exchanges. ``filters`` are those
        of the API.
        """
        wait = min(seconds, LONGEST_WAIT_S) if at_least else None
        found = self.call("GET", "/traffic", call=call, at_least=at_least or None, wait=wait, **filters)
        return [_made(Exchange, one) for one in found["data"]]

    def replay(self, exchange: Exchange | int) -> Exchange:
        """Repeats a call to the partner byte for byte."""
        return _made(Exchange, self.call("POST", f"/traffic/{_id(exchange)}/replay"))


def _id(of: Application | TakeHome | Exchange | int) -> int:
    return of if isinstance(of, int) else of.id


def _take_home(answer: dict[str, Any]) -> TakeHome:
    result = answer["result"]
    return _made(TakeHome, {**answer, "result": _made(Result, result) if result else None})


def _made(kind: type[T], answer: dict[str, Any]) -> T:
    """Returns a dataclass with the fields of an answer; unknown fields are ignored."""
    names: dict[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in answer.items() if name in names})
