"""
The gateway's server with a null store: the cost of a request without a database.

The application is the gateway's own: route, authentication, parsing, the service, the JSON answer. Only its store is
replaced, by one that asks the real database each question once and afterwards answers from memory, and that writes
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import uvloop

from greenroom.app import Gateway, build_app, collect_garbage_seldom
from greenroom.bootstrap import open_context
from greenroom.catalog import Catalog
from greenroom.engine.worker import Engine
from greenroom.intake import Intake
from greenroom.outbound import Outbound
from greenroom.server import Server
from greenroom.settings import Settings
from greenroom.store.db import Row, Store, Work

T = TypeVar("T")


@dataclass
class NullStore:
    """
    A `Store` and its `Tx` in one.

    A SELECT returns the rows of the first execution of its text, whatever the values; other statements write nothing
    and report one row.
    """

    real: Store
    _known: dict[str, Sequence[Row]] = field(default_factory=dict)

    async def write(self, work: Work[T]) -> T:
        return await work(self)

    async def read(self, work: Work[T]) -> T:
        return await work(self)

    async def short_write(self, work: Work[T]) -> T:
        return await work(self)

    async def batchable_write(self, work: Work[T]) -> T:
        return await work(self)

    async def batchable_read(self, work: Work[T]) -> T:
        return await work(self)

    def worker_session(self, worker: str) -> None:
        """Nothing is claimed here."""

    async def close(self) -> None:
        """Does nothing: the real store is closed by its owner."""

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        known = self._known.get(sql)
        if known is None:
            is_question = sql.lstrip().upper().startswith("SELECT")
            known = await self.real.read(lambda tx: tx.all(sql, *values)) if is_question else []
            self._known[sql] = known
        return known

    async def one(self, sql: str, *values: Any) -> Row | None:
        found = await self.all(sql, *values)
        return found[0] if found else None

    async def run(self, sql: str, *values: Any) -> int:
        return 1

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Writes nothing."""

    async def run_rows(self, sql: str, columns: Any, rows: Any) -> Sequence[Row]:
        """Writes nothing."""
        return []

    async def add(self, sql: str, columns: Any, values: Any) -> None:
        """Writes nothing."""


class _Server(Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            collect_garbage_seldom()
            print("Null server is ready", flush=True)


async def _serve(port: int) -> None:
    settings = Settings.from_environment()
    async with open_context(settings) as real:
        ctx = replace(real, store=NullStore(real.store))
        out = Outbound()
        app = build_app(settings, Gateway(ctx, out, Intake(ctx, Catalog(ctx, out), out), Engine(ctx, out)))
        with socket.create_server(("127.0.0.1", port)) as listener:
            await _Server(app).serve(sockets=[listener])
        await out.aclose()


def main() -> None:
    """`python -m greenroom.bench.null --port PORT`, on the database that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the event loop of `serve`
        runner.run(_serve(port))


if __name__ == "__main__":
    main()
