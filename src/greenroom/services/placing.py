"""Placing an order: the repeat of a request, the stored order, its event and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, QueueFull
from greenroom.model.accounts import Account
from greenroom.model.enrichment import PATIENCE, Enrichment, missing
from greenroom.model.events import ORDER_CREATED, order_payload, stamp
from greenroom.model.order_checks import Decision
from greenroom.model.orders import Category, Order, OrderRequest, OrderSource, Storage
from greenroom.services import audit, events, funnel, orders
from greenroom.services.traces import traced
from greenroom.store import enrichments as enrichment_rows
from greenroom.store import orders as order_rows
from greenroom.store import resumes as resume_rows
from greenroom.store.db import Tx

log = structlog.get_logger("greenroom.orders")


#: time within which an identical request without an id of its own counts as a repeat
REPEAT_WINDOW = timedelta(minutes=2)


@funnel.counted
@traced("accept order")
async def place(
    ctx: Context,
    account: Account,
    request: OrderRequest,
    *,
    category: Category,
    package_name: str | None,
    source: Literal["ats", "api"] = "ats",
    order_id: str | None = None,
    decision: Decision | None = None,
    shows_refusals: bool = True,
    store: Storage = "full",
    keeps_resume: bool = False,
    enrichment: Enrichment | None = None,
    answer: Mapping[str, Any] | None = None,
) -> Order:
    """
    Stores an order, its event and one delivery per subscribed webhook together.

    A repeated request gives the order that is there, and writes nothing else. `order_id` is the id of a new order.
    `decision` is the vendor's: an order that it refused is stored as rejected, and no webhook is notified;
    `shows_refusals` says that the ATS shows the recruiter why. With a minimal `store`, for which the request must be
    minimal already, the event's payload is erased once it is delivered. `keeps_resume` has the engine fetch the resume.
    The event of an order whose `enrichment` is pending waits for it, at most `PATIENCE`; the order itself never does.
    `answer` is the status and body of the answer to the request, which the order's log keeps.

    Raises:
        Conflict: by the API, another order has this one's id, or one whose content was erased, so that nobody can tell.
            An ATS is never refused for that, since its recruiter would see an error: what differs is another order.
            Or the request is `one_at_a_time`, and an order with its key is open.
        QueueFull: it is new, and too much waits for a webhook of its project.
    """
    if ctx.engine.is_queue_full(account.project_id):
        if known := await find_repeated(ctx, account, request, source=source):
            return known
        raise QueueFull(
            "The order was not accepted: too many deliveries are waiting for a webhook of this project, or are held "
            "because no webhook subscribes to them (GREENROOM_QUEUE_LIMIT). Repair or delete the webhook whose "
            "`health` or `held` shows the problem, or create one, then send the order again."
        )
    order = draft(
        account, request, category, package_name, source, order_id=order_id or ctx.new_id("ord"), now=ctx.now()
    )
    order = replace(order, store=store, enrichment=enrichment)
    keeps_resume = keeps_resume and request.candidate.resume_url is not None
    placed = await _place(
        ctx, order, decision or Decision(), shows_refusals=shows_refusals, keeps_resume=keeps_resume, answer=answer
    )
    if placed.enrichment is not None and placed.enrichment.pending:
        ctx.engine.enrich()
    return placed


def draft(
    account: Account,
    request: OrderRequest,
    category: Category,
    package_name: str | None,
    source: OrderSource,
    *,
    order_id: str,
    now: datetime,
) -> Order:
    """Returns an order that is not placed yet."""
    return Order(
        id=order_id,
        project_id=account.project_id,
        account_id=account.id,
        provider=account.provider,
        category=category,
        source=source,
        request=request,
        package_name=package_name,
        created_at=now,
        updated_at=now,
        reached=("ordered",),
    )


@snapshot
async def find_repeated(
    ctx: Context, tx: Tx, account: Account, request: OrderRequest, *, source: OrderSource
) -> Order | None:
    """Returns the order that a request repeats, or None."""
    for key in () if request.one_at_a_time else request.dedupe_keys:
        known = await order_rows.find_by_dedupe_key(tx, account.id, key)
        if known is None or (request.dedupe_key is None and known.created_at < ctx.now() - REPEAT_WINDOW):
            break
        if _find_difference(known, request, source=source) is None:
            return known
    return None


@transaction(kind="batchable", queues=True)
async def _place(
    ctx: Context,
    tx: Tx,
    order: Order,
    decision: Decision,
    *,
    shows_refusals: bool,
    keeps_resume: bool,
    answer: Mapping[str, Any] | None = None,
) -> Order:
    request = order.request
    if not decision.accept:
        enrichment = order.enrichment and missing(None, order.created_at)
        message = decision.message
        order = replace(order, status="rejected", status_message=message, delivery="refused", enrichment=enrichment)
    known, differs = await add(tx, order)
    if known is not None and differs is None:
        return known
    if keeps_resume and decision.accept:
        await resume_rows.add(tx, order.id, order.project_id)
    if order.source == "api":
        await audit.record(ctx, tx, "order.placed", order.id, project_id=order.project_id)
    recipients = (
        await _publish(ctx, tx, order) if decision.accept else "the vendor refused it, so no webhook receives it"
    )
    detail = {"package_id": request.package_id, **({"answer": answer} if answer and decision.accept else {})}
    await orders.log(ctx, tx, order, "received", f"Order received; {recipients}.", detail)
    if not decision.accept:
        refused = orders.sentence(f"The vendor refused the order: {decision.message}")
        untold = " The ATS shows no reason; tell the recruiter." if order.source == "ats" and not shows_refusals else ""
        await orders.log(ctx, tx, order, "alert" if untold else "status", f"{refused}{untold}")
    if decision.problem:
        await orders.log(
            ctx, tx, order, "alert", f"The order was accepted without the vendor's decision: {decision.problem}"
        )
    if known is not None and differs != "url":
        await _alert_shared_url(ctx, tx, order, known, differs)
    if request.callback_problem:
        await orders.log(ctx, tx, order, "alert", f"The result cannot be pushed: {request.callback_problem}")
    return order


async def add(tx: Tx, order: Order) -> tuple[Order | None, str | None]:
    """
    Stores an order under the first of its keys that is free.

    Returns the last order found under a key, or None, and the field in which the two differ. If they do not differ, the
    request is a repeat and nothing was stored.
    """
    request = order.request
    if request.dedupe_key is None:
        before = order.created_at - REPEAT_WINDOW
        await order_rows.release_key(tx, order.account_id, request.dedupe_keys[0], before=before)
    if request.one_at_a_time:
        await order_rows.release_ended_key(tx, order.account_id, request.dedupe_keys[0])
    known = differs = None
    for key in request.dedupe_keys:
        if await order_rows.add(tx, order, dedupe_key=key):
            return known, differs
        known = await order_rows.find_by_dedupe_key(tx, order.account_id, key)
        assert known is not None  # noqa: S101 - its key was taken, and orders are never deleted
        if request.one_at_a_time:
            raise Conflict(
                "This candidate already has an open order of this package, so another one was not placed.",
                code="OrderOpen",
            )
        differs = _find_difference(known, request, source=order.source)
        if differs is None:
            break
    return known, None


def _find_difference(known: Order, request: OrderRequest, *, source: OrderSource) -> str | None:
    """
    Returns the first field that differs from the order under the same key, or None for a repeat.

    Raises:
        Conflict: on the API, the existing order differs or its content was erased.
    """
    if source != "api":
        return known.differs_from(request)
    known.refuse_if_erased()
    if path := request.differs_from(known.request):
        raise Conflict(
            f"Another order was placed with this id at {stamp(known.created_at)}: {path} differs. Give this one an id "
            "of its own; an identical repeat is welcome.",
            code="OrderIdTaken",
            errors=[f"{path}: differs from the order that has this id"],
        )
    return None


async def _alert_shared_url(ctx: Context, tx: Tx, order: Order, known: Order, differs: str | None) -> None:
    message = (
        f"The ATS sent this order with the callback URL of order {known.id}, but {differs} differs. Each is an order "
        "of its own, and both results go to the same URL. Ask the ATS's support which order the URL belongs to."
    )
    await orders.log(ctx, tx, order, "alert", message, {"order_id": known.id, "differs": differs})
    log.warning("callback_url_shared", account_id=order.account_id, order_id=order.id, known=known.id, differs=differs)


async def _publish(ctx: Context, tx: Tx, order: Order) -> str:
    event_type = ORDER_CREATED[order.category]
    payload = order_payload(order, update_url=orders.update_url(ctx, order), at=order.created_at)
    is_enriched_later = order.enrichment is not None and order.enrichment.pending
    event_id = ctx.new_id("evt")
    count = await events.publish(
        ctx,
        tx,
        order.project_id,
        event_type,
        payload,
        account_id=order.account_id,
        order_id=order.id,
        erase_when_delivered=order.store == "minimal",
        event_id=event_id,
        wait=PATIENCE if is_enriched_later else None,
    )
    if is_enriched_later:
        await enrichment_rows.add(tx, order.id, order.account_id, event_id)
    return orders.describe_recipients(count, event_type)
