"""The simulator's whole state, in tables that are written through to the journal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Generic, TypeVar

from greenroom_sandbox.clock import Clock
from greenroom_sandbox.errors import NotFound
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.model.harvest import Client, Grant
from greenroom_sandbox.model.hiring import Application, Candidate, Job, Organization, Stage, User
from greenroom_sandbox.model.hook import Hook, HookDelivery
from greenroom_sandbox.model.partner import Connection, Partner
from greenroom_sandbox.model.record import Record, Stamped
from greenroom_sandbox.model.take_home import TakeHome
from greenroom_sandbox.model.wire import ClockState, Exchange, Fault, WireSettings
from greenroom_sandbox.wire.windows import FixedWindows

R = TypeVar("R", bound=Record)

#: limits of the traffic log; the oldest exchanges are removed first
MOST_EXCHANGES = 10_000
MOST_LOGGED_CHARACTERS = 64 * 1024 * 1024


class ChangeNotifier:
    """A notifier for requests that wait for a change."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Wakes up the waiting requests after a record changed."""
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    async def wait_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Waits until ``holds()`` is true, at most so many real seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._next.wait()
        except TimeoutError:
            return


class Table(Generic[R]):
    """Records of one kind by id, in order of creation.

    ``first_id`` is the id of the first record.
    """

    def __init__(
        self,
        kind: type[R],
        what: str,
        first_id: int,
        journal: Journal,
        changes: ChangeNotifier,
        now: Callable[[], datetime],
    ) -> None:
        self._kind, self._what, self._first_id = kind, what, first_id
        self._journal, self._changes, self._now = journal, changes, now
        self._rows: dict[int, R] = {}
        self._last = first_id - 1
        for body in journal.read(what):
            self._put(kind.model_validate_json(body))

    def __len__(self) -> int:
        return len(self._rows)

    def next_id(self) -> int:
        """Returns the id of the next new record."""
        return self._last + 1

    def get(self, record_id: int) -> R:
        """Returns the record. Raises: `NotFound`."""
        record = self._rows.get(record_id)
        if record is None:
            raise NotFound(f"there is no {self._what} {record_id}")
        return record

    def find(self, record_id: int) -> R | None:
        """Returns the record or None."""
        return self._rows.get(record_id)

    def all(self) -> list[R]:
        """Returns every record, oldest first."""
        return list(self._rows.values())

    def save(self, record: R) -> R:
        """Stores a new or changed record and updates its timestamps, if it has any."""
        if isinstance(record, Stamped):
            record.updated_at = self._now()
            if record.id not in self._rows:
                record.created_at = record.updated_at
        self._put(record)
        self._journal.write(self._what, record.id, record.model_dump_json())
        self._changes.notify()
        return record

    def remove(self, record_id: int) -> None:
        """Removes a record."""
        self._rows.pop(record_id, None)
        self._journal.remove(self._what, record_id)

    def oldest(self) -> int:
        """Returns the id of the oldest record."""
        return next(iter(self._rows))

    def clear(self) -> None:
        """Removes every record; ids start again."""
        for record_id in list(self._rows):
            self.remove(record_id)
        self._last = self._first_id - 1

    def _put(self, record: R) -> None:
        self._rows[record.id] = record
        self._last = max(self._last, record.id)


class World:
    """All tables, the settings and the clock."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.changes = ChangeNotifier()
        shared = (journal, self.changes, self._now)
        self.organizations = Table(Organization, "organization", 101, *shared)
        self.users = Table(User, "user", 901, *shared)
        self.jobs = Table(Job, "job", 4001, *shared)
        self.stages = Table(Stage, "stage", 5001, *shared)
        self.candidates = Table(Candidate, "candidate", 17681501, *shared)
        self.applications = Table(Application, "application", 26234701, *shared)
        self.partners = Table(Partner, "partner", 1, *shared)
        self.connections = Table(Connection, "connection", 1, *shared)
        self.take_homes = Table(TakeHome, "take-home", 900001, *shared)
        self.faults = Table(Fault, "fault", 1, *shared)
        self.exchanges = Table(Exchange, "exchange", 1, *shared)
        self.clients = Table(Client, "Harvest client", 1, *shared)
        self.grants = Table(Grant, "grant", 1, *shared)
        self.hooks = Table(Hook, "webhook", 1, *shared)
        self.deliveries = Table(HookDelivery, "webhook delivery", 1, *shared)
        self.rate_limits = FixedWindows()
        self.settings = WireSettings()
        self.clock = Clock(ClockState())
        self.seed = 1
        self._secret_count = 0
        self._logged = sum(exchange.length for exchange in self.exchanges.all())
        for body in journal.read("settings"):
            self.settings = WireSettings.model_validate_json(body)
        for body in journal.read("clock"):
            self.clock = Clock(ClockState.model_validate_json(body))
        for body in journal.read("seed"):
            self.seed = int(body)
        for body in journal.read("minted"):
            self._secret_count = int(body)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Groups many writes into one transaction of the journal.

        The block must not await.
        """
        self.journal.begin()
        try:
            yield
        finally:
            self.journal.commit()

    def clear(self, seed: int, settings: WireSettings) -> None:
        """Removes every record and stores the seed and the settings."""
        for clear in (
            self.organizations.clear,
            self.users.clear,
            self.jobs.clear,
            self.stages.clear,
            self.candidates.clear,
            self.applications.clear,
            self.partners.clear,
            self.connections.clear,
            self.take_homes.clear,
            self.faults.clear,
            self.exchanges.clear,
            self.clients.clear,
            self.grants.clear,
            self.hooks.clear,
            self.deliveries.clear,
        ):
            clear()
        self._logged = 0
        self.rate_limits.clear()
        self.seed, self._secret_count = seed, 0
        self.journal.write("minted", 1, "0")
        self.journal.write("seed", 1, str(seed))
        self.save_settings(settings)
        self.clock = Clock(ClockState())
        self.save_clock()

    def generate_secret(self, characters: int = 32) -> str:
        """Generates a URL-safe secret of at most 43 characters.

        The same seed and the same calls give the same secrets.
        """
        self._secret_count += 1
        self.journal.write("minted", 1, str(self._secret_count))
        digest = hashlib.sha256(f"secret {self._secret_count} of seed {self.seed}".encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().replace("-", "A").replace("_", "B")[:characters]

    def _now(self) -> datetime:
        return self.clock.now()

    def save_settings(self, settings: WireSettings) -> None:
        """Replaces the wire settings."""
        self.settings = settings
        self.journal.write("settings", 1, settings.model_dump_json())
        self.changes.notify()

    def save_clock(self) -> None:
        """Stores the clock after it was set, frozen or started."""
        self.journal.write("clock", 1, self.clock.state.model_dump_json())
        self.changes.notify()

    def find_connection(self, organization_id: int, partner_id: int) -> Connection | None:
        """Returns a customer's connection with a partner, or None."""
        for connection in self.connections.all():
            if (connection.organization_id, connection.partner_id) == (organization_id, partner_id):
                return connection
        return None

    def get_plan(self, job_id: int) -> list[Stage]:
        """Returns a job's stages in order."""
        return sorted(
            (stage for stage in self.stages.all() if stage.job_id == job_id), key=lambda stage: stage.position
        )

    def get_take_homes(self, application_id: int) -> list[TakeHome]:
        """Returns an application's take-homes, oldest first."""
        return [test for test in self.take_homes.all() if test.application_id == application_id]

    def log_exchange(self, exchange: Exchange) -> Exchange:
        """Stores a new exchange under the next id and removes the oldest above the limits."""
        exchange.id = self.exchanges.next_id()
        self.exchanges.save(exchange)
        self._logged += exchange.length
        while len(self.exchanges) > MOST_EXCHANGES or self._logged > MOST_LOGGED_CHARACTERS:
            self._logged -= self.exchanges.get(self.exchanges.oldest()).length
            self.exchanges.remove(self.exchanges.oldest())
        return exchange

    def clear_traffic(self) -> None:
        """Removes every exchange; ids go on."""
        for exchange in self.exchanges.all():
            self.exchanges.remove(exchange.id)
        self._logged = 0
