"""Liveness, readiness and metrics, for the operator's monitoring."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from pydantic import BaseModel, Field

from greenroom.api.callers import Ctx
from greenroom.api.faults import documented
from greenroom.context import Context
from greenroom.doctor.catalogue import causes
from greenroom.errors import Unavailable
from greenroom.services import deliveries, findings
from greenroom.services.overview import Overview, overview

router = APIRouter(tags=["Health"])
log = structlog.get_logger("greenroom.health")

#: seconds for which the figures from the database are reused
FRESH_S = 5.0
OLDEST_DUE = Gauge("greenroom_oldest_due_seconds", "How long the oldest due delivery has waited.", ["queue"])
IN_FLIGHT = Gauge("greenroom_deliveries_in_flight", "Attempts in flight, over all workers.")
STUCK = Gauge("greenroom_deliveries_stuck", "Deliveries that are held or dead.", ["state"])
HELD = Gauge("greenroom_events_held", "Order events that are held because no webhook subscribes to them.")
OLDEST_HELD = Gauge("greenroom_oldest_held_seconds", "How long the oldest of these events has been held.")
DATABASE_UP = Gauge("greenroom_database_up", "1 if the latest read of these figures succeeded, else 0.")
FINDINGS = Gauge("greenroom_findings", "Open findings of all projects, by cause.", ["code"])
BREAKERS = Gauge("greenroom_breakers", "Destinations in trouble, by the state of their breaker.", ["state"])


class Alive(BaseModel):
    """The answer of a process that is alive."""

    status: Literal["ok"] = Field("ok", description="The process answers.")


class Ready(BaseModel):
    """The answer while the database is reachable; `backlog_age_s` is the oldest due delivery's wait in seconds."""

    status: Literal["ok"] = Field("ok", description="The database answers.")
    backlog_age_s: float = Field(description="How long the oldest due delivery has waited, in seconds.")


@router.get("/healthz", operation_id="get_health")
async def healthz() -> Alive:
    """Liveness: checks nothing outside of this process."""
    return Alive()


@router.get("/readyz", operation_id="get_readiness", responses=documented(503))
async def readyz(ctx: Ctx) -> Ready:
    """Readiness: 503 while the database is away."""
    return Ready(backlog_age_s=(await deliveries.backlog_age(ctx)).total_seconds())


@router.get("/metrics", operation_id="get_metrics", response_class=PlainTextResponse)
async def metrics(ctx: Ctx, request: Request) -> Response:
    """Prometheus metrics: this process's counters, and how the deliveries of all workers stand."""
    read_at = getattr(request.app.state, "overview_at", None)
    if (read_at is None or time.monotonic() - read_at > FRESH_S) and await refresh_gauges(ctx):
        request.app.state.overview_at = time.monotonic()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def refresh_gauges(ctx: Context) -> bool:
    """Reads the gauges from the database; returns whether it is reachable."""
    try:
        _show(await overview(ctx))
        _show_findings(await findings.count_by_code(ctx))
    except Unavailable:  # the counters of this process are still useful without the gauges from the database
        log.warning("metrics_without_database")
        DATABASE_UP.set(0)
        return False
    DATABASE_UP.set(1)
    return True


def _show(now: Overview) -> None:
    for queue, age_s in now.oldest_due_s.items():
        OLDEST_DUE.labels(queue).set(age_s)
    IN_FLIGHT.set(now.in_flight)
    for state, count in now.stuck.items():
        STUCK.labels(state).set(count)
    held, oldest_s = now.held
    HELD.set(held)
    OLDEST_HELD.set(oldest_s)
    for state, count in now.breakers.items():
        BREAKERS.labels(state).set(count)


def _show_findings(counts: Mapping[str, int]) -> None:
    for code in causes():  # only codes of the catalogue are labels, whatever the database has
        FINDINGS.labels(code).set(counts.get(code, 0))
