"""Sign-in links, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.services import sessions
from greenroom.store import sessions as session_rows
from greenroom.store.db import Store, Tx
from tests.support.queues import context


async def test_of_processes_that_start_together_one_makes_the_first_link(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process creates the first link, which works; a link made later is another one."""
    ctx = context(store)

    async def none_yet(_: Tx) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(session_rows, "has_codes", none_yet)
        links = [link for link in await asyncio.gather(*(sessions.first_link(ctx) for _ in range(4))) if link]

    assert len(links) == 1
    assert await sessions.sign_in(ctx, links[0].rpartition("/")[2])
    assert await sessions.first_link(ctx) is None
    assert await sessions.make_link(ctx) not in links
