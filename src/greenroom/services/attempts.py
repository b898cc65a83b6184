"""Attempts at deliveries: their rows, and the values that people see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.deliveries import Trigger
from greenroom.model.events import stamp
from greenroom.store.db import Row, from_ms, maybe_from_ms, to_json, to_ms


@dataclass(frozen=True)
class Attempt:
    """A recorded attempt; see `model.attempts.INTERRUPTED` for one that has no result."""

    number: int
    trigger: Trigger
    started_at: datetime
    duration_ms: int
    status: int | None
    error_kind: str | None
    error: str | None
    address: str | None
    request: dict[str, Any]
    response: dict[str, Any]
    next_due_at: datetime | None
    worker: str


def to_row(ended: FinishedAttempt, worker: str, settled: Recorded | None, *, erased: bool) -> tuple[Any, ...]:
    """Returns an attempt as a row for `store.deliveries.add_attempts`; without content if that was erased."""
    claimed, exchange, fault = ended.claimed, ended.exchange, ended.fault
    next_due_at = settled.next_due_at if settled else None
    return (
        ended.id,
        claimed.project_id,
        claimed.id,
        claimed.attempt,
        claimed.trigger,
        to_ms(ended.started_at),
        round(ended.duration.total_seconds() * 1000),
        exchange.status,
        fault.kind if fault else None,
        fault.reason if fault and not erased else None,
        exchange.address,
        "{}" if erased else to_json({"url": exchange.url, "headers": dict(exchange.headers)}),
        "{}" if erased else _answered(exchange),
        to_ms(next_due_at) if next_due_at else None,
        worker,
    )


def show(attempt: Attempt) -> dict[str, Any]:
    """Returns an attempt as plain JSON values."""
    return {
        "number": attempt.number,
        "trigger": attempt.trigger,
        "started_at": stamp(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "error_kind": attempt.error_kind,
        "error": attempt.error,
        "address": attempt.address,
        "request": attempt.request,
        "response": attempt.response,
        "next_due_at": stamp(attempt.next_due_at) if attempt.next_due_at else None,
        "worker": attempt.worker,
    }


def read(row: Row) -> Attempt:
    """Returns an attempt from its row."""
    return Attempt(
        number=row["number"],
        trigger=row["trigger"],
        started_at=from_ms(row["started_at"]),
        duration_ms=row["duration_ms"],
        status=row["status"],
        error_kind=row["error_kind"],
        error=row["error"],
        address=row["address"],
        request=json.loads(row["request"]),
        response=json.loads(row["response"]),
        next_due_at=maybe_from_ms(row["next_due_at"]),
        worker=row["worker"],
    )


def _answered(exchange: Exchange) -> str:
    answer = {"headers": dict(exchange.response_headers), "body": exchange.response_body}
    return to_json(answer).replace("\\u0000", "\\ufffd")  # PostgreSQL's TEXT refuses NUL
