"""A gateway to be measured: a real `greenroom serve` with a database of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from greenroom.bench import payload
from greenroom.bench.databases import own_database
from greenroom.bootstrap import open_context
from greenroom.connectors.greenhouse import wire
from greenroom.context import Context
from greenroom.demo.processes import Processes, first_free
from greenroom.model.events import order_payload
from greenroom.model.orders import Order
from greenroom.security.tokens import first_id
from greenroom.services import accounts, deliveries, integrations, orders, projects, webhooks
from greenroom.settings import Settings
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store.db import Tx, to_json, to_ms

T = TypeVar("T")

PROVIDER = "greenhouse"
EVENT = "ats_assessments.created"
#: queued deliveries that are written in one transaction, and transactions at the same time
BATCH = 250
WRITERS = 8
#: when what is old was delivered
LONG_AGO = timedelta(days=365)


@dataclass(frozen=True)
class Customer:
    """A project with one linked account. `token` is what its ATS calls with, `tenant` names it in the URL."""

    project_id: str
    account_id: str
    tenant: str
    token: str
    webhook_ids: tuple[str, ...]


@dataclass(frozen=True)
class Gateway:
    """A gateway's process and where it listens; `environment` is how it is set up."""

    processes: Processes
    name: str
    url: str
    environment: dict[str, str]

    def send_test_url(self, customer: Customer, base: str | None = None) -> str:
        """Where orders are sent; `base` is another server's that plays this one."""
        return f"{base or self.url}/external-trigger/{PROVIDER}/send_test?tenant-id={customer.tenant}"

    def pause(self) -> None:
        """Stop its process where it stands, so that something else can be measured; `resume` goes on."""
        self.processes.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self.processes.signal(self.name, signal.SIGCONT)

    def kill(self) -> None:
        """Kill its process with -9; another one may take its place."""
        self.processes.kill(self.name)

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self.processes.pid(self.name)


class Installation:
    """
    A gateway's data before it is served: customers are made and a queue is filled through its own services.

    `database_url` is its database's, None for SQLite.
    """

    def __init__(self, processes: Processes, name: str, database_url: str | None, *, retention_days: int) -> None:
        self.database_url = database_url
        self._processes = processes
        self._name = name
        self._started: list[str] = []
        port = first_free((0,))
        self._port = str(port)
        self._environment = {
            "GREENROOM_DATA_DIR": str(processes.directory / name),
            "GREENROOM_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "GREENROOM_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "GREENROOM_ALLOW_HTTP": "true",
            "GREENROOM_RETENTION_DAYS": str(retention_days),
        }
        if database_url:
            self._environment["GREENROOM_DATABASE_URL"] = database_url

    def customer(
        self,
        tenant: str,
        urls: Sequence[str],
        *,
        enabled: bool = True,
        queued: int = 0,
        delivered: int = 0,
        attempts: int = 1,
    ) -> Customer:
        """
        A project, its account, a webhook for each URL; `queued` deliveries wait already, over the webhooks in turn, and
        `delivered` ones were delivered a year ago, after so many `attempts`.

        Orders of a customer whose webhooks are disabled are held: accepted, and delivered by nobody.
        """

        async def make(ctx: Context) -> Customer:
            project = await projects.ensure(ctx, tenant)
            values: dict[str, Any] = {
                "tenant_id": tenant,
                "package_id": payload.PACKAGE,
                "callback_hosts": ("app.greenhouse.io",),
            }
            await integrations.put(ctx, project.id, PROVIDER, values)
            owner = accounts.NewAccount(PROVIDER, origin_owner_id=tenant, origin_owner_name=tenant)
            account, token = await accounts.link(ctx, project.id, owner)
            made = [
                (await webhooks.create(ctx, project.id, name=url, url=url, events=(EVENT,), enabled=enabled))[0].id
                for url in urls
            ]
            customer = Customer(project.id, account.id, tenant, token, tuple(made))
            await _let_wait(customer, made, queued, ctx)
            content = to_json(await _sample(ctx, customer))
            long_ago = datetime.now(UTC) - LONG_AGO
            await _in_batches(ctx, delivered, partial(_add_old, customer, content, long_ago, attempts))
            return customer

        return self._done(make)

    def queue(self, customer: Customer, webhook_ids: Sequence[str], count: int) -> None:
        """Let so many deliveries wait for these of its webhooks, in turn; it may be served meanwhile."""
        self._done(partial(_let_wait, customer, webhook_ids, count))

    def key(self, customer: Customer, *, used: int) -> str:
        """A new API key of its project's, which has made so many requests of its minute; it may be served meanwhile."""

        async def make(ctx: Context) -> str:
            key = await projects.create_key(ctx, name="bench", project=customer.tenant)
            await projects.draw_permits(ctx, key, used)
            return key

        return self._done(make)

    def is_drained(self, customer: Customer) -> bool:
        """Whether nothing of the queue is pending any more, be it due or under way."""

        async def look(ctx: Context) -> bool:
            pending = {"state": "pending"}
            return not await deliveries.list_deliveries(ctx, customer.project_id, pending, before=None, limit=1)

        return self._done(look)

    def _done(self, work: Callable[[Context], Awaitable[T]]) -> T:
        """What comes of it, done on its database by this process."""

        async def opened() -> T:
            async with open_context(Settings.from_environment(self._environment)) as ctx:
                return await work(ctx)

        return asyncio.run(opened())

    def serve(self) -> Gateway:
        """
        Start its gateway.

        Raises:
            ProcessFailed: it did not get ready.
        """
        return self._start(self._name, "serve", "--port", self._port, ready="Greenroom: http")

    def work(self, number: int) -> Gateway:
        """
        Start a worker, which delivers and serves nothing.

        Raises:
            ProcessFailed: it did not get ready.
        """
        return self._start(f"{self._name}-{number}", "work", ready="Delivering as")

    def _start(self, name: str, *arguments: str, ready: str) -> Gateway:
        self._started.append(name)
        self._processes.start(name, "greenroom", *arguments, ready=ready, extra=self._environment)
        return Gateway(self._processes, name, self._environment["GREENROOM_PUBLIC_URL"], self._environment)

    def stop(self) -> None:
        """End everything that was started on it."""
        for name in self._started:
            self._processes.stop(name)


@contextmanager
def installation(
    processes: Processes, name: str, server: str | None, *, retention_days: int = 90
) -> Iterator[Installation]:
    """A new installation; at the end its processes are stopped and its database is gone."""
    with own_database(server) as url:
        made = Installation(processes, name, url, retention_days=retention_days)
        try:
            yield made
        finally:
            made.stop()


async def _in_batches(ctx: Context, count: int, add: Callable[[Tx, range], Awaitable[None]]) -> None:
    """`add` what belongs to each number below `count`, many in a transaction."""

    async def write(first: int) -> None:
        await ctx.store.write(lambda tx: add(tx, range(first, min(first + BATCH, count))))

    firsts = iter(range(0, count, BATCH))

    async def writer() -> None:
        for first in firsts:
            await write(first)

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def _sample(ctx: Context, customer: Customer) -> dict[str, Any]:
    """The payload of an order, which itself is not kept."""
    now = ctx.now()
    order = Order(
        id=ctx.new_id("ord"),
        project_id=customer.project_id,
        account_id=customer.account_id,
        provider=PROVIDER,
        category="assessments",
        source="ats",
        request=wire.order_request(payload.send_test(1)),
        package_name=None,
        created_at=now,
        updated_at=now,
    )
    return order_payload(order, update_url=orders.update_url(ctx, order), at=now)


async def _let_wait(customer: Customer, webhook_ids: Sequence[str], count: int, ctx: Context) -> None:
    """So many deliveries, to these webhooks in turn."""
    content = to_json(await _sample(ctx, customer))
    await _in_batches(ctx, count, partial(_add, ctx, customer, webhook_ids, content))


async def _add(
    ctx: Context, customer: Customer, webhook_ids: Sequence[str], content: str, tx: Tx, numbers: range
) -> None:
    """Events with one pending delivery each, to these webhooks in turn."""
    for number in numbers:
        event_id = ctx.new_id("evt")
        await event_rows.add(tx, event_id, project_id=customer.project_id, event_type=EVENT, payload=content)
        await delivery_rows.add(
            tx,
            ctx.new_id("dlv"),
            project_id=customer.project_id,
            event_id=event_id,
            lane="vendor",
            destination_id=webhook_ids[number % len(webhook_ids)],
            event_name=EVENT,
        )


async def _add_old(customer: Customer, content: str, began: datetime, attempts: int, tx: Tx, numbers: range) -> None:
    """Events that were delivered at the last of so many attempts, each a millisecond after the one before."""
    times = {number: began + timedelta(milliseconds=number) for number in numbers}
    for number, at in times.items():
        event_id = first_id("evt", at)
        await event_rows.add(tx, event_id, project_id=customer.project_id, event_type=EVENT, payload=content)
        await delivery_rows.add(
            tx,
            first_id("dlv", at),
            project_id=customer.project_id,
            event_id=event_id,
            lane="vendor",
            destination_id=customer.webhook_ids[number % len(customer.webhook_ids)],
            event_name=EVENT,
            state="delivered",
        )
    for attempt in range(1, attempts + 1):
        made = {
            "project_id": customer.project_id,
            "number": attempt,
            "trigger": "auto",
            "duration_ms": 9,
            "status": 200 if attempt == attempts else 500,
            "request": "{}",
            "response": "{}",
            "worker": "bench",
        }
        rows = [
            made
            | {"id": f"{first_id('att', at)}{attempt}", "delivery_id": first_id("dlv", at), "started_at": to_ms(at)}
            for at in times.values()
        ]
        await delivery_rows.add_attempts(tx, [[row.get(column) for column in delivery_rows.ATTEMPT] for row in rows])
