"""Recognition of repeated requests, on both databases, also concurrently and beside the previous version."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from greenroom.connectors.greenhouse.wire import order_request
from greenroom.context import Context, NoEngine
from greenroom.errors import QueueFull
from greenroom.model.accounts import Account
from greenroom.model.orders import Order, OrderRequest
from greenroom.services import erasure, placing, timelines
from greenroom.store import accounts as account_rows
from greenroom.store import orders as order_rows
from greenroom.store import projects as project_rows
from greenroom.store.postgres import PostgresStore
from tests.support.postgres import Postgres
from tests.support.queues import PROJECT, context

URL = "https://app.greenhouse.io/take_home_tests/{}/complete"


async def linked(ctx: Context) -> Account:
    """An account of a project without webhooks."""
    now = ctx.now()
    account = Account("acc_1", PROJECT, "greenhouse", "owner", "Owner", now, now)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, PROJECT, "p"))
    await ctx.store.write(lambda tx: account_rows.add(tx, account))
    return account


class FullQueue(NoEngine):
    """An engine that knows of a full queue in every project."""

    def is_queue_full(self, project_id: str) -> bool:
        return True


@pytest.fixture
async def account(ctx: Context) -> Account:
    return await linked(ctx)


def asked(url: str | None = URL.format(777), **changes: Any) -> OrderRequest:
    """A send_test as Greenhouse's connector reads it."""
    person = {"email": changes.pop("email", "ada@example.test"), "first_name": "Ada"}
    return order_request({"partner_test_id": "pkg_1", "candidate": person, "url": url, **changes})


async def place(ctx: Context, account: Account, request: OrderRequest) -> Order:
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


async def rows(ctx: Context, table: str) -> int:
    return len(await ctx.store.read(lambda tx: tx.all(f"SELECT id FROM {table}")))


async def alerts(ctx: Context, order: Order) -> list[str]:
    entries = await timelines.list_entries(ctx, PROJECT, order.id, limit=100)
    return [entry.message for entry in entries if entry.kind == "alert"]


async def test_urls_that_end_alike_are_orders_of_their_own(ctx: Context, account: Account) -> None:
    """Each order is found again by its whole callback URL, also by concurrent repeats, and none has an alert."""
    requests = [asked(URL.format(number)) for number in range(5)]
    first = [await place(ctx, account, request) for request in requests]
    again = await asyncio.gather(*(place(ctx, account, request) for request in requests * 8))

    assert len({order.id for order in first}) == 5
    assert [order.id for order in again] == [order.id for order in first] * 8
    assert (await rows(ctx, "orders"), await rows(ctx, "events")) == (5, 5)
    assert [await alerts(ctx, order) for order in first] == [[]] * 5


async def test_many_at_once_without_one_before(ctx: Context, account: Account) -> None:
    """Concurrent requests make one order and one event for each URL."""
    requests = [asked(URL.format(number % 7)) for number in range(70)]
    placed = await asyncio.gather(*(place(ctx, account, request) for request in requests))

    assert [order.id for order in placed] == [order.id for order in placed[:7]] * 10
    assert len({order.id for order in placed}) == 7
    assert (await rows(ctx, "orders"), await rows(ctx, "events")) == (7, 7)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [({"email": "grace@example.test"}, "candidate.email"), ({"partner_test_id": "pkg_2"}, "package.id")],
)
async def test_another_candidate_or_package_under_one_url(
    ctx: Context, account: Account, changes: dict[str, Any], differs: str
) -> None:
    """A different request under a known URL is another order with an alert; its repeat is that other order."""
    first = await place(ctx, account, asked())
    with structlog.testing.capture_logs() as logged:
        other, *same = await asyncio.gather(*(place(ctx, account, asked(**changes)) for _ in range(9)))
    third = await place(ctx, account, asked(email="lin@example.test", partner_test_id="pkg_3"))

    assert {order.id for order in same} == {other.id}
    assert len({first.id, other.id, third.id}) == 3
    assert (await place(ctx, account, asked())).id == first.id
    assert (await place(ctx, account, asked(email="lin@example.test", partner_test_id="pkg_3"))).id == third.id
    for order, known in ((other, first), (third, other)):
        (alert,) = await alerts(ctx, order)
        assert f"the callback URL of order {known.id}" in alert
    assert f"but {differs} differs" in (await alerts(ctx, other))[0]
    assert (logged[0]["event"], logged[0]["order_id"], logged[0]["differs"]) == (
        "callback_url_shared",
        other.id,
        differs,
    )
    assert (await rows(ctx, "orders"), await rows(ctx, "events")) == (3, 3)


async def test_the_same_person_spelled_otherwise_is_the_same(ctx: Context, account: Account) -> None:
    """An e-mail in another case or a corrected name is a repeat of the same order."""
    first = await place(ctx, account, asked())

    assert (await place(ctx, account, asked(email="ADA@example.test", sent_by="x@northwind.example"))).id == first.id


def old_key(request: OrderRequest) -> str:
    """As the version before made it: of the callback URL only its last segment."""
    return str(request.callback_url).rpartition("/")[2]


async def test_orders_of_the_version_before_are_found_again(ctx: Context, account: Account) -> None:
    """Right after an upgrade, and also when that version had taken two orders for one."""
    old = await place(ctx, account, asked(URL.format(1)))
    await ctx.store.write(
        lambda tx: tx.run("UPDATE orders SET dedupe_key = $1 WHERE id = $2", old_key(asked()), old.id)
    )

    again = await asyncio.gather(*(place(ctx, account, asked(URL.format(1))) for _ in range(8)))
    merged = await place(ctx, account, asked(URL.format(2)))

    assert {order.id for order in again} == {old.id}
    assert merged.id != old.id
    assert await rows(ctx, "orders") == 2


async def test_the_version_before_finds_the_orders_of_this_one(ctx: Context, account: Account) -> None:
    """
    An old process and a new one take the same request at the same time: its INSERT is stopped by the order that is there.
    """
    request = asked("https://app.greenhouse.io/take_home_tests/900417")

    async def place_as_before() -> str:
        now = ctx.now()
        order = Order(
            ctx.new_id("ord"), PROJECT, account.id, "greenhouse", "assessments", "ats", request, None, now, now
        )

        async def work(tx: Any) -> str:
            if await order_rows.add(tx, order, dedupe_key=old_key(request)):
                return order.id
            known = await order_rows.find_by_dedupe_key(tx, account.id, old_key(request))
            assert known is not None
            return known.id

        return await ctx.store.write(work)

    before = [place_as_before() for _ in range(10)]
    after = [place(ctx, account, request) for _ in range(10)]
    found = await asyncio.gather(*(one for pair in zip(before, after, strict=True) for one in pair))

    assert len({one if isinstance(one, str) else one.id for one in found}) == 1
    assert await rows(ctx, "orders") == 1


@pytest.mark.postgres
async def test_two_processes_on_one_database(postgres: Postgres, migrated: str) -> None:
    """Two processes, each with its own statement batching, make one order for each URL."""
    url = postgres.create_database(migrated)
    stores = [PostgresStore(url), PostgresStore(url)]
    first, second = (context(store) for store in stores)
    owner = await linked(first)
    assert await rows(second, "orders") == 0  # connects before the rush: a busy machine takes long to connect
    requests = [asked(URL.format(number % 10)) for number in range(50)]
    placed = await asyncio.gather(*(place(one, owner, each) for each in requests for one in (first, second)))

    assert len({order.id for order in placed}) == 10
    assert (await rows(first, "orders"), await rows(first, "events")) == (10, 10)
    for store in stores:
        await store.close()


async def test_an_erased_order_is_known_by_its_url(ctx: Context, account: Account) -> None:
    """A repeat of an erased order is that order; another URL with the same end is a new one."""
    erased = await place(ctx, account, asked(URL.format(1)))
    await erasure.erase(ctx, PROJECT, erased.id)
    other = await place(ctx, account, asked(URL.format(2)))

    assert (await place(ctx, account, asked(URL.format(1)))).id == erased.id
    assert other.id != erased.id
    assert (await place(ctx, account, asked(URL.format(2)))).id == other.id


async def test_without_a_url_only_an_identical_request_is_a_repeat(ctx: Context, account: Account) -> None:
    """An identical request is a repeat for two minutes, also concurrently, and a new order afterwards."""
    clock = datetime.now(UTC)
    ctx = replace(ctx, now=lambda: clock)
    first = await asyncio.gather(*(place(ctx, account, asked(None)) for _ in range(10)))
    other = await place(ctx, account, asked(None, sent_by="x@northwind.example"))
    clock += timedelta(minutes=2)
    same = await place(ctx, account, asked(None))
    clock += timedelta(milliseconds=1)
    with pytest.raises(QueueFull):
        await place(replace(ctx, engine=FullQueue()), account, asked(None))
    later = await asyncio.gather(*(place(ctx, account, asked(None)) for _ in range(10)))
    full = await place(replace(ctx, engine=FullQueue()), account, asked(None))

    assert {order.id for order in first} == {same.id}
    assert {order.id for order in later} == {full.id}
    assert len({first[0].id, other.id, full.id}) == 3
    assert (await rows(ctx, "orders"), await rows(ctx, "events")) == (3, 3)


async def test_a_full_queue_finds_what_is_there(ctx: Context, account: Account) -> None:
    """An existing order is found by its whole URL; a new one is refused."""
    first, second = await place(ctx, account, asked(URL.format(1))), await place(ctx, account, asked(URL.format(2)))
    full = replace(ctx, engine=FullQueue())

    assert (await place(full, account, asked(URL.format(1)))).id == first.id
    assert (await place(full, account, asked(URL.format(2)))).id == second.id
    with pytest.raises(QueueFull):
        await place(full, account, asked(URL.format(3)))
