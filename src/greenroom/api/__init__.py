"""What vendors and operators call: `/v1`, the unified API, health."""

from __future__ import annotations

from fastapi import APIRouter

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
    unified,
    webhooks,
)


def build_routers() -> list[APIRouter]:
    """Every router of the API."""
    return [
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
        health.router,
    ]
