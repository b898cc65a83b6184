"""Liveness, readiness and metrics, for whoever runs the gateway."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from greenroom.api.callers import Ctx
from greenroom.api.faults import documented
from greenroom.services import deliveries

router = APIRouter(tags=["Health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The database answers. `backlog_age_s` is how long the oldest due delivery has waited."""

    status: Literal["ok"] = "ok"
    backlog_age_s: float


@router.get("/healthz", operation_id="get_health")
async def healthz() -> Alive:
    """Liveness: asks nothing of anyone else."""
    return Alive()


@router.get("/readyz", operation_id="get_readiness", responses=documented(503))
async def readyz(ctx: Ctx) -> Ready:
    """Readiness: 503 while the database is away."""
    wait = await deliveries.next_due(ctx)
    return Ready(backlog_age_s=max(0.0, -(wait or timedelta(0)).total_seconds()))


@router.get("/metrics", operation_id="get_metrics", response_class=Response)
async def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
