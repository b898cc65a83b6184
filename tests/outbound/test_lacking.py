"""A lack of local resources is a local fault, and ends with the lack."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from greenroom.errors import LocalFault, TryLater
from greenroom.outbound import Outbound, Request
from tests.house import Neighbour


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Keeps the process from opening files and sockets; open ones keep working."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # 0, 1 and 2 are in use
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_file_descriptors(out: Outbound, peer: Neighbour) -> None:
    """The error names the cause and the remedy; with free descriptors the call succeeds."""
    with no_descriptor_left(), pytest.raises(LocalFault) as caught:
        await out.send(Request("POST", peer.url, {}, b"x"), deadline=5)

    assert (caught.value.kind, caught.value.process_wide) == ("no_resources", True)
    assert "Too many open files" in caught.value.reason
    assert "file descriptors" in caught.value.reason
    assert peer.received == []
    assert (await out.send(Request("POST", peer.url, {}, b"x"), deadline=5)).status == 200


@pytest.mark.parametrize(
    ("lacking", "process_wide"),
    [(errno.ENFILE, True), (errno.ENOMEM, True), (errno.ENOBUFS, True), (errno.EADDRNOTAVAIL, False)],
)
async def test_every_lack(
    out: Outbound, peer: Neighbour, monkeypatch: pytest.MonkeyPatch, lacking: int, process_wide: bool
) -> None:
    """A lack that the system reports only when it connects is a local fault, too."""

    async def sock_connect(*_: Any) -> None:
        raise OSError(lacking, "x")

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", sock_connect)
    with pytest.raises(LocalFault) as caught:
        await out.send(Request("POST", peer.url, {}, b"x"), deadline=5)
    assert caught.value.process_wide == process_wide

    monkeypatch.undo()
    assert (await out.send(Request("POST", peer.url, {}, b"x"), deadline=5)).status == 200


async def test_a_refused_connection_is_no_local_fault(out: Outbound) -> None:
    """A port without a listener is a fault of the receiver."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(TryLater) as caught:
            await out.send(Request("POST", f"http://127.0.0.1:{bound.getsockname()[1]}/", {}, b"x"), deadline=5)

    assert caught.value.kind == "connect"
