"""Fixtures of the conformance kit's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from greenroom.outbound import Outbound


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    """An outbound client that may call this machine."""
    client = Outbound(allowed_networks=[ip_network("127.0.0.0/8")], allow_http=True)
    yield client
    await client.aclose()
