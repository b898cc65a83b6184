"""The context that every service receives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from greenroom.model.audit import SYSTEM, Actor
from greenroom.model.deliveries import Claimed
from greenroom.model.refused_calls import RefusedCalls
from greenroom.model.webhooks import Destination
from greenroom.security.vault import Vault
from greenroom.settings import Settings
from greenroom.store.db import Store, Tx, Work
from greenroom.tracing import Tracing

P = ParamSpec("P")
T = TypeVar("T")
#: kind of a transaction; `store.db` defines short and batchable ones
Kind = Literal["long", "short", "batchable"]


class Dispatch(Protocol):
    """
    Direct dispatch of one unit of work: the engine attempts its deliveries after the commit, without a claim.

    A delivery that the engine `accepts` holds a concurrency slot until `begin` or `drop`.
    """

    lease: str
    lease_ms: int

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """
        Returns whether the engine attempts this delivery, which is then stored under `lease`.

        `clear` says that no breaker, rate limit or earlier delivery holds this one back. `destination` is called only
        for an accepted delivery; if its secrets cannot be opened, the delivery is left to the next claim.
        """
        ...

    def begin(self) -> bool:
        """Starts the accepted deliveries after the commit; returns whether others are left to be claimed."""
        ...

    def drop(self) -> None:
        """Releases the slots after the unit of work failed or before it is repeated."""
        ...


class LocalEngine(Protocol):
    """The engine of this process, as services use it; without one, other workers deliver."""

    def wake(self) -> None:
        """Notifies the engine that deliveries may be due."""
        ...

    def enrich(self) -> None:
        """Notifies the engine that orders may be due to be enriched."""
        ...

    def open_dispatch(self) -> Dispatch | None:
        """Returns a direct dispatch for one unit of work, or None while the engine accepts none."""
        ...

    def is_queue_full(self, project_id: str) -> bool:
        """Returns whether a webhook of the project has reached GREENROOM_QUEUE_LIMIT."""
        ...


class NoEngine:
    """The `LocalEngine` of commands and tests that deliver nothing."""

    def wake(self) -> None:
        """Does nothing."""

    def enrich(self) -> None:
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
    The dependencies of every service, passed as an argument and never global.

    `pepper` keys the hashes of tokens. `now` returns aware UTC, `new_id` an id with the given prefix, `chance` a number
    in [0, 1). `dispatch` is set inside a unit of work whose deliveries the engine may attempt directly. `tracing` is
    None unless tracing is on; `trace` is then the traceparent of the current operation, stored with the events that it
    causes. `actor` is who the audit log says made a change. `refused_calls` are those of this process that wait to be
    stored.
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
    actor: Actor = SYSTEM
    refused_calls: RefusedCalls = field(default_factory=RefusedCalls)


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
    Runs a service function in a transaction of its own, committed when the function returns.

    `queues` says that the function may add deliveries: the engine is notified after the commit, or attempts those of a
    batchable transaction directly. If the process dies between commit and attempt, another worker claims the deliveries
    when their lease expires.
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
    """Runs a read-only service function on one snapshot; a batchable one as in `Store.batchable_read`."""

    def decorate(service: Service[P, T]) -> Wrapped[P, T]:
        return _run(service, lambda store: store.batchable_read if kind == "batchable" else store.read)

    return decorate if service is None else decorate(service)


def _writes(store: Store, kind: Kind) -> Callable[[Work[T]], Awaitable[T]]:
    if kind == "batchable":
        return store.batchable_write
    return store.short_write if kind == "short" else store.write


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
            ctx.dispatch.drop()  # a batchable unit of work may be repeated
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
