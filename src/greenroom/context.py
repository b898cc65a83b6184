"""The context that every service receives: settings, store, vault, clock, ids, and the engine of this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Destination
from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store.db import Store, Tx, Work
from greenroom.tracing import Tracing

P = ParamSpec("P")
T = TypeVar("T")
#: how much a unit of work does; `store.db` defines short and batchable ones
Kind = Literal["long", "short", "batchable"]


class Dispatch(Protocol):
    """
    The deliveries of one unit of work that this process's engine attempts after the commit, without a claim.

    A delivery that it `accepts` holds a concurrency slot until `begin` or `drop`.
    """

    lease: str
    lease_ms: int

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """
        Returns whether the engine attempts this delivery, which is then stored under `lease`.

        `clear` says that no breaker, rate limit or earlier delivery is in its way. `destination` is called only for an
        accepted delivery; one whose secrets cannot be opened is left to the next claim.
        """
        ...

    def begin(self) -> bool:
        """Attempts the accepted deliveries after the commit; returns whether others are left to be claimed."""
        ...

    def drop(self) -> None:
        """Gives the slots back: the unit of work failed, or begins again."""
        ...


class LocalEngine(Protocol):
    """What services ask of the engine in their own process; without it, other workers deliver."""

    def wake(self) -> None:
        """Notifies the engine that deliveries may be due."""
        ...

    def open_dispatch(self) -> Dispatch | None:
        """Returns a dispatch for one unit of work, or None while the engine takes nothing directly."""
        ...

    def is_queue_full(self, project_id: str) -> bool:
        """Returns whether a webhook of the project has reached GREENROOM_QUEUE_LIMIT."""
        ...


class NoEngine:
    """The `LocalEngine` of commands and tests that deliver nothing."""

    def wake(self) -> None:
        """Does nothing."""

    def open_dispatch(self) -> Dispatch | None:
        """Returns None."""
        return None

    def is_queue_full(self, project_id: str) -> bool:
        """Returns False."""
        return False


NO_ENGINE = NoEngine()


@dataclass(frozen=True)
class Context:
    """
    Handed down, never global.

    `pepper` keys the hashes of tokens. `now` returns aware UTC, `new_id` an id with the given prefix, `chance` a number
    in [0, 1). `dispatch` is set inside a unit of work whose deliveries the engine may attempt directly. `tracing` is
    None unless it is on; `trace` is then the traceparent of the current operation, stored with the events that it
    causes.
    """

    settings: Settings
    store: Store
    vault: Vault
    pepper: bytes
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    chance: Callable[[], float]
    engine: LocalEngine = NO_ENGINE
    dispatch: Dispatch | None = None
    tracing: Tracing | None = None
    trace: str | None = None


Service = Callable[Concatenate[Context, Tx, P], Awaitable[T]]
Wrapped = Callable[Concatenate[Context, P], Awaitable[T]]


class _Decorator(Protocol):
    def __call__(self, service: Service[P, T], /) -> Wrapped[P, T]: ...


@overload
def transaction(service: Service[P, T], /) -> Wrapped[P, T]: ...
@overload
def transaction(*, kind: Kind = "long", queues: bool = False) -> _Decorator: ...
def transaction(service: Any = None, /, *, kind: Kind = "long", queues: bool = False) -> Any:
    """
    Runs a service function in a transaction of its own: when it returns, everything that it wrote is on disk.

    `queues` says that it may add deliveries: the engine is notified after the commit, or attempts those of a batchable
    unit directly. If the process dies between commit and attempt, another worker claims them when their lease ends.
    """

    def decorate(service: Service[P, T]) -> Wrapped[P, T]:
        if not queues:
            return _run(service, lambda store: _writes(store, kind))
        return (
            _dispatching(service) if kind == "batchable" else _waking(_run(service, lambda store: _writes(store, kind)))
        )

    return decorate if service is None else decorate(service)


@overload
def snapshot(service: Service[P, T], /) -> Wrapped[P, T]: ...
@overload
def snapshot(*, kind: Kind = "long") -> _Decorator: ...
def snapshot(service: Any = None, /, *, kind: Kind = "long") -> Any:
    """Runs a service function that only reads, on one snapshot; a batchable one as `Store.batchable_read` says."""

    def decorate(service: Service[P, T]) -> Wrapped[P, T]:
        return _run(service, lambda store: store.batchable_read if kind == "batchable" else store.read)

    return decorate if service is None else decorate(service)


def _writes(store: Store, kind: Kind) -> Callable[[Work[T]], Awaitable[T]]:
    return {"long": store.write, "short": store.short_write, "batchable": store.batchable_write}[kind]


def _run(service: Service[P, T], method: Callable[[Store], Callable[[Work[T]], Awaitable[T]]]) -> Wrapped[P, T]:
    @wraps(service)
    async def run(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await method(ctx.store)(lambda tx: service(ctx, tx, *args, **kwargs))

    return run


def _waking(committed: Wrapped[P, T]) -> Wrapped[P, T]:
    @wraps(committed)
    async def run(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await committed(ctx, *args, **kwargs)
        ctx.engine.wake()
        return result

    return run


def _dispatching(service: Service[P, T]) -> Wrapped[P, T]:
    @wraps(service)
    async def begun(ctx: Context, tx: Tx, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if ctx.dispatch is not None:
            ctx.dispatch.drop()  # a batchable unit of work may begin again
        return await service(ctx, tx, *args, **kwargs)

    committed = _run(begun, lambda store: store.batchable_write)
    woken = _waking(committed)

    @wraps(committed)
    async def run(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        dispatch = ctx.engine.open_dispatch()
        if dispatch is None:
            return await woken(ctx, *args, **kwargs)
        try:
            result = await committed(replace(ctx, dispatch=dispatch), *args, **kwargs)
        except BaseException:
            dispatch.drop()
            raise
        if dispatch.begin():
            ctx.engine.wake()
        return result

    return run
