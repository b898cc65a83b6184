"""A vendor's decision on an order before it is placed. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """
    Whether the vendor takes an order.

    `message` tells the recruiter why it does not. `problem` says why the vendor could not be asked; the order is
    accepted then.
    """

    accept: bool = True
    message: str | None = None
    problem: str | None = None
