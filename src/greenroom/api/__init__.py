"""The HTTP API for vendors and operators: `/v1`, the unified API, health."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.routing import APIRoute

from greenroom.api import health
from greenroom.api.stackone import accounts as linked_accounts
from greenroom.api.stackone import connect_sessions, proxy, request_logs, unified
from greenroom.api.stackone import connectors as connector_meta
from greenroom.api.v1 import (
    accounts,
    alerts,
    audit_log,
    candidates,
    checks,
    deliveries,
    findings,
    funnel,
    hub,
    integrations,
    orders,
    packages,
    project,
    resumes,
    webhooks,
)


def build_routers() -> list[APIRouter]:
    """Returns every router of the API; a route's summary is the first sentence of its description."""
    routers = [
        integrations.router,
        checks.router,
        findings.router,
        alerts.router,
        funnel.router,
        packages.router,
        accounts.router,
        webhooks.router,
        orders.router,
        deliveries.router,
        candidates.router,
        resumes.router,
        resumes.downloads,
        project.router,
        audit_log.router,
        hub.router,
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
