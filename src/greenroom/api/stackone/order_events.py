"""The order's events in the OpenAPI document: the bodies that webhooks receive."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from greenroom.api.shapes import example
from greenroom.api.stackone.models import UnifiedOrder

_MEMBER = {
    "user_id": "902",
    "remote_user_id": "902",
    "first_name": "Hugo",
    "last_name": "Hiring",
    "email": "hugo@northwind.example",
    "role": "hiring_manager",
}


class OrderEvent(BaseModel):
    """The body of an order's event; `raw_event` is the ATS's own request without credentials."""

    model_config = example(
        event="ats_assessments.created",
        project_id="prj_01",
        account_id="acc_01",
        event_date="2026-11-24T10:15:00.000Z",
        record_type="ats_assessments",
        record_id="ord_01",
        record_remote_id="900417",
        sent_at="2026-11-24T10:15:00.000Z",
        provider="greenhouse",
        raw_event={"body": {"partner_test_id": "pkg_core_sql"}},
        event_data={
            "id": "ord_01",
            "job": {
                "id": "4001",
                "remote_id": "4001",
                "title": "Data Engineer",
                "hiring_team": [_MEMBER],
                "passthrough": {"hiring_team": [{"user_id": "902", "type": "hiring_manager", "responsible": None}]},
            },
            "application": {
                "id": "26234709",
                "remote_id": "26234709",
                "application_status": {"value": "active", "source_value": "in_process"},
            },
            "requester": _MEMBER,
            "application_id": "26234709",
            "job_id": "4001",
            "enrichment": {"status": "complete", "reason": None, "at": "2026-11-24T10:15:01.000Z"},
        },
    )

    event: str
    project_id: str
    account_id: str
    event_date: str
    record_type: Literal["ats_assessments", "ats_background_checks"]
    record_id: str = Field(description="The order's id, in every event of the order.")
    record_remote_id: str | None
    sent_at: str
    provider: str
    raw_event: dict[str, Any]
    event_data: UnifiedOrder
    status: str | None = Field(None, description="The order's status, in `.updated` events.")


def build_webhooks() -> APIRouter:
    """Returns the order's events for the `webhooks` of the OpenAPI document."""
    router = APIRouter()
    for category in ("assessments", "background_checks"):
        for action, doc in _ACTIONS.items():
            name = f"ats_{category}.{action}"
            router.add_api_route(
                name, _receive, methods=["POST"], name=name, operation_id=name.replace(".", "_"), description=doc,
                tags=["Events"], response_model=None, responses={422: {"description": "Refused; sent again later."}},
            )  # fmt: skip
    return router


_ACTIONS = {
    "created": "A recruiter ordered. The event waits at most 10 seconds for the hiring team; `enrichment` says how "
    "much was found.",
    "updated": "The order changed: its ATS cancelled it (`status`), or its hiring team was read later (`enrichment`).",
}


async def _receive(body: OrderEvent) -> None:
    """Answer 2xx within 15 seconds."""
