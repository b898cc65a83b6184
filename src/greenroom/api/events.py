"""The bodies of webhook requests, event by event: the section `webhooks` of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field
from starlette.responses import Response

from greenroom.api.stackone.models import UnifiedOrder
from greenroom.api.v1.findings import FindingOut
from greenroom.model.deliveries import Lane
from greenroom.model.events import (
    ACCOUNT_CREATED,
    ACCOUNT_DELETED,
    ACCOUNT_EVENTS,
    ACCOUNT_UPDATED,
    ALIASES,
    DELIVERY_EXHAUSTED,
    FINDING_CLOSED,
    FINDING_OPENED,
    NAMES,
    ORDER_CREATED,
    ORDER_UPDATED,
    TEST,
    WEBHOOK_DISABLED,
    WEBHOOK_FAILING,
    WEBHOOK_RECOVERED,
)
from greenroom.model.orders import Status

_CREATED = (*ORDER_CREATED.values(), *ALIASES)
_WEBHOOK_EVENTS = (WEBHOOK_FAILING, WEBHOOK_RECOVERED, WEBHOOK_DISABLED)
_FINDING_EVENTS = (FINDING_OPENED, FINDING_CLOSED)
_TIME = "2026-11-24T10:15:00.000Z"


class EventBody(BaseModel):
    """What every event has."""

    event: str = Field(description="The event's name.")
    project_id: str = Field(description="Your project.")
    event_date: str = Field(description="When it happened.", examples=[_TIME])
    sent_at: str = Field(description="The same; the time of an attempt is in `webhook-timestamp`.", examples=[_TIME])


class RawEvent(BaseModel):
    """The request with which the ATS placed the order."""

    body: dict[str, Any] = Field(description="Its body, without credentials; empty for an order that you placed.")


class OrderBody(EventBody):
    """What every event of an order has."""

    account_id: str = Field(description="The linked account whose ATS placed the order: `x-account-id` of your calls.")
    record_type: Literal["ats_assessments", "ats_background_checks"] = Field(description="The order's category.")
    record_id: str = Field(description="The order's id, in every event of the order.")
    record_remote_id: str | None = Field(description="The order's id at its ATS; null for an order that you placed.")
    provider: str = Field(description="The ATS.", examples=["greenhouse"])
    raw_event: RawEvent = Field(description="What the ATS sent; its fields are the ATS's own.")


class OrderCreatedEvent(OrderBody):
    """The body of an order's first event."""

    event: Literal[_CREATED] = Field(description="The spelling that the webhook subscribed to.")  # type: ignore[valid-type]
    event_data: UnifiedOrder = Field(description="The order, as the unified API shows it.")


class ChangedOrder(UnifiedOrder):
    """An order that has changed."""

    status: Status = Field(description="The order's status.")
    erased_at: str | None = Field(description="When the order's content was erased; only ids are left then.")


class OrderUpdatedEvent(OrderBody):
    """The body of the event that an order has changed."""

    event: Literal[tuple(ORDER_UPDATED.values())] = Field(description="The event's name.")  # type: ignore[valid-type]
    status: Status = Field(description="The order's status, as in `event_data`.")
    event_data: ChangedOrder = Field(description="The order as it is now.")


class AccountEvent(EventBody):
    """The body of an event about a linked account."""

    event: Literal[ACCOUNT_EVENTS] = Field(description="The event's name.")  # type: ignore[valid-type]
    account_id: str = Field(description="The linked account.")
    record_type: Literal["account"] = Field(description="What the event is about.")
    record_id: str = Field(description="The account's id once more.")
    provider: str = Field(description="The customer's ATS.", examples=["greenhouse"])
    origin_owner_id: str = Field(description="Your id of the customer.")
    origin_owner_name: str = Field(description="Your name of the customer.")
    origin_username: str | None = Field(description="The customer's person who linked the ATS, as you named them.")
    setup_information: dict[str, Any] = Field(description="The settings of the link, without those that are secret.")


class WebhookEvent(EventBody):
    """The body of an event about another webhook of the project."""

    event: Literal[_WEBHOOK_EVENTS] = Field(description="The event's name.")  # type: ignore[valid-type]
    record_type: Literal["webhook"] = Field(description="What the event is about.")
    record_id: str = Field(description="The webhook's id.")
    name: str = Field(description="The webhook's name.")
    reason: str | None = Field(description="What its endpoint answered, in words; null once it has recovered.")


class DeliveryEvent(EventBody):
    """The body of the event that a delivery was dead-lettered."""

    event: Literal[DELIVERY_EXHAUSTED] = Field(description="The event's name.")  # type: ignore[valid-type]
    account_id: str | None = Field(description="The account that the delivery belongs to.")
    record_type: Literal["delivery"] = Field(description="What the event is about.")
    record_id: str = Field(description="The delivery's id: `GET /v1/deliveries/{delivery_id}` has its attempts.")
    lane: Lane = Field(description="`vendor`: to a webhook of yours; `ats`: a result or update for the ATS.")
    destination_id: str = Field(description="The webhook, or the account of the ATS.")
    order_id: str | None = Field(description="The order that the delivery belongs to.")
    event_id: str = Field(description="The id of the event that was not delivered: its `webhook-id`.")
    event_name: str = Field(description="The event that was not delivered.")
    attempts: int = Field(description="How often it was sent.")
    reason: str = Field(description="How the last attempt ended, in words.")


class FindingEvent(FindingOut, EventBody):
    """The body of an event about a finding of `GET /v1/findings`."""

    event: Literal[_FINDING_EVENTS] = Field(description="The event's name.")  # type: ignore[valid-type]
    record_type: Literal["finding"] = Field(description="What the event is about.")
    record_id: str = Field(description="The same in both events; a problem that returns is another finding.")
    account_id: str | None = Field(description="The account that the finding is about, if it is about one.")
    order_id: str | None = Field(description="The order that the finding is about, if it is about one.")
    text: str = Field(description="Project, problem, next step and page in one paragraph, as a chat shows it.")
    url: str = Field(description="The finding's page on the dashboard.")


class WebhookTestEvent(EventBody):
    """The body of a test event."""

    event: Literal[TEST] = Field(description="The event's name.")  # type: ignore[valid-type]
    record_type: Literal["test"] = Field(description="What the event is about.")


#: the body of each event, by the event's canonical name
BODIES: Mapping[str, type[EventBody]] = {
    **dict.fromkeys(ORDER_CREATED.values(), OrderCreatedEvent),
    **dict.fromkeys(ORDER_UPDATED.values(), OrderUpdatedEvent),
    **dict.fromkeys(ACCOUNT_EVENTS, AccountEvent),
    **dict.fromkeys(_WEBHOOK_EVENTS, WebhookEvent),
    DELIVERY_EXHAUSTED: DeliveryEvent,
    **dict.fromkeys(_FINDING_EVENTS, FindingEvent),
    TEST: WebhookTestEvent,
}

_ORDERED = (
    "A recruiter ordered {what}. The event waits at most 10 seconds for job, hiring team, requester and application; "
    "`event_data.enrichment` says how much was found."
)
_CHANGED = (
    "The order of {what} changed: its ATS cancelled it, or reported that the candidate was hired, rejected, deleted, "
    "merged or anonymised, or its hiring team was read after the first event went out."
)
#: when each event is sent
WHEN: Mapping[str, str] = {
    ORDER_CREATED["assessments"]: _ORDERED.format(what="an assessment"),
    ORDER_CREATED["background_checks"]: _ORDERED.format(what="a background check"),
    ORDER_UPDATED["assessments"]: _CHANGED.format(what="an assessment"),
    ORDER_UPDATED["background_checks"]: _CHANGED.format(what="a background check"),
    ACCOUNT_CREATED: "A customer's ATS was linked: by `POST /v1/accounts`, or by the customer in the hub.",
    ACCOUNT_UPDATED: "A linked account was changed.",
    ACCOUNT_DELETED: "A linked account was unlinked.",
    WEBHOOK_FAILING: "Another webhook of the project has failed four times in a row, or one delivery to it four times. "
    "Sent once an hour at the most.",
    WEBHOOK_RECOVERED: "A webhook of which `webhook.failing` was sent has answered 2xx.",
    WEBHOOK_DISABLED: "Another webhook of the project answered 410 and was disabled; its deliveries are held.",
    DELIVERY_EXHAUSTED: "A delivery was dead-lettered: each result that an ATS refused, and the first delivery to each "
    "other webhook within an hour.",
    FINDING_OPENED: "The doctor found a problem. Sent once for each finding, within about a minute.",
    FINDING_CLOSED: "A problem that was reported with `finding.opened` is gone.",
    TEST: "You called `POST /v1/webhooks/{webhook_id}/test`, whatever the webhook subscribes to.",
}


def _header(name: str, description: str, example: str, *, required: bool = True) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "name": name, "in": "header", "required": required, "description": description, "schema": schema,
        "example": example,
    }  # fmt: skip


HEADERS = [
    _header(
        "webhook-id",
        "The event's id, the same in every attempt: deduplicate by it.",
        "evt_01kb5j4r8f0n2q4s6v8x0z2b4d",
    ),
    _header("webhook-timestamp", "When this attempt was sent, in Unix seconds; part of what is signed.", "1795515300"),
    _header(
        "webhook-signature",
        "Standard Webhooks: a `v1` (HMAC-SHA256) or `v1a` (ed25519) signature for each live secret, spaces between.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    _header(
        "x-stackone-signature",
        "Unpadded base64url HMAC-SHA256 of the body, keyed with the secret's text; not with `signature: ed25519`.",
        "bBq3YJ0qf3r1V6Kx0T4yX6m2u8w1c5n9s7d2e4g6h8A",
        required=False,
    ),
]  # fmt: skip


def install(app: FastAPI) -> None:
    """Adds the events to the OpenAPI document; they are built with the document, which few processes ever need."""
    describe = app.openapi

    def with_events() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.webhooks.routes[:] = build_webhooks().routes
            _add_examples(describe()["webhooks"])
        return describe()

    app.openapi = with_events  # type: ignore[method-assign]


def _add_examples(webhooks: dict[str, Any]) -> None:
    """Adds an example to each event of a finished document; the framework would drop the nulls in it."""
    from greenroom.api import event_examples  # reads the catalogue of causes

    for name, operations in webhooks.items():
        content = operations["post"]["requestBody"]["content"]["application/json"]
        content["example"] = {"event": name, **event_examples.build(name)}


def build_webhooks() -> APIRouter:
    """Returns every event as a route for the `webhooks` of the OpenAPI document."""
    router = APIRouter()
    for name, body in BODIES.items():
        spellings = [one for one in NAMES if ALIASES.get(one) == name]
        also = f" A webhook may also subscribe to it as {' or '.join(f'`{one}`' for one in spellings)}."
        router.add_api_route(
            name, _receiver(body), methods=["POST"], name=name, operation_id=name.replace(".", "_"), summary=name,
            description=WHEN[name] + (also if spellings else ""), tags=["Events"], response_class=Response,
            response_description="Any 2xx answer within 15 seconds accepts the event.",
            responses={
                410: {"description": "The webhook is disabled, and what follows is held."},
                "default": {"description": "Any other answer, or none: the event is sent again later."},
            },
            openapi_extra={"parameters": HEADERS},
        )  # fmt: skip
    return router


def _receiver(model: type[EventBody]) -> Any:
    async def receive(body: EventBody) -> None:
        """Never runs: a receiver is the vendor's."""

    receive.__annotations__["body"] = model
    return receive
