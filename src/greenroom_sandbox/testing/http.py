"""The HTTP calls of the clients, with the standard library alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

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
class Exchange:
    """A request in the traffic log.

    ``rules`` are the rules of the contract that the reply broke.
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
    ats: str = "greenhouse"
    assessment_id: str | None = None


class Client:
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
        return [make(Exchange, one) for one in found["data"]]

    def replay(self, exchange: Exchange | int) -> Exchange:
        """Repeats a call to the partner byte for byte."""
        return make(
            Exchange, self.call("POST", f"/traffic/{exchange if isinstance(exchange, int) else exchange.id}/replay")
        )


def make(kind: type[T], answer: dict[str, Any]) -> T:
    """Returns a dataclass with the fields of an answer; unknown fields are ignored."""
    names: dict[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in answer.items() if name in names})
