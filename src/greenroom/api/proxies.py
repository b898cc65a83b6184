"""Forwarding headers: those of trusted proxies are used, those of any other client are removed."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address


class TrustedProxies:
    """
    Middleware that sets the client address of requests from a proxy in `networks`.

    The client is the last address in `X-Forwarded-For` that is not a trusted proxy itself. Forwarding headers of any
    other request are removed.
    """

    def __init__(self, app: ASGIApp, *, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._networks = networks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._networks and self._is_trusted(_parse_address((scope.get("client") or ("",))[0])):
                self._set_client(scope)
            else:
                scope["headers"] = [one for one in scope["headers"] if not _is_forwarding(one[0])]
        await self._app(scope, receive, send)

    def _set_client(self, scope: Scope) -> None:
        chain = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        for text in reversed(chain.split(",")):
            client = _parse_address(text)
            if client is None:  # the client may have made up everything before this entry
                return
            scope["client"] = (str(client), 0)
            if not self._is_trusted(client):
                return

    def _is_trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _is_forwarding(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name == b"forwarded"


def _parse_address(text: str) -> Address | None:
    """Returns the IP address in a text, with or without a port; an IPv4-mapped IPv6 address as IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
