"""
Names, looked up by an asynchronous resolver (c-ares): a name that nobody answers for holds up no other one.

A name in the hosts file has the addresses that stand there; any other is asked of the DNS servers in /etc/resolv.conf,
with its search domains. See docs/decisions/0024.
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

#: look-ups in flight, over all callers. A caller may leave, its look-up cannot be called back; so they are more than
#: the connections that may be made at a time
LOOK_UPS = 1024
#: a look-up that nobody has answered by then has failed, although c-ares may go on: whoever asks later begins anew
LOOK_UP_S = 10.0
#: sends of a question to each server. c-ares waits for five times a server's usual answering time, 250 ms at least,
#: then twice as long each time: a name may take about 5 s
TRIES = 5
#: c-ares keeps an answer, also that a name does not exist, as long as its TTL says, and for no longer than this
CACHE_S = 30.0

_UNKNOWN = frozenset(
    {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME, pycares.errno.ARES_ENONAME}
)


#: what a look-up found: addresses, or why there are none
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
        Returns where a host may be, the preferred address first; whoever asks for the same name shares one look-up.

        Raises:
            socket.gaierror: EAI_NONAME where the name does not exist or has no address, EAI_AGAIN where nobody says.
            OSError: this process has no file descriptor or memory left for a look-up.
            LocalFault: too many look-ups are in flight.
        """
        name = host.lower()
        if listed := self._listed(name.rstrip(".")):
            return listed
        shared = self._shared.get(name) or self._ask(name)
        found = await asyncio.shield(shared)
        if isinstance(found, OSError):
            raise type(found)(*found.args)  # each caller raises an error of its own
        return found

    def close(self) -> None:
        """End every look-up."""
        if self._flushing is not None:
            self._flushing.cancel()
        if self._channel is not None:
            self._channel.cancel()
            self._channel.close()
            self._channel = None

    def _ask(self, name: str) -> asyncio.Future[_Found]:
        if self._in_flight >= LOOK_UPS:
            raise LocalFault(
                f"Greenroom did not look up {name}: {LOOK_UPS} other names are being looked up. Check the DNS servers "
                "of Greenroom's machine.",
                kind="no_resources",
            )
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Found] = loop.create_future()

        def called_back(result: pycares.AddrInfoResult | None, status: int | None) -> None:
            addresses = [node.addr[0].decode() for node in result.nodes] if result else []
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(self._answered, found, addresses or _error(status))

        self._opened().getaddrinfo(name, None, type=socket.SOCK_STREAM, callback=called_back)
        self._in_flight += 1
        self._shared[name] = found
        late = loop.call_later(LOOK_UP_S, _resolve, found, _no_answer())
        found.add_done_callback(lambda _: late.cancel())
        found.add_done_callback(lambda _: self._shared.pop(name))
        if self._flushing is None:
            self._flushing = loop.call_later(CACHE_S, self._flush)
        return found

    def _answered(self, found: asyncio.Future[_Found], what: _Found) -> None:
        self._in_flight -= 1
        _resolve(found, what)

    def _opened(self) -> pycares.Channel:
        if self._channel is None:
            try:
                self._channel = pycares.Channel(servers=self._servers or None, tries=TRIES)
            except pycares.AresError:
                raise _error(None) from None
        return self._channel

    def _flush(self) -> None:
        """Let c-ares forget its answers, and read the system's configuration again."""
        self._flushing = None
        if self._channel is not None:
            with suppress(pycares.AresError):
                self._channel.reinit()

    def _listed(self, name: str) -> list[str]:
        """
        The addresses of a name in the hosts file.

        c-ares would read it, too, and add addresses to `localhost` that do not stand there.
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


def _resolve(found: asyncio.Future[_Found], what: _Found) -> None:
    if not found.done():
        found.set_result(what)


def _error(status: int | None) -> OSError:
    """A status of c-ares as the error of `socket.getaddrinfo`."""
    if status in _UNKNOWN:
        return socket.gaierror(socket.EAI_NONAME, "unknown")
    if status == pycares.errno.ARES_ENOMEM:
        return OSError(errno.ENOMEM, "no memory")
    try:
        socket.socket().close()  # c-ares does not say whether it lacked a socket
    except OSError as lacking:
        return lacking
    return _no_answer()


def _no_answer() -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, "no answer")
