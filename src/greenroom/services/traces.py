"""Traces: begun where an event originates, continued by all later work on its order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from greenroom.context import Context, snapshot
from greenroom.store import events as event_rows
from greenroom.store.db import Tx, is_plain

P = ParamSpec("P")
T = TypeVar("T")


def traced(
    name: str, *, order_id: Callable[..., str] | None = None
) -> Callable[[Callable[Concatenate[Context, P], Awaitable[T]]], Callable[Concatenate[Context, P], Awaitable[T]]]:
    """
    Wraps a service in a span, if tracing is on.

    `order_id` gets the id of the order whose trace continues from the service's arguments; without it a new trace
    begins.
    """

    def around(
        service: Callable[Concatenate[Context, P], Awaitable[T]],
    ) -> Callable[Concatenate[Context, P], Awaitable[T]]:
        @wraps(service)
        async def spanned(ctx: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if ctx.tracing is None:
                return await service(ctx, *args, **kwargs)
            known = order_id(*args, **kwargs) if order_id else None
            parent = await trace_of(ctx, known) if known else None
            attributes = {"greenroom.order_id": known} if known and parent else {}
            with ctx.tracing.span(name, "server", parent=parent, attributes=attributes) as span:
                result = await service(replace(ctx, trace=span.traceparent), *args, **kwargs)
                if isinstance(made := getattr(result, "id", None), str):
                    span.note({"greenroom.order_id": made})
                return result

        return spanned

    return around


@snapshot
async def trace_of(_: Context, tx: Tx, order_id: str) -> str | None:
    """Returns the traceparent of an order's first event, or None if there is none."""
    return await event_rows.find_trace(tx, order_id) if is_plain(order_id) else None
