"""The cost of enrichment for accepted orders, on both databases: nothing without it, and no message more with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from greenroom.context import Context
from greenroom.model import enrichment
from greenroom.model.accounts import Account
from greenroom.model.enrichment import Enrichment
from greenroom.services import enrichments, placing
from greenroom.store.db import Store, Tx, Work
from tests.services.test_placing import asked, linked


class Counted:
    """A `Tx` that notes the kind of each statement."""

    def __init__(self, tx: Tx, kinds: list[str]) -> None:
        self._tx, self._kinds = tx, kinds

    def __getattr__(self, name: str) -> Any:
        def call(*values: Any, **named: Any) -> Any:
            self._kinds.append(name)
            return getattr(self._tx, name)(*values, **named)

        return call


class CountedStore:
    """A store that notes the statements of batchable transactions."""

    def __init__(self, store: Store) -> None:
        self._store, self.kinds = store, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def batchable_write(self, work: Work[Any]) -> Any:
        async def counted(tx: Tx) -> Any:
            return await work(Counted(tx, self.kinds))  # type: ignore[arg-type]

        return await self._store.batchable_write(counted)


@pytest.fixture
async def account(ctx: Context) -> Account:
    return await linked(ctx)


async def place(ctx: Context, account: Account, number: int, found: Enrichment | None) -> list[str]:
    """Places an order; returns the kinds of its statements."""
    store = CountedStore(ctx.store)
    request = asked(f"https://app.greenhouse.io/take_home_tests/{number}")
    counted = replace(ctx, store=store)
    await placing.place(counted, account, request, category="assessments", package_name=None, enrichment=found)
    return store.kinds


async def test_an_order_without_enrichment_costs_no_statement_more(ctx: Context, account: Account) -> None:
    """One to be enriched costs one INSERT that is sent in the message of the others."""
    plain = await place(ctx, account, 1, None)
    never = await place(ctx, account, 2, enrichment.missing("hiring_team.partner_only", ctx.now()))
    later = await place(ctx, account, 3, enrichment.waiting(ctx.now()))

    assert plain == never == ["run", "all", "add", "add", "add"]
    assert sorted(later) == sorted([*plain, "add"])
    assert [kind for kind in later if kind != "add"] == [kind for kind in plain if kind != "add"]


async def test_nothing_is_claimed_for_orders_without_enrichment(ctx: Context, account: Account) -> None:
    await place(ctx, account, 1, enrichment.missing("hiring_team.partner_only", ctx.now()))
    assert not await enrichments.has_due(ctx)
    assert await enrichments.claim(ctx) is None


async def test_accounts_take_turns(ctx: Context, account: Account) -> None:
    """Each claim is of another account, and of at most so many orders as one read can have."""
    for number in range(enrichments.MOST + 5):
        await place(ctx, account, number, enrichment.waiting(ctx.now()))
    first = await enrichments.claim(ctx)
    assert first is not None
    assert len(first.orders) == enrichments.MOST
    assert await enrichments.claim(ctx) is None
    await enrichments.interrupt(ctx)
    again = await enrichments.claim(ctx)
    assert again is not None
    assert [one.id for one in again.orders] == [one.id for one in first.orders]
