"""The HTTP server: how uvicorn is configured, who is accepted, and how a stop drains the connections."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import structlog
import uvicorn

from greenroom.server.protocol import KEEP_ALIVE_S, Protocol, State

log = structlog.get_logger("greenroom.server")

#: connections of one process; each may hold a head and a piece of a body, 128 KiB together
MOST_CONNECTIONS = 1000
#: connections that the kernel keeps until they are accepted
BACKLOG = 2048
#: connections that are accepted before the event loop does something else
ACCEPT_BATCH = 64
#: how long nothing is accepted after the process, or the machine, had no descriptor left
ACCEPT_RETRY_S = 0.1
#: how long a stop waits for requests that are being answered
GRACE_S = 10
#: how long a connection may be silent then before it is closed: a client that asks so seldom hardly asks at that moment
LEAVE_S = 0.5


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; the descriptors that this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a limit above the kernel's own
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2 * MOST_CONNECTIONS


def most_connections(descriptors: int) -> int:
    """Half of the descriptors: the rest is for the database, files and outgoing calls."""
    return max(1, min(descriptors // 2, MOST_CONNECTIONS))


class Server(uvicorn.Server):
    """
    An HTTP server for an ASGI application on sockets that are bound already.

    It accepts connections itself: uvloop spins, or accepts and closes, while there is no descriptor.
    """

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # api.proxies decides whom to believe
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self.server_state: State = State(most_connections(raise_descriptor_limit()))
        self._accepted: set[asyncio.Task[Any]] = set()
        self._starved = False  # of descriptors

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        await super().startup([])
        if self.started:
            for listener in sockets or ():
                listener.setblocking(False)
                listener.listen(BACKLOG)
                self._listen(listener)

    async def on_tick(self, counter: int) -> bool:
        """Enforce the deadlines once a second."""
        if counter % 10 == 0:
            self.server_state.enforce_deadlines(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Accept the connections that the kernel has made by now, refuse later ones, and drain.

        Every client learns with its next answer that this connection ends, and is closed only after a while without a
        request. A request may be on its way to a connection that has just been closed.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            loop.remove_reader(listener)
            for one in _waiting(listener):  # the kernel resets those that still wait at the close
                self._accept(one)
            listener.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        for connection in self.server_state.connections:
            cycle = connection.cycle
            if cycle and not cycle.response_started:  # it may have the headers of an earlier second
                cycle.keep_alive = False
        await asyncio.gather(*self._accepted, return_exceptions=True)
        until = time.monotonic() + LEAVE_S
        over = False
        while self.server_state.connections and not self.force_exit and not over:
            # before the loop has read what came: this process may have stood still all the while
            over = time.monotonic() >= until
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _listen(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0 and not self.should_exit:
            asyncio.get_running_loop().add_reader(listener, self._accept_waiting, listener)

    def _accept_waiting(self, listener: socket.socket) -> None:
        for number in range(ACCEPT_BATCH):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if number == 0:  # later the queue may be empty: the kernel looks for a descriptor first
                    self._pause_accepting(listener, error)
                return
            self._starved = False
            self._accept(connection)

    def _pause_accepting(self, listener: socket.socket, error: OSError) -> None:
        """Free a descriptor, and try again in a moment: the listener stays readable, so the loop would spin."""
        closed = error.errno == errno.EMFILE and self.server_state.close_longest_waiting()
        if not self._starved:  # one line until a connection is accepted again
            log.error("accept_failed", reason=error.strerror, closed_idle=closed, retry_s=ACCEPT_RETRY_S)
        self._starved = True
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(ACCEPT_RETRY_S, self._listen, listener)

    def _accept(self, connection: socket.socket) -> None:
        task = asyncio.create_task(self._open(connection))
        self._accepted.add(task)
        task.add_done_callback(self._accepted.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio forgets it here
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client has gone already
            connection.close()

    def _protocol(self) -> Protocol:
        return Protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that the kernel has made and that were not accepted yet."""
    with suppress(OSError):  # none, or no descriptor for more
        while True:
            yield listener.accept()[0]
