"""What is handed down to every service: the store, the vault, the clock, the maker of ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store.db import Store, Tx, Work
from greenroom.tracing import Tracing

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """
    Handed down, never global.

    `pepper` keys the hashes of tokens. `now` gives aware UTC, `new_id` an id with the given prefix, `chance` a number
    in [0, 1). `wake` tells the engine of this process that something may be due; a hint, never needed. `tracing` is
    None unless it is on; `trace` is then the traceparent of what is being done, for the events that come of it.
    """

    settings: Settings
    store: Store
    vault: Vault
    pepper: bytes
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    chance: Callable[[], float]
    wake: Callable[[], None] = lambda: None
    tracing: Tracing | None = None
    trace: str | None = None


def transaction(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """A service function in a transaction of its own: when it returns, everything it wrote is on disk."""
    return _handed(service, lambda store: store.write)


def short_transaction(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """`transaction` for a short unit of work, as `store.db` defines it."""
    return _handed(service, lambda store: store.short_write)


def queueing(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """A `transaction` after which deliveries may be due: the engine is woken once it is committed."""
    return _waking(transaction(service))


def quick_queueing(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """`queueing` for a quick unit of work, as `store.db` defines it."""
    return _waking(_handed(service, lambda store: store.quick_write))


def snapshot(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """A service function that only reads."""
    return _handed(service, lambda store: store.read)


def quick_snapshot(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    """`snapshot` for a quick unit of work, as `store.db` defines it."""
    return _handed(service, lambda store: store.quick_read)


def _handed(
    service: Callable[Concatenate[Context, Tx, P], Awaitable[T]],
    to: Callable[[Store], Callable[[Work[T]], Awaitable[T]]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    @wraps(service)
    async def done(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await to(ctx.store)(lambda tx: service(ctx, tx, *args, **kwargs))

    return done


def _waking(
    committed: Callable[Concatenate[Context, P], Awaitable[T]],
) -> Callable[Concatenate[Context, P], Awaitable[T]]:
    @wraps(committed)
    async def queued(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await committed(ctx, *args, **kwargs)
        ctx.wake()
        return result

    return queued
