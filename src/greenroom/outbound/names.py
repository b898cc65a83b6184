"""
Asynchronous name look-ups by c-ares: a name without an answer delays no other name.

A name in the hosts file has the addresses that stand there; any other is looked up at the DNS servers in
/etc/resolv.conf, with its search domains. See docs/decisions/0024.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pycares

from greenroom.errors import LocalFault
from greenroom.outbound.addresses import literal

#: look-ups in flight, over all callers, at most. A look-up whose caller was cancelled goes on, so the limit is higher
#: than that of connections
LOOK_UPS = 1024
#: seconds after which a look-up fails. c-ares may go on with it, but the next caller starts a new one
LOOK_UP_S = 10.0
#: queries to each server, at most. c-ares waits for five times a server's usual response time, at least 250 ms, and
#: doubles the wait each time, so a name may take about 5 s
TRIES = 5
#: seconds after which the cache of c-ares is emptied. Until then c-ares keeps each answer, a negative one too, for the
#: answer's TTL
CACHE_S = 30.0

_UNKNOWN = frozenset(
    {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME, pycares.errno.ARES_ENONAME}
)


#: the outcome of a look-up: addresses, or the error
_Found = list[str] | OSError


class Resolver:
    """
    Looks up the addresses of names; used inside one event loop.

    `servers` replaces the DNS servers of the system, each as `address:port`.
    """

    def __init__(self, servers: Sequence[str] = (), *, hosts: Path = Path("/etc/hosts")) -> None:
        self._servers = list(servers)
        self._hosts = hosts
        self._hosts_read: tuple[int, dict[str, list[str]]] = (0, {})
        self._channel: pycares.Channel | None = None
        self._in_flight = 0
        self._shared: dict[str, asyncio.Future[_Found]] = {}
        self._flushing: asyncio.TimerHandle | None = None

    async def addresses(self, host: str) -> list[str]:
        """
        Returns the addresses of a host, the preferred one first.

        Concurrent callers share one look-up of a name.

        Raises:
            socket.gaierror: EAI_NONAME: the name does not exist or has no address; EAI_AGAIN: no server answers.
            OSError: this process has no file descriptor or memory left for a look-up.
            LocalFault: too many look-ups are in flight.
        """
        name = host.lower()
        if listed := self._find_in_hosts_file(name.rstrip(".")):
            return listed
        shared = self._shared.get(name) or self._start(name)
        found = await asyncio.shield(shared)
        if isinstance(found, OSError):
            raise type(found)(*found.args)  # each caller raises an error of its own
        return found

    def close(self) -> None:
        """Cancels every look-up."""
        if self._flushing is not None:
            self._flushing.cancel()
        if self._channel is not None:
            self._channel.cancel()
            self._channel.close()
            self._channel = None

    def _start(self, name: str) -> asyncio.Future[_Found]:
        if self._in_flight >= LOOK_UPS:
            raise LocalFault(
                f"Greenroom did not look up {name}: {LOOK_UPS} other names are being looked up. Check the DNS servers "
                "of Greenroom's machine.",
                kind="no_resources",
            )
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Found] = loop.create_future()

        def on_result(result: pycares.AddrInfoResult | None, status: int | None) -> None:
            addresses = [node.addr[0].decode() for node in result.nodes] if result else []
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._complete, found, addresses or _error(status))

        self._get_channel().getaddrinfo(name, None, type=socket.SOCK_STREAM, callback=on_result)
        self._in_flight += 1
        self._shared[name] = found
        late = loop.call_later(LOOK_UP_S, _resolve, found, _no_answer())
        found.add_done_callback(lambda _: late.cancel())
        found.add_done_callback(lambda _: self._shared.pop(name))
        if self._flushing is None:
            self._flushing = loop.call_later(CACHE_S, self._flush)
        return found

    def _complete(self, found: asyncio.Future[_Found], outcome: _Found) -> None:
        self._in_flight -= 1
        _resolve(found, outcome)

    def _get_channel(self) -> pycares.Channel:
        if self._channel is None:
            try:
                self._channel = pycares.Channel(servers=self._servers or None, tries=TRIES)
            except pycares.AresError:
                raise _error(None) from None
        return self._channel

    def _flush(self) -> None:
        """Empties the cache of c-ares, which then reads the system's configuration again."""
        self._flushing = None
        if self._channel is not None:
            with suppress(pycares.AresError):
                self._channel.reinit()

    def _find_in_hosts_file(self, name: str) -> list[str]:
        """
        Returns the addresses of a name in the hosts file.

        c-ares could read the file, too, but adds addresses to `localhost` that do not stand there.
        """
        try:
            changed_at = self._hosts.stat().st_mtime_ns
            if changed_at != self._hosts_read[0]:
                self._hosts_read = changed_at, _read_hosts(self._hosts.read_text(errors="replace"))
        except (FileNotFoundError, PermissionError):
            return []
        return self._hosts_read[1].get(name, [])


def _read_hosts(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names if literal(address) else ():
            found.setdefault(name.lower(), []).append(address)
    return found


def _resolve(found: asyncio.Future[_Found], outcome: _Found) -> None:
    if not found.done():
        found.set_result(outcome)


def _error(status: int | None) -> OSError:
    """Returns the error of `socket.getaddrinfo` for a status of c-ares."""
    if status in _UNKNOWN:
        return socket.gaierror(socket.EAI_NONAME, "unknown")
    if status == pycares.errno.ARES_ENOMEM:
        return OSError(errno.ENOMEM, "no memory")
    try:
        socket.socket().close()  # c-ares does not report that it could not open a socket, so one is opened to find out
    except OSError as lacking:
        return lacking
    return _no_answer()


def _no_answer() -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, "no answer")
