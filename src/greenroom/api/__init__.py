"""What vendors and operators call: `/v1`, the unified API, health."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.routing import APIRoute

from greenroom.api import (
    accounts,
    connect_sessions,
    connector_meta,
    deliveries,
    health,
    integrations,
    linked_accounts,
    orders,
    packages,
    proxy,
    request_logs,
    unified,
    webhooks,
)


def build_routers() -> list[APIRouter]:
    """Every router of the API; a route's summary is the first sentence of its description."""
    routers = [
        integrations.router,
        packages.router,
        accounts.router,
        webhooks.router,
        orders.router,
        deliveries.router,
        unified.build_router("assessments"),
        unified.build_router("background_checks"),
        linked_accounts.router,
        connect_sessions.router,
        connector_meta.router,
        proxy.router,
        request_logs.router,
        health.router,
    ]
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.summary = re.split(r"\.(\s|$)", route.description, maxsplit=1)[0]
    return routers
