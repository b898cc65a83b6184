"""
StackOne's official TypeScript SDK for tests: `await sdk.ats("getAssessmentsPackage", id="x")`.

Results and errors are the SDK's own, in camelCase; only the pipe between pytest and Node is part of the tests.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.house import Linked

HERE = Path(__file__).parent
#: a timeout for each call, and no retries, since the SDK would repeat a refused call for an hour
OPTIONS: dict[str, Any] = {"timeoutMs": 20_000, "retryConfig": {"strategy": "none"}}


class SdkError(Exception):
    """An error of the SDK: its class, and its fields."""

    def __init__(self, thrown: dict[str, Any]) -> None:
        super().__init__(f"{thrown['class']}: {thrown['message']}")
        self.kind: str = thrown["class"]
        self.message: str = thrown["message"]
        self.status: int | None = thrown.get("statusCode")
        self.timestamp: str | None = thrown.get("timestamp")
        self.body: str | None = thrown.get("body")
        self.headers: dict[str, str] = thrown["headers"]

    @property
    def json(self) -> Any:
        """Returns the body as received, with the fields that the SDK drops."""
        return json.loads(self.body or "null")


class Driver:
    """A Node process with the SDK; one call at a time, from any event loop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._turn = threading.Lock()

    async def ask(self, question: dict[str, Any]) -> Any:
        """
        Returns the SDK's result.

        Raises:
            SdkError: the SDK threw an error.
        """
        said = json.loads(await asyncio.to_thread(self._exchange, json.dumps(question, default=_date)))
        if "error" in said:
            raise SdkError(said["error"])
        return said["ok"]

    def _exchange(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, "the SDK's process has ended; its stderr says why"
        return answer


def _date(value: object) -> object:
    assert isinstance(value, datetime)
    return {"$date": value.isoformat()}


@dataclass(frozen=True)
class Sdk:
    """The SDK with one project's key, and one account for the calls that need it."""

    driver: Driver
    linked: Linked
    options: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, call: str, request: Any = None, *, drain: bool = False) -> Any:
        """Calls any method, with the request as the SDK takes it."""
        server = {"serverURL": str(self.linked.house.client.base_url), "username": self.linked.key}
        options = {**OPTIONS, **server, **self.options}
        question = {"call": call, "request": request or {}, "options": options, "headers": self.headers, "drain": drain}
        return await self.driver.ask(question)

    async def ats(self, method: str, **request: Any) -> Any:
        """Calls a method of the unified ATS API for the account."""
        return await self(f"ats.{method}", {"xAccountId": self.linked.account_id, **request})

    async def pages(self, method: str, **request: Any) -> list[Any]:
        """Returns every page of a list, by the SDK's own iterator."""
        found: list[Any] = await self(f"ats.{method}", {"xAccountId": self.linked.account_id, **request}, drain=True)
        return found


@contextmanager
def running_driver() -> Iterator[Driver]:
    """Runs the process for the block; it ends when its input is closed."""
    command = ["node", "driver.mjs"]
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Driver(process)
