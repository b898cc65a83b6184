"""
StackOne's official TypeScript SDK as a test calls it: `await sdk.ats("getAssessmentsPackage", id="x")`.

What it gives and throws is the SDK's own, camelCase and all; only the wire between pytest and Node is ours.
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
#: nothing waits for ever, and a refusal is shown instead of tried again for an hour
OPTIONS: dict[str, Any] = {"timeoutMs": 20_000, "retryConfig": {"strategy": "none"}}


class SdkError(Exception):
    """What the SDK threw: its class, and what it holds."""

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
        """The body as it came, with the fields that the SDK drops."""
        return json.loads(self.body or "null")


class Driver:
    """A Node process that holds the SDK; one question at a time, from any event loop."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._turn = threading.Lock()

    async def ask(self, question: dict[str, Any]) -> Any:
        """
        What the SDK gave.

        Raises:
            SdkError: what it threw.
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
        """Any method, its request as the SDK takes it."""
        server = {"serverURL": str(self.linked.house.client.base_url), "username": self.linked.key}
        options = {**OPTIONS, **server, **self.options}
        question = {"call": call, "request": request or {}, "options": options, "headers": self.headers, "drain": drain}
        return await self.driver.ask(question)

    async def ats(self, method: str, **request: Any) -> Any:
        """A method of the unified ATS API on the account."""
        return await self(f"ats.{method}", {"xAccountId": self.linked.account_id, **request})

    async def pages(self, method: str, **request: Any) -> list[Any]:
        """Every page of a list, as the SDK's own iterator finds them."""
        found: list[Any] = await self(f"ats.{method}", {"xAccountId": self.linked.account_id, **request}, drain=True)
        return found


@contextmanager
def running_driver() -> Iterator[Driver]:
    """The process, for as long as the block runs; it ends by itself when its input does."""
    command = ["node", "driver.mjs"]
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Driver(process)
