"""Load shedding: a store that refuses work when too much is waiting, so that its queue stays bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Counter

from greenroom.errors import Unavailable
from greenroom.store.db import Store, Work, WorkerSession

T = TypeVar("T")

#: limit of units of work in flight or waiting, for reads and writes each. So many take less than a second on the
#: machine of docs/performance.md, a few seconds on a slow disk
MOST = 1000

REFUSED = Counter("greenroom_database_refused", "Units of work refused, since too many waited for the database.")


class LoadSheddingStore:
    """A `Store` in front of another one; raises `Unavailable` for more than `most` reads or `most` writes."""

    def __init__(self, store: Store, *, most: int = MOST) -> None:
        self.most = most
        self._store = store
        self._reads = 0
        self._writes = 0

    async def write(self, work: Work[T]) -> T:
        return await self._writing(self._store.write, work)

    async def short_write(self, work: Work[T]) -> T:
        return await self._writing(self._store.short_write, work)

    async def batchable_write(self, work: Work[T]) -> T:
        return await self._writing(self._store.batchable_write, work)

    async def read(self, work: Work[T]) -> T:
        return await self._reading(self._store.read, work)

    async def batchable_read(self, work: Work[T]) -> T:
        return await self._reading(self._store.batchable_read, work)

    async def _writing(self, write: Callable[[Work[T]], Awaitable[T]], work: Work[T]) -> T:
        self._refuse_beyond(self._writes)
        self._writes += 1
        try:
            return await write(work)
        finally:
            self._writes -= 1

    async def _reading(self, read: Callable[[Work[T]], Awaitable[T]], work: Work[T]) -> T:
        self._refuse_beyond(self._reads)
        self._reads += 1
        try:
            return await read(work)
        finally:
            self._reads -= 1

    def worker_session(self, worker: str) -> WorkerSession | None:
        return self._store.worker_session(worker)

    async def close(self) -> None:
        await self._store.close()

    @property
    def waiting(self) -> int:
        """Returns the number of units of work in flight or waiting."""
        return self._reads + self._writes

    def _refuse_beyond(self, count: int) -> None:
        if count >= self.most:
            REFUSED.inc()
            raise Unavailable("Too many requests wait for the database. Try again shortly.")
