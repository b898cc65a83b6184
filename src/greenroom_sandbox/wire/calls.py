"""The simulator's outbound HTTP client, with a deadline and a limit on the reply."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from greenroom_sandbox.wire.basic import mask_headers

# Long enough to reuse a connection, and shorter than the idle limit of common servers (5 s and up).
KEEPALIVE_SECONDS = 2
MOST_CONNECTIONS = 256


@dataclass
class ClientRequest:
    """A request to a partner.

    ``url`` is sent unchanged; ``deadline`` in seconds covers the whole call, ``limit`` is the largest reply in bytes.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    deadline: float
    limit: int


@dataclass
class Outcome:
    """The outcome of a call.

    ``failure`` describes why there is no usable 2xx reply, ``rule`` names the rule that was broken.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ms: float = 0
    failure: str | None = None
    rule: str | None = None

    def fail(self, rule: str, failure: str) -> None:
        """Records why the reply is unusable."""
        self.rule, self.failure = rule, failure


class HttpClient:
    """An HTTP client that follows no redirect, keeps no cookie and uses no proxy."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Opens the session.

        Must run inside the loop that makes the calls.
        """
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=["Content-Type"],
            headers={"User-Agent": "greenroom-sandbox", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()

    async def make(self, call: ClientRequest, cut: bool = False) -> Outcome:
        """Makes a call; with ``cut`` the connection is reset before the reply is read.

        Network errors are part of the outcome, not exceptions.
        """
        started = time.perf_counter()
        outcome = Outcome()
        try:
            async with asyncio.timeout(call.deadline):
                await self._exchange(call, outcome, cut)
        except TimeoutError:
            outcome.fail("reply.deadline", f"no complete reply within {call.deadline:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            outcome.fail("reply.connection", f"{type(error).__name__}: {error}")
        outcome.ms = round((time.perf_counter() - started) * 1000, 3)
        if outcome.failure is None and outcome.status is not None and not 200 <= outcome.status < 300:
            outcome.fail("status.2xx", f"status {outcome.status}")
        return outcome

    async def _exchange(self, call: ClientRequest, outcome: Outcome, cut: bool) -> None:
        if self._session is None:
            raise RuntimeError("the caller was not opened")
        async with self._session.request(
            call.method,
            URL(call.url, encoded=True),
            data=call.body,
            headers=call.headers,
            allow_redirects=False,
        ) as reply:
            if cut:
                _reset(reply)
                outcome.fail("reply.connection", "connection reset before the reply was read")
                return
            outcome.status = reply.status
            outcome.headers = mask_headers(reply.headers.items())
            async for chunk in reply.content.iter_chunked(65536):
                outcome.body += chunk
                if len(outcome.body) > call.limit:
                    outcome.body = outcome.body[: call.limit]
                    outcome.fail("reply.size", f"reply is larger than {call.limit} bytes")
                    reply.close()
                    return


def _reset(reply: aiohttp.ClientResponse) -> None:
    transport = reply.connection.transport if reply.connection is not None else None
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # A linger time of zero makes the kernel send RST instead of FIN.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    reply.close()
