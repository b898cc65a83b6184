"""What is handed down to every service: the store, the vault, the clock, the maker of ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Destination
from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store.db import Store, Tx, Work
from greenroom.tracing import Tracing

P = ParamSpec("P")
T = TypeVar("T")


class Taker(Protocol):
    """
    What this process's engine takes over from one unit of work, so that it need not be claimed after the commit.

    What it `accepts` holds a place until `begin` or `drop`.
    """

    lease: str
    lease_ms: int

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """
        Whether it takes this one, to be stored under `lease`; `clear`: nothing in the database is in its way.

        The `destination` is asked for only then; one that cannot be read is left to whoever claims.
        """
        ...

    def begin(self) -> bool:
        """The unit of work is on disk: attempt what was accepted. Whether something was not, and is to be claimed."""
        ...

    def drop(self) -> None:
        """The unit of work is not on disk, or is begun again."""
        ...


@dataclass(frozen=True)
class Context:
    """
    Handed down, never global.

    `pepper` keys the hashes of tokens. `now` gives aware UTC, `new_id` an id with the given prefix, `chance` a number
    in [0, 1). `wake` tells the engine of this process that something may be due; a hint, never needed. `taking` asks
    that engine whether it could take something over; `taker` is its answer, inside a `quick_queueing` service.
    `crowded` says of a project's id whether so much waits for one of its webhooks that its orders are refused.
    `tracing` is None unless it is on; `trace` is then the traceparent of what is being done, for the events that come
    of it.
    """

    settings: Settings
    store: Store
    vault: Vault
    pepper: bytes
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    chance: Callable[[], float]
    wake: Callable[[], None] = lambda: None
    taking: Callable[[], Taker | None] = lambda: None
    crowded: Callable[[str], bool] = lambda _: False
    taker: Taker | None = None
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
    """
    `queueing` for a quick unit of work, as `store.db` defines it. What `Context.taker` accepts in it is attempted once
    it is committed; should nobody learn that it was, when its lease has ended.
    """

    @wraps(service)
    async def begun(ctx: Context, tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if ctx.taker is not None:
            ctx.taker.drop()  # a quick unit of work may be begun again
        return await service(ctx, tx, *args, **kwargs)

    committed = _handed(begun, lambda store: store.quick_write)
    woken = _waking(committed)

    @wraps(committed)
    async def taken_over(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        taker = ctx.taking()
        if taker is None:
            return await woken(ctx, *args, **kwargs)
        try:
            result = await committed(replace(ctx, taker=taker), *args, **kwargs)
        except BaseException:
            taker.drop()
            raise
        if taker.begin():
            ctx.wake()
        return result

    return taken_over


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
