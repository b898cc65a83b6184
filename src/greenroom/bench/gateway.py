"""A gateway under measurement: a real `greenroom serve` with a database of its own."""

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
#: queued deliveries written in one transaction, and concurrent transactions
BATCH = 250
WRITERS = 8
#: the age of old deliveries
LONG_AGO = timedelta(days=365)


@dataclass(frozen=True)
class Customer:
    """
    A project with one linked account.

    `token` is the key of its ATS, `tenant` its name in the URL.
    """

    project_id: str
    account_id: str
    tenant: str
    token: str
    webhook_ids: tuple[str, ...]


@dataclass(frozen=True)
class Gateway:
    """A running gateway and its URL; `environment` has its settings."""

    processes: Processes
    name: str
    url: str
    environment: dict[str, str]

    def send_test_url(self, customer: Customer, base: str | None = None) -> str:
        """
        Returns the URL that orders are sent to.

        `base` is another server that takes the gateway's place.
        """
        return f"{base or self.url}/external-trigger/{PROVIDER}/send_test?tenant-id={customer.tenant}"

    def pause(self) -> None:
        """Suspends the process, so that another one can be measured."""
        self.processes.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        """Resumes the suspended process."""
        self.processes.signal(self.name, signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process with -9; another one may be started in its place."""
        self.processes.kill(self.name)

    @property
    def pid(self) -> int:
        """Returns the process's id."""
        return self.processes.pid(self.name)


class Installation:
    """
    A gateway's data before it is served.

    Customers are made and queues are filled through the gateway's own services. `database_url` is None for SQLite.
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
        **settings: Any,
    ) -> Customer:
        """
        Creates a project, its account, and a webhook for each URL.

        `queued` deliveries are pending, over the webhooks in turn, and `delivered` ones were delivered a year ago,
        after so many `attempts`. When the webhooks are not `enabled`, orders are accepted and held. `settings` are of
        the integration.
        """

        async def make(ctx: Context) -> Customer:
            project = await projects.ensure(ctx, tenant)
            values: dict[str, Any] = {
                "tenant_id": tenant,
                "package_id": payload.PACKAGE,
                "settings": {"callback_hosts": ["app.greenhouse.io"], **settings},
            }
            await integrations.put(ctx, project.id, PROVIDER, values)
            owner = accounts.NewAccount(PROVIDER, origin_owner_id=tenant, origin_owner_name=tenant)
            account, token = await accounts.link(ctx, project.id, owner)
            made = [
                (await webhooks.create(ctx, project.id, name=url, url=url, events=(EVENT,), enabled=enabled))[0].id
                for url in urls
            ]
            customer = Customer(project.id, account.id, tenant, token, tuple(made))
            await _add_pending(customer, made, queued, ctx)
            content = to_json(await _sample(ctx, customer))
            long_ago = datetime.now(UTC) - LONG_AGO
            await _in_batches(ctx, delivered, partial(_add_old, customer, content, long_ago, attempts))
            return customer

        return self._run(make)

    def queue(self, customer: Customer, webhook_ids: Sequence[str], count: int) -> None:
        """Adds pending deliveries for these webhooks, in turn; the gateway may be running."""
        self._run(partial(_add_pending, customer, webhook_ids, count))

    def key(self, customer: Customer, *, used: int) -> str:
        """
        Creates an API key of the customer's project.

        The key has made `used` requests of its minute already. The gateway may be running.
        """

        async def make(ctx: Context) -> str:
            key = await projects.create_key(ctx, name="bench", project=customer.tenant)
            await projects.draw_permits(ctx, key, used)
            return key

        return self._run(make)

    def is_drained(self, customer: Customer) -> bool:
        """Returns whether no delivery is pending any more, neither due nor in flight."""

        async def look(ctx: Context) -> bool:
            pending = {"state": "pending"}
            return not await deliveries.list_deliveries(ctx, customer.project_id, pending, before=None, limit=1)

        return self._run(look)

    def _run(self, work: Callable[[Context], Awaitable[T]]) -> T:
        """Returns the result of `work`, done on the installation's database in this process."""

        async def opened() -> T:
            async with open_context(Settings.from_environment(self._environment)) as ctx:
                return await work(ctx)

        return asyncio.run(opened())

    def serve(self) -> Gateway:
        """
        Starts the gateway.

        Raises:
            ProcessFailed: it did not become ready.
        """
        return self._start(self._name, "serve", "--port", self._port, ready="Greenroom: http")

    def work(self, number: int) -> Gateway:
        """
        Starts a worker, which delivers and serves no requests.

        Raises:
            ProcessFailed: it did not become ready.
        """
        return self._start(f"{self._name}-{number}", "work", ready="Delivering as")

    def _start(self, name: str, *arguments: str, ready: str) -> Gateway:
        self._started.append(name)
        self._processes.start(name, "greenroom", *arguments, ready=ready, extra=self._environment)
        return Gateway(self._processes, name, self._environment["GREENROOM_PUBLIC_URL"], self._environment)

    def stop(self) -> None:
        """Stops every process of this installation."""
        for name in self._started:
            self._processes.stop(name)


@contextmanager
def installation(
    processes: Processes, name: str, server: str | None, *, retention_days: int = 90
) -> Iterator[Installation]:
    """
    Creates an installation.

    At the end its processes are stopped and its database is dropped.
    """
    with own_database(server) as url:
        made = Installation(processes, name, url, retention_days=retention_days)
        try:
            yield made
        finally:
            made.stop()


async def _in_batches(ctx: Context, count: int, add: Callable[[Tx, range], Awaitable[None]]) -> None:
    """Calls `add` for all numbers below `count`, many in one transaction."""

    async def write(first: int) -> None:
        await ctx.store.write(lambda tx: add(tx, range(first, min(first + BATCH, count))))

    firsts = iter(range(0, count, BATCH))

    async def writer() -> None:
        for first in firsts:
            await write(first)

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def _sample(ctx: Context, customer: Customer) -> dict[str, Any]:
    """Returns the payload of an order that is not stored."""
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


async def _add_pending(customer: Customer, webhook_ids: Sequence[str], count: int, ctx: Context) -> None:
    """Adds `count` pending deliveries, to these webhooks in turn."""
    content = to_json(await _sample(ctx, customer))
    await _in_batches(ctx, count, partial(_add, ctx, customer, webhook_ids, content))


async def _add(
    ctx: Context, customer: Customer, webhook_ids: Sequence[str], content: str, tx: Tx, numbers: range
) -> None:
    """Adds events with one pending delivery each, to these webhooks in turn."""
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
    """
    Adds events that were delivered at the last of so many attempts.

    Each is a millisecond younger than the one before.
    """
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
