"""What vendors and operators call: `/v1`, the unified API, health."""

from __future__ import annotations

from fastapi import APIRouter

from greenroom.api import accounts, deliveries, health, integrations, orders, packages, request_logs, unified, webhooks


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
        request_logs.router,
        health.router,
    ]
