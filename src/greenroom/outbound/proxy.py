"""
Outgoing calls through an HTTP proxy, which opens a tunnel to an address that the egress guard has checked.

The proxy is asked for the address, not for the name: its own look-up could lead elsewhere than the one that was
checked. That is also why http goes through a tunnel.
"""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from greenroom.errors import LocalFault, TryLater

#: bytes of the proxy's answer to CONNECT, at most
MAX_ANSWER = 16 * 1024


@dataclass(frozen=True)
class Proxy:
    """The operator's proxy; `authorization` is the header's value, None without credentials."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: str) -> Self:
        """
        Returns the proxy of `http://[user:password@]host:port`, which the settings have checked.
        """
        parts = urlsplit(url)
        if parts.username is None:
            return cls(parts.hostname or "", parts.port or 0)
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(parts.hostname or "", parts.port or 0, "Basic " + b64encode(user.encode()).decode())

    @property
    def name(self) -> str:
        """Returns the proxy's host and port, without credentials."""
        return f"{self.host}:{self.port}"


async def open_tunnel(connected: socket.socket, proxy: Proxy, *, address: str, port: int, host: str) -> None:
    """
    Asks the proxy, over a connection to it, for a tunnel to an address; `host` is the name in messages.

    Raises:
        LocalFault: the proxy asks for other credentials, or does not answer in HTTP.
        TryLater: the proxy does not permit the address, or does not reach it.
        OSError: the connection to the proxy broke.
    """
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"proxy-authorization: {proxy.authorization}")
    loop, answer = asyncio.get_running_loop(), b""
    await loop.sock_sendall(connected, ("\r\n".join(lines) + "\r\n\r\n").encode())
    while b"\r\n\r\n" not in answer and len(answer) < MAX_ANSWER:
        received = await loop.sock_recv(connected, 4096)
        if not received:
            break
        answer += received
    version, _, rest = answer.partition(b" ")
    status = rest[:3].decode(errors="replace")
    if not version.startswith(b"HTTP/1.") or b"\r\n\r\n" not in answer:
        raise unusable(proxy, "does not answer CONNECT in HTTP/1.1")
    if status == "407":
        raise unusable(proxy, "refuses its user name and password (407)")
    if not status.startswith("2"):
        raise TryLater(f"The outbound proxy answered {status} for {host} ({address}).", kind="proxy")


def unusable(proxy: Proxy, why: str) -> LocalFault:
    """Returns the error of a proxy that no call can use: its fault is charged to no destination."""
    return LocalFault(
        f"The outbound proxy {proxy.name} {why}. Check GREENROOM_OUTBOUND_PROXY and the proxy.",
        kind="proxy",
        process_wide=True,
    )
