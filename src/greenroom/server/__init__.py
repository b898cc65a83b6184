"""The HTTP server: configuration of uvicorn, accepting, and draining."""

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

#: connections of one process, at most; each may hold a head and a piece of a body, 128 KiB together
MOST_CONNECTIONS = 1000
#: connections that the kernel queues until they are accepted
BACKLOG = 2048
#: connections accepted in one turn of the event loop, at most
ACCEPT_BATCH = 64
#: seconds without accepting after the process or the machine ran out of descriptors
ACCEPT_RETRY_S = 0.1
#: seconds that a shutdown waits for requests in flight
GRACE_S = 10
#: seconds that idle connections stay open during a shutdown, so that few requests meet a closed connection
LEAVE_S = 0.5


def raise_descriptor_limit() -> int:
    """
    Raises the soft limit of open files to the hard one.

    Returns the number of descriptors that this process may have.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # the hard limit may be above the kernel's maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2 * MOST_CONNECTIONS


def most_connections(descriptors: int) -> int:
    """
    Returns the limit of connections: half of the descriptors.

    The other half is for the database, files and outgoing calls.
    """
    return max(1, min(descriptors // 2, MOST_CONNECTIONS))


class Server(uvicorn.Server):
    """
    An HTTP server for an ASGI application, on sockets that are bound already.

    It accepts connections itself, because uvloop spins, or accepts and closes, while there is no descriptor.
    """

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # api.proxies decides which proxies are trusted
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self.server_state: State = State(most_connections(raise_descriptor_limit()))
        self._accepted: set[asyncio.Task[Any]] = set()
        self._starved = False  # of descriptors

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, then accepts connections."""
        await super().startup([])
        if self.started:
            for listener in sockets or ():
                listener.setblocking(False)
                listener.listen(BACKLOG)
                self._listen(listener)

    async def on_tick(self, counter: int) -> bool:
        """Enforces the deadlines once a second."""
        if counter % 10 == 0:
            self.server_state.enforce_deadlines(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Accepts the connections queued in the kernel, refuses later ones, and drains.

        Every answer from now on has `Connection: close`; idle connections are closed only after a moment, because a
        request may be on its way to a connection that has just been closed.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            loop.remove_reader(listener)
            for one in _queued_connections(listener):  # the kernel would reset them when the listener is closed
                self._accept(one)
            listener.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        for connection in self.server_state.connections:
            cycle = connection.cycle
            if cycle and not cycle.response_started:  # its default headers may be older than `connection: close`
                cycle.keep_alive = False
        await asyncio.gather(*self._accepted, return_exceptions=True)
        until = time.monotonic() + LEAVE_S
        over = False
        while self.server_state.connections and not self.force_exit and not over:
            # checked before the sleep: when this process was suspended, the loop still reads the requests that came
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
                if number == 0:  # later the queue may be empty: the kernel checks for a descriptor first
                    self._pause_accepting(listener, error)
                return
            self._starved = False
            self._accept(connection)

    def _pause_accepting(self, listener: socket.socket, error: OSError) -> None:
        """
        Frees a descriptor, and accepts again after a pause.

        The listener stays readable, so without the pause the event loop would spin.
        """
        closed = error.errno == errno.EMFILE and self.server_state.close_longest_waiting()
        if not self._starved:  # one log entry until a connection is accepted again
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
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it only on its own
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client has gone already
            connection.close()

    def _protocol(self) -> Protocol:
        return Protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _queued_connections(listener: socket.socket) -> Iterator[socket.socket]:
    """Yields established connections from the kernel's queue."""
    with suppress(OSError):  # none, or no descriptor for more
        while True:
            yield listener.accept()[0]
