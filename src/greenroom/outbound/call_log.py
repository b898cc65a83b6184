"""
Who asked for an outgoing call can have it on record, without a word from whoever makes the call.

    with recording_calls() as steps:
        ...  # whatever this does, each call of `Outbound.send` ends up in `steps`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class OutgoingCall:
    """
    One outgoing call, whatever came of it.

    `url` has its query and no user-info. Headers and bodies are as they went over the wire: credentials are in the
    headers, so whoever shows a step hides them (`security.masks`). `response_body` is as long as the caller of `send`
    allowed, `truncated` says that there was more. Without an answer `status` is None and `error` a sentence.
    """

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes | None
    started_at: datetime
    duration_ms: float
    status: int | None = None
    response_headers: Mapping[str, str] | None = None
    response_body: bytes = b""
    truncated: bool = False
    error: str | None = None


_recorders: ContextVar[tuple[list[OutgoingCall], ...]] = ContextVar("recorders", default=())


@contextmanager
def recording_calls() -> Iterator[list[OutgoingCall]]:
    """
    Every outgoing call made inside the block, also by tasks that it starts, in the order in which they ended.

    Blocks nest: an inner one takes nothing from an outer one. When several wait for one shared call, it is on record
    with the one that caused it. A task that outlives the block still adds to the list; take a copy of it.
    """
    steps: list[OutgoingCall] = []
    token = _recorders.set((*_recorders.get(), steps))
    try:
        yield steps
    finally:
        _recorders.reset(token)


def is_recording() -> bool:
    """Whether anybody wants to have this call on record."""
    return bool(_recorders.get())


def record(step: OutgoingCall) -> None:
    """Put a call on record with everybody who wants it."""
    for steps in _recorders.get():
        steps.append(step)
