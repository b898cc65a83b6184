"""
The UUIDs by which Ashby knows packages and orders, since its OpenAPI document types both ids so.

An order's UUID (version 8) has the same 122 bits as the order's id, so that either gives the other. A package's is
derived from its id, which may be any text; the list of packages gives the way back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from greenroom.model.orders import ID
from greenroom.model.packages import Package

#: the alphabet of an order's id, five bits a character
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PACKAGES = uuid.UUID("5f0c8a2e-7f0e-5c55-9c1d-0f1d6f4f6a3b")
#: random bits of an order's id; its time is above them
_RANDOM = 80


def assessment_id(order_id: str) -> str:
    """Returns the UUID of an order."""
    if not ID.fullmatch(order_id):
        raise ValueError(f"not an order's id: {order_id[:40]}")
    number = 0
    for character in order_id.partition("_")[2]:
        number = number << 5 | _ALPHABET.index(character)
    # version and variant take 6 of the 128 bits: the time needs 42 bits until the year 2109
    high, middle, low = number >> 74, number >> 62 & 0xFFF, number & (1 << 62) - 1
    return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


def order_id(assessment: str) -> str | None:
    """Returns the order's id of a UUID; None for a text that is no UUID of an order."""
    try:
        bits = uuid.UUID(assessment).int
    except ValueError:
        return None
    number = (bits >> 80) << 74 | (bits >> 64 & 0xFFF) << 62 | bits & (1 << 62) - 1
    found = "ord_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
    return found if assessment_id(found) == str(uuid.UUID(assessment)) else None


def assessment_type_id(package_id: str) -> str:
    """Returns the UUID of a package."""
    return str(uuid.uuid5(_PACKAGES, package_id))


def find_package(packages: Iterable[Package], type_id: str) -> Package | None:
    """Returns the package of a UUID, or None."""
    wanted = type_id.lower()
    return next((package for package in packages if assessment_type_id(package.id) == wanted), None)
