"""
The load generator, in a process of its own so that its cost is not the server's.

Each HTTP request to it runs one job.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

from greenroom.bench.arithmetic import arrivals
from greenroom.bench.payload import placed, send_test
from greenroom.security.signatures import webhook_headers
from greenroom.security.tokens import new_webhook_secret

#: seconds for one request, more than any answer should take
DEADLINE_S = 30.0


@dataclass(frozen=True)
class Job:
    """
    A load to generate.

    `kind` closed: `clients` send one request after the other. open: `rate` requests a second, independent of the
    answers. bare: `clients` post `body`, signed, as the engine would. With an `account`, orders are placed for it over
    the unified API, `token` being an API key; otherwise they are an ATS's. `numbers` is the number of the first order;
    later ones count up.
    """

    kind: Literal["closed", "open", "bare"]
    url: str
    seconds: float
    clients: int = 1
    rate: float = 0.0
    token: str = ""
    account: str = ""
    body: str = ""
    numbers: int = field(default_factory=lambda: time.time_ns() // 1000)


@dataclass
class Load:
    """
    The outcome of a job.

    `refused` are those of `failed` that were answered 429 with a Retry-After. Times are the machine's monotonic clock;
    `due` and `answered` are by the order's number, and only an open loop has them.
    """

    started: float = 0.0
    ended: float = 0.0
    done: int = 0
    failed: int = 0
    refused: int = 0
    took: list[float] = field(default_factory=list)
    due: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Returns the successful answers a second."""
        return self.done / (self.ended - self.started)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Load:
        """Returns a load from the answer of the load process."""
        for name in ("due", "answered"):
            found[name] = {int(number): at for number, at in found[name].items()}
        return cls(**found)


Send = Callable[[int], Awaitable[bool]]


class _Generator:
    def __init__(self, job: Job, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._session = session
        self._next = job.numbers
        self._secrets = [new_webhook_secret()]
        self.load = Load()

    async def run(self) -> Load:
        send = self._bare if self._job.kind == "bare" else self._order
        await send(self._number())  # opening the first connection is not measured
        self.load = Load(started=time.monotonic())
        if self._job.kind == "open":
            await self._open(send)
        else:
            await asyncio.gather(*(self._closed(send) for _ in range(self._job.clients)))
        self.load.ended = time.monotonic()
        return self.load

    def _number(self) -> int:
        self._next += 1
        return self._next

    async def _closed(self, send: Send) -> None:
        until = self.load.started + self._job.seconds
        while (began := time.monotonic()) < until:
            self._count(fine=await send(self._number()))
            self.load.took.append(time.monotonic() - began)

    async def _open(self, send: Send) -> None:
        tasks = []
        for offset in arrivals(self._job.rate, self._job.seconds):
            due = self.load.started + offset
            await asyncio.sleep(max(due - time.monotonic(), 0))
            tasks.append(asyncio.create_task(self._one(send, self._number(), due)))
        await asyncio.gather(*tasks)

    async def _one(self, send: Send, number: int, due: float) -> None:
        self.load.due[number] = due
        fine = await send(number)
        self._count(fine=fine)
        if fine:
            self.load.answered[number] = time.monotonic()

    def _count(self, *, fine: bool) -> None:
        self.load.done += fine
        self.load.failed += not fine

    async def _order(self, number: int) -> bool:
        headers = {"content-type": "application/json"}
        if not self._job.account:
            return await self._post(json.dumps(send_test(number)).encode(), headers)
        return await self._post(json.dumps(placed(number)).encode(), {**headers, "x-account-id": self._job.account})

    async def _bare(self, number: int) -> bool:
        body = self._job.body.encode()
        headers = webhook_headers(event_id=f"evt_{number}", sent_at=int(time.time()), body=body, secrets=self._secrets)
        return await self._post(body, {"content-type": "application/json", **headers})

    async def _post(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            async with self._session.post(self._job.url, data=body, headers=headers) as response:
                await response.read()
                self.load.refused += response.status == 429 and "retry-after" in response.headers
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


async def run_job(job: Job) -> Load:
    """
    Runs a job and returns its outcome.

    A request without an answer counts as failed.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"authorization": aiohttp.encode_basic_auth(job.token, "")} if job.token else None,
        timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
    )
    async with session:
        return await _Generator(job, session).run()


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    return web.json_response(asdict(await run_job(Job(**json.loads(await request.read())))))


async def _serve(port: int) -> None:
    runner = web.ServerRunner(web.Server(_answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("Load is ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """`python -m greenroom.bench.load --port PORT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
