"""The state that every simulated ATS shares: tables, journal, clock, settings, faults and the traffic log."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiohttp import web

from greenroom_sandbox.clock import Clock
from greenroom_sandbox.errors import NotFound
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.model.record import Record, Stamped
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


class Kernel:
    """The shared tables, the settings and the clock.

    Each ATS registers its own tables with `add_table`, and its seed data in ``seeders``.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.changes = ChangeNotifier()
        #: the rules for partners' replies: name → the rule as a sentence, and its source
        self.rules: dict[str, tuple[str, str]] = {}
        self.seeders: list[Callable[[], None]] = []
        self._tables: list[Table[Any]] = []
        self.faults = self.add_table(Fault, "fault", 1)
        self.exchanges = self.add_table(Exchange, "exchange", 1)
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

    def add_table(self, kind: type[R], what: str, first_id: int) -> Table[R]:
        """Adds a table, which a reset clears; ``what`` is its name in the journal and in messages."""
        table = Table(kind, what, first_id, self.journal, self.changes, self._now)
        self._tables.append(table)
        return table

    def reset(self, seed: int, now: datetime | None, settings: WireSettings) -> None:
        """Replaces all state with the seed data of every ATS.

        With ``now`` the clock is frozen at that time. Raises: `Refused` before anything is removed.
        """
        if now is not None:
            Clock(ClockState()).set(now)  # refuses a bad time before anything is removed
        with self.transaction():
            self._clear(seed, settings)
            if now is not None:
                self.clock.run(False)
                self.clock.set(now)
                self.save_clock()
            for plant in self.seeders:
                plant()

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

    def _clear(self, seed: int, settings: WireSettings) -> None:
        """Removes every record and stores the seed and the settings."""
        for table in self._tables:
            table.clear()
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


#: key of the kernel in the aiohttp application
KERNEL = web.AppKey("kernel", Kernel)
