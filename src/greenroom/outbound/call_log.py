"""
A recorder of outgoing calls, for code that does not make the calls itself.

    with recording_calls() as steps:
        ...  # each call of `Outbound.send` made here is appended to `steps`
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
    One outgoing call and its outcome.

    `url` has its query and no user-info. Headers and bodies are as they went over the wire, with credentials in the
    headers: hide them before you show a step (`security.masks`). `response_body` is as long as the caller of `send`
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
    Collects every outgoing call made inside the block, in the order in which they ended.

    Calls of tasks started inside the block are included. Blocks nest: a call is added to the list of each surrounding
    block. When several tasks wait for one shared call, it is in the list of the task that caused it. A task that
    outlives the block still adds to the list; take a copy of it.
    """
    steps: list[OutgoingCall] = []
    token = _recorders.set((*_recorders.get(), steps))
    try:
        yield steps
    finally:
        _recorders.reset(token)


def is_recording() -> bool:
    """Returns whether a surrounding block records calls."""
    return bool(_recorders.get())


def record(step: OutgoingCall) -> None:
    """Adds a call to the lists of all surrounding blocks."""
    for steps in _recorders.get():
        steps.append(step)
