"""`/v1/deliveries`: deliveries of events, with every attempt."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import Next, Page, PageSize, Plain, after, page
from greenroom.model.deliveries import Lane, State, Trigger
from greenroom.model.events import stamp
from greenroom.services import attempts, deliveries
from greenroom.services.deliveries import Delivery

router = APIRouter(prefix="/v1/deliveries", tags=["Deliveries"], route_class=IdempotentRoute)
DeliveryId = Annotated[Plain, Path(alias="delivery_id", description="The delivery's id.")]


class AttemptOut(BaseModel):
    """One HTTP request of a delivery; credentials are masked, the response's body is cut."""

    number: int = Field(description="Counts from 1.")
    trigger: Trigger = Field(description="What caused it.")
    started_at: str = Field(description="When it began.")
    duration_ms: int = Field(description="How long it took, in milliseconds.")
    status: int | None = Field(description="The answer's status; null without an answer.")
    error_kind: str | None = Field(description="The kind of failure.")
    error: str | None = Field(description="The failure in words.")
    address: str | None = Field(description="The IP address that was reached.")
    request: dict[str, Any] = Field(description="What was sent, without secrets.")
    response: dict[str, Any] = Field(description="What came back.")
    next_due_at: str | None = Field(description="When the next attempt was due.")
    worker: str = Field(description="The process that made it.")


class DeliveryOut(BaseModel):
    """
    The delivery of an event to one destination: lane `vendor` (a webhook) or `ats` (the result push).

    If `attempts_made` is larger than the number of recorded attempts, an attempt is in flight. An attempt with the
    `error_kind` `interrupted` lost its worker: it has no result and does not count in the retry schedule.
    """

    id: str = Field(description="The delivery's id.")
    event_id: str = Field(description="The event's id: its `webhook-id`.")
    event: str = Field(description="The event's name.")
    order_id: str | None = Field(description="The order that it belongs to.")
    account_id: str | None = Field(description="The account that it belongs to.")
    lane: Lane = Field(description="`vendor`: to a webhook; `ats`: to the ATS.")
    destination_id: str = Field(
        description="The webhook's id, or the account's; the project's while the event is held because no webhook "
        "takes it."
    )
    state: State = Field(description="How it stands.")
    in_flight: bool = Field(description="Whether an attempt is being made now.")
    attempts_made: int = Field(description="The number of attempts.")
    due_at: str | None = Field(description="The time at which the next attempt is due.")
    last_error: str | None = Field(description="How the last attempt failed.")
    erased_at: str | None = Field(
        description="The time at which the order's content was erased; it cannot be sent again."
    )
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")
    attempts: list[AttemptOut] = Field(description="Every attempt, oldest first.")


@router.get("", operation_id="list_deliveries", responses=documented(400, 401))
async def list_deliveries(
    ctx: Ctx,
    project: Caller,
    order_id: Annotated[Plain | None, Query(description="Deliveries of this order alone.")] = None,
    event_id: Annotated[Plain | None, Query(description="Deliveries of this event alone.")] = None,
    destination_id: Annotated[Plain | None, Query(description="Deliveries to this webhook or account alone.")] = None,
    state: Annotated[State | None, Query(description="Deliveries in this state alone.")] = None,
    lane: Annotated[Lane | None, Query(description="`vendor`: to webhooks alone; `ats`: to ATSs alone.")] = None,
    page_size: PageSize = 25,
    next: Next = None,
) -> Page[DeliveryOut]:
    """Deliveries, newest first."""
    filters = {
        "order_id": order_id,
        "event_id": event_id,
        "destination_id": destination_id,
        "state": state,
        "lane": lane,
    }
    found = await deliveries.list_deliveries(ctx, project.id, filters, before=after(next, "dlv"), limit=page_size + 1)
    return page([_shown(one) for one in found], page_size, [one.id for one in found])


@router.get("/{delivery_id}", operation_id="get_delivery", responses=documented(400, 401, 404))
async def get(ctx: Ctx, project: Caller, delivery_id: DeliveryId) -> DeliveryOut:
    """Show a delivery with its attempts."""
    return _shown(await deliveries.get(ctx, project.id, delivery_id))


@router.post("/{delivery_id}/retry", operation_id="retry_delivery", responses=documented(400, 401, 404, 409))
async def retry(ctx: Ctx, project: Caller, delivery_id: DeliveryId) -> DeliveryOut:
    """Retry a delivery now, in any state; its schedule begins anew, its event id stays."""
    return _shown(await deliveries.retry(ctx, project.id, delivery_id))


def _shown(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.id,
        event_id=delivery.event_id,
        event=delivery.event_name,
        order_id=delivery.order_id,
        account_id=delivery.account_id,
        lane=delivery.lane,
        destination_id=delivery.destination_id,
        state=delivery.state,
        in_flight=delivery.in_flight,
        attempts_made=delivery.attempts_made,
        due_at=stamp(delivery.due_at) if delivery.due_at else None,
        last_error=delivery.last_error,
        erased_at=stamp(delivery.erased_at) if delivery.erased_at else None,
        created_at=stamp(delivery.created_at),
        updated_at=stamp(delivery.updated_at),
        attempts=[AttemptOut(**attempts.show(one)) for one in delivery.attempts],
    )
