"""Checks of a vendor's list endpoint."""

from __future__ import annotations

from greenroom.check.model import Suite
from greenroom.check.packages import content, paging, security, transport
from greenroom.check.packages.subject import PackagesSubject

PACKAGES: Suite[PackagesSubject] = Suite(
    "packages",
    [*transport.SUITE.checks, *content.SUITE.checks, *paging.SUITE.checks, *security.SUITE.checks],
)
