"""The IP addresses that outgoing calls may reach."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: IANA's special-purpose registry, multicast, class E, and one cloud's metadata service on a public address.
#: Python 3.11's `is_global` lets several of these pass.
FORBIDDEN_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
]  # fmt: skip

#: the only IPv6 addresses that may be reached, except for those of `FORBIDDEN_V6`: global unicast. Mapped, translated
#: (64:ff9b::) and unique local addresses lie outside of it
OPEN_V6 = IPv6Network("2000::/3")
#: global unicast that embeds an IPv4 address (Teredo in 2001::/23, 6to4), is for documentation or for special purposes
FORBIDDEN_V6 = [
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def is_public(address: Address) -> bool:
    """Returns whether an address may be reached without an exception."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in FORBIDDEN_V4)
    return address in OPEN_V6 and not any(address in network for network in FORBIDDEN_V6)


def is_allowed(address: Address, exceptions: Sequence[Network]) -> bool:
    """Returns whether an address may be reached, given the operator's exceptions."""
    return any(address in network for network in exceptions) or is_public(address)


def literal(host: str) -> Address | None:
    """
    Returns the address that a host is in any notation of the resolver; None for a name.

    IPv4 as four decimals, but also `127.1`, `0x7f.1`, `017700000001` and `2130706433`; IPv6 without its scope.
    """
    try:
        return ip_address(host.partition("%")[0] if ":" in host else host)
    except ValueError:
        pass
    try:
        # inet_aton accepts "1.2.3.4 anything", so a host with spaces is excluded
        return IPv4Address(socket.inet_aton(host)) if host and host.split() == [host] else None
    except (OSError, ValueError):
        return None
