"""A DNS server on loopback, over UDP, which can hold back its answers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

A, AAAA = 1, 28
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3


class NameServer(asyncio.DatagramProtocol):
    """
    Answers from `addresses`; other names do not exist.

    `asked` counts queries for A records.
    """

    def __init__(self) -> None:
        self.server = ""  #: as `Resolver` takes it
        self.addresses: dict[str, list[str]] = {}
        self.ttl = 60
        self.failing = False
        self.asked: Counter[str] = Counter()
        self.came = asyncio.Event()
        self._holds: str | None = None
        self._held: list[tuple[bytes, tuple[str, int]]] = []
        self._transport: asyncio.DatagramTransport | None = None

    def hold(self, suffix: str) -> None:
        """Answers no query for a name with this suffix until `release`."""
        self._holds = suffix

    def release(self) -> None:
        """Answers the held queries, and all later ones."""
        self._holds = None
        for question, peer in self._held:
            self._answer(question, peer)
        self._held.clear()

    async def hears(self, count: int, suffix: str) -> None:
        """Waits until so many different names with this suffix have been queried."""
        async with asyncio.timeout(20):
            while sum(name.endswith(suffix) for name in self.asked) < count:
                self.came.clear()
                await self.came.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.server = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, type_, _ = _question(data)
        self.asked[name] += type_ == A
        self.came.set()
        if self._holds is not None and name.endswith(self._holds):
            self._held.append((data, addr))
        else:
            self._answer(data, addr)

    def _answer(self, question: bytes, peer: tuple[str, int]) -> None:
        name, type_, end = _question(question)
        known = self.addresses.get(name)
        code = _SERVER_FAILURE if self.failing else _NO_SUCH_NAME if known is None else _NO_ERROR
        family, records = socket.AF_INET6 if type_ == AAAA else socket.AF_INET, b""
        found = [one for one in known or [] if (":" in one) == (type_ == AAAA)] if code == _NO_ERROR else []
        for one in found:
            packed = socket.inet_pton(family, one)
            records += b"\xc0\x0c" + struct.pack(">HHIH", type_, 1, self.ttl, len(packed)) + packed
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        assert self._transport is not None
        self._transport.sendto(head + question[12:end] + records, peer)


def _question(data: bytes) -> tuple[str, int, int]:
    """Returns the queried name and type, and where the question ends."""
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += 1 + data[at]
    return ".".join(labels), struct.unpack(">H", data[at + 1 : at + 3])[0], at + 5


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Runs a name server on a free port."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
