"""Only public addresses may be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.outbound.addresses import is_allowed, is_public, literal

#: IANA's special-purpose registries, multicast and class E, written out independently of the code
SPECIAL_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
]
SPECIAL_V6 = [
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/32",
    "2001::/23",
    "2001:2::/48",
    "2001:db8::/32",
    "2001:10::/28",
    "2001:20::/28",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def inside(networks: list[str]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    """Returns a strategy for any address of these networks."""
    return st.sampled_from(networks).flatmap(
        lambda text: st.ip_addresses(network=IPv6Network(text) if ":" in text else IPv4Network(text))
    )


@given(inside(SPECIAL_V4))
def test_no_special_ipv4_address_is_public(address: IPv4Address) -> None:
    """No address in any range of the registry is public."""
    assert not is_public(address)


@given(inside(SPECIAL_V6))
def test_no_special_ipv6_address_is_public(address: IPv6Address) -> None:
    """Embedded IPv4 is not public: mapped, translated, compatible, 6to4, Teredo."""
    assert not is_public(address)


#: the position of the IPv4 address in each form of IPv6: the prefix, and the bits after the address
EMBEDDED = {
    "mapped": ("::ffff:0:0", 0),
    "compatible": ("::", 0),
    "translated (SIIT)": ("::ffff:0:0:0", 0),
    "NAT64": ("64:ff9b::", 0),
    "local NAT64": ("64:ff9b:1::", 0),
    "6to4": ("2002::", 80),
    "Teredo's server": ("2001::", 64),
}


@given(st.ip_addresses(v=4), st.sampled_from(sorted(EMBEDDED)))
def test_an_embedded_ipv4_address_is_never_public(inner: IPv4Address, form: str) -> None:
    """Even a public embedded address is not: a translator on the way could lead anywhere."""
    prefix, shift = EMBEDDED[form]

    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(inner) << shift))


@given(st.ip_addresses(v=4))
def test_teredos_hidden_client_is_never_public(inner: IPv4Address) -> None:
    """Teredo keeps the client's address with its bits flipped."""
    assert not is_public(IPv6Address(int(IPv6Address("2001::")) | (int(inner) ^ 0xFFFFFFFF)))


@given(st.ip_addresses(v=4))
def test_one_address_in_every_notation(address: IPv4Address) -> None:
    """Decimal, hexadecimal and octal, whole and in two to four parts, are read as the resolver does."""
    number, parts = int(address), address.packed
    written = [
        str(number),
        hex(number),
        hex(number).upper().replace("0X", "0x"),
        f"0{number:o}",
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
    ]
    assert {literal(one) for one in written} == {address}


@given(st.text())
def test_any_host_is_read(host: str) -> None:
    """Any text is an address or none, and never raises an exception."""
    found = literal(host)
    assert found is None or isinstance(found, IPv4Address | IPv6Address)


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_ordinary_addresses_are_public(text: str) -> None:
    """Ordinary addresses of the internet are public."""
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_an_exception_opens_only_its_network(address: IPv4Address | IPv6Address) -> None:
    """`GREENROOM_ALLOW_PRIVATE_NETWORKS` permits the networks that it names and no others."""
    exceptions = [IPv4Network("10.1.0.0/16"), IPv6Network("fd00:1::/32")]

    assert is_allowed(address, exceptions) == (is_public(address) or any(address in one for one in exceptions))
    assert is_allowed(ip_address("10.1.2.3"), exceptions)
    assert not is_allowed(ip_address("10.2.0.1"), exceptions)
    assert not is_allowed(ip_address("::ffff:10.1.2.3"), exceptions)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("127.0.0.1%eth0", None),
        ("127.0.0.1\x00", None),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("example.com", None),
        ("1.2.3.4 x", None),
        ("", None),
        ("300.1.1.1", None),
    ],
)
def test_literals_in_every_notation(host: str, address: str | None) -> None:
    """A host that a resolver would take for an address is judged as one."""
    assert literal(host) == (ip_address(address) if address else None)
