"""Raw sockets against `greenroom serve` with few descriptors: endless heads and slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.house import basic
from tests.support.gateways import Gateway
from tests.support.processes import address

DESCRIPTORS = 256
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n"
POST = b"POST /v1/webhooks HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
PIECE = b"x-a: " + b"a" * 8000 + b"\r\n"


class Small(Gateway):
    """A gateway that may have 256 descriptors; its log is kept."""

    def __init__(self, data: Path) -> None:
        super().__init__(data, None)
        self.log = data / "log"
        self.key = self.run("keys", "create", "--name", "tests")

    async def start(self) -> None:
        """Starts the gateway with a soft limit below the hard one, which is low as well."""
        soft, hard = DESCRIPTORS // 2, DESCRIPTORS
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" -m greenroom serve --port 0',
                sys.executable,
                env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            self.url = (await self._process.stdout.readline()).decode().split()[1]

    @property
    def memory(self) -> int:
        """Returns the bytes of memory that the process holds."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    @property
    def limit(self) -> str:
        """Returns the process's soft limit of open files."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/limits").read_text().splitlines()
        return next(line.split()[3] for line in lines if line.startswith("Max open files"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Small]:
    """One gateway for the module; each test leaves it as it was."""
    one = Small(tmp_path_factory.mktemp("small"))
    await one.start()
    try:
        yield one
    finally:
        assert await one.kill(signal.SIGTERM) == 0


def connect(one: Small) -> socket.socket:
    """Opens a connection whose operations have a timeout."""
    client = socket.create_connection(address(one.url), timeout=60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def answer(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Returns status, headers and body of the answer, once the connection ends."""
    content = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            content += part
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def is_alive(one: Small) -> bool:
    """Returns whether a new client is answered."""
    with connect(one) as client:
        client.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        return answer(client)[0] == 200


def endless(kind: str, key: str) -> Iterator[bytes]:
    """Yields 150 MB of a head, or of the framing of a chunked body."""
    chunked = POST + f"authorization: {basic(key)}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    first, piece = {
        "headers": (b"GET /healthz HTTP/1.1\r\n", PIECE),
        "one header": (b"GET /healthz HTTP/1.1\r\nx-a: ", b"a" * 8192),
        "request line": (b"GET /", b"a" * 8192),
        "blank lines": (b"", b"\r\n" * 4096),
        "extension of a chunk": (chunked + b"1;", b"a" * 8192),
        "trailers": (chunked + b"0\r\n", PIECE),
    }[kind]
    yield first
    for _ in range(150_000_000 // len(piece)):
        yield piece


def send(one: Small, kind: str, most: int) -> tuple[int, tuple[int, dict[str, str], bytes]]:
    """Returns how many bytes could be sent, about `most` at the most, and the answer."""
    sent = 0
    with connect(one) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in endless(kind, one.key):
                client.sendall(piece)
                sent += len(piece)
                if sent > most:
                    return sent, answer(client)
        return sent, (0, {}, b"")


@pytest.mark.parametrize(
    "kind", ["headers", "one header", "request line", "blank lines", "trailers", "extension of a chunk"]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_head_without_end_is_refused_and_no_longer_read(small: Small, kind: str) -> None:
    """
    Endless input without a key is answered 431.

    Memory stays bounded, and the sender finds the connection closed.
    """
    _, (status, headers, body) = await asyncio.to_thread(send, small, kind, 400_000)
    assert (status, headers["connection"], json.loads(body)["errorCode"]) == (431, "close", "HeadTooLarge")
    assert headers["content-security-policy"]

    before = small.memory
    sent, _ = await asyncio.to_thread(send, small, kind, 150_000_000)
    assert sent < 40_000_000
    assert small.memory - before < 20_000_000
    assert await asyncio.to_thread(is_alive, small)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_head_within_the_limit_is_read(small: Small) -> None:
    """Heads of 60 KiB are accepted, two on one connection."""

    def ask() -> int:
        with connect(small) as client:
            large = HEALTH[:-2] + PIECE * 7 + b"\r\n"
            client.sendall(large + large)
            got = b""
            while got.count(b"HTTP/1.1 200") < 2:
                part = client.recv(65536)
                assert part, got
                got += part
            return got.count(b"HTTP/1.1 200")

    assert await asyncio.to_thread(ask) == 2


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nx: y\r\n",
        b"POST /v1/webhooks HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n{",
        HEALTH,
    ],
    ids=["idle", "half a head", "half a body", "kept alive"],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_connections_that_wait_leave_room(small: Small, said: bytes) -> None:
    """With 300 waiting clients at 256 descriptors, health checks and callers are still answered."""
    assert small.limit == str(DESCRIPTORS)

    def open_connections() -> list[bool]:
        with contextlib.ExitStack() as open_:
            clients = [open_.enter_context(connect(small)) for _ in range(300)]
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(said)
            if b"\r\n\r\n" in said:  # a complete request was sent, so there is an answer
                assert clients[-1].recv(65536).startswith(b"HTTP/1.1 ")
            alive = [is_alive(small) for _ in range(3)]
            with connect(small) as caller:
                caller.sendall(HEALTH.replace(b"/healthz", b"/readyz"))
                assert b"200" in caller.recv(100)
            # the oldest was closed, the youngest is still there
            clients[0].settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                while clients[0].recv(65536):
                    pass
            youngest = clients[-1]
            youngest.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert youngest.recv(65536) != b""
            return alive

    assert await asyncio.to_thread(open_connections) == [True] * 3
    assert await asyncio.to_thread(is_alive, small)


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"HELO\r\n\r\n" + b"A" * 20_000],
    ids=["tls", "version", "words"],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_malformed_request_is_one_short_log_entry(small: Small, said: bytes) -> None:
    """A request that is not HTTP is refused in the API's own shape, with one log entry."""

    def ask() -> tuple[int, dict[str, str], bytes]:
        with connect(small) as client:
            client.sendall(said)
            return answer(client)

    before = small.log.stat().st_size
    status, headers, body = await asyncio.to_thread(ask)
    assert (status, json.loads(body)["errorCode"]) == (400, "BadRequest")
    assert headers["x-content-type-options"] == "nosniff"
    assert await asyncio.to_thread(is_alive, small)
    lines = small.log.read_bytes()[before:].splitlines()
    assert len(lines) == 1
    assert b"request_malformed" in lines[0]
    assert len(lines[0]) < 400


@pytest.mark.asyncio(loop_scope="module")
async def test_an_upgrade_is_answered_as_plain_http(small: Small) -> None:
    """A request for another protocol is answered in HTTP/1.1, without a log entry."""

    def ask() -> int:
        with connect(small) as client:
            client.sendall(HEALTH[:-2] + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n" + HEALTH)
            return answer(client)[0]

    before = small.log.stat().st_size
    assert await asyncio.to_thread(ask) == 200
    assert small.log.stat().st_size == before
