"""Operations on orders: place, read, report progress, record a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound, QueueFull
from greenroom.model.accounts import Account
from greenroom.model.capabilities import Capabilities
from greenroom.model.enrichment import PATIENCE, Enrichment, missing
from greenroom.model.events import ORDER_CREATED, order_payload, stamp
from greenroom.model.order_checks import Decision
from greenroom.model.orders import Category, Order, OrderRequest, OrderSource, Status, Storage
from greenroom.model.results import Result
from greenroom.services import audit, events, statistics, updates
from greenroom.services.traces import traced
from greenroom.store import deliveries as delivery_rows
from greenroom.store import enrichments as enrichment_rows
from greenroom.store import orders as order_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store import resumes as resume_rows
from greenroom.store.db import Tx, is_plain

log = structlog.get_logger("greenroom.orders")

#: time within which an identical request without an id of its own counts as a repeat
REPEAT_WINDOW = timedelta(minutes=2)


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
) -> Order:
    """
    Stores an order, its event and one delivery per subscribed webhook together.

    A repeated request gives the order that is there, and writes nothing else. `order_id` is the id of a new order.
    `decision` is the vendor's: an order that it refused is stored as rejected, and no webhook is notified;
    `shows_refusals` says that the ATS shows the recruiter why. With a minimal `store`, for which the request must be
    minimal already, the event's payload is erased once it is delivered. `keeps_resume` has the engine fetch the resume.
    The event of an order whose `enrichment` is pending waits for it, at most `PATIENCE`; the order itself never does.

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
    placed = await _place(ctx, order, decision or Decision(), shows_refusals=shows_refusals, keeps_resume=keeps_resume)
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
    ctx: Context, tx: Tx, order: Order, decision: Decision, *, shows_refusals: bool, keeps_resume: bool
) -> Order:
    request = order.request
    if not decision.accept:
        enrichment = order.enrichment and missing(None, order.created_at)
        message = decision.message
        order = replace(order, status="rejected", status_message=message, delivery="refused", enrichment=enrichment)
    known, differs = await _add(tx, order)
    if known is not None and differs is None:
        return known
    if keeps_resume and decision.accept:
        await resume_rows.add(tx, order.id, order.project_id)
    if order.source == "api":
        await audit.record(ctx, tx, "order.placed", order.id, project_id=order.project_id)
    recipients = (
        await _publish(ctx, tx, order) if decision.accept else "the vendor refused it, so no webhook receives it"
    )
    await _log(ctx, tx, order, "received", f"Order received; {recipients}.", {"package_id": request.package_id})
    if not decision.accept:
        refused = _sentence(f"The vendor refused the order: {decision.message}")
        untold = " The ATS shows no reason; tell the recruiter." if order.source == "ats" and not shows_refusals else ""
        await _log(ctx, tx, order, "alert" if untold else "status", f"{refused}{untold}")
    if decision.problem:
        await _log(ctx, tx, order, "alert", f"The order was accepted without the vendor's decision: {decision.problem}")
    if known is not None and differs != "url":
        await _alert_shared_url(ctx, tx, order, known, differs)
    if request.callback_problem:
        await _log(ctx, tx, order, "alert", f"The result cannot be pushed: {request.callback_problem}")
    return order


async def _add(tx: Tx, order: Order) -> tuple[Order | None, str | None]:
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
    await _log(ctx, tx, order, "alert", message, {"order_id": known.id, "differs": differs})
    log.warning("callback_url_shared", account_id=order.account_id, order_id=order.id, known=known.id, differs=differs)


async def _publish(ctx: Context, tx: Tx, order: Order) -> str:
    event_type = ORDER_CREATED[order.category]
    payload = order_payload(order, update_url=update_url(ctx, order), at=order.created_at)
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
    return describe_recipients(count, event_type)


def describe_recipients(webhooks: int, event_type: str) -> str:
    """Returns the part of a timeline's message that says how many webhooks receive an event."""
    if not webhooks:
        return f"no webhook subscribes to {event_type}, so its event is held until one does"
    return f"queued for {webhooks} webhook{'s' if webhooks > 1 else ''}"


def update_url(ctx: Context, order: Order) -> str:
    """Returns the URL to which the vendor sends this order's result."""
    return f"{ctx.settings.public_url}/unified/ats/{order.category}/orders/{order.id}/result"


@traced("record result", order_id=lambda _project, _account, order_id, *_: order_id)
@transaction(queues=True)
async def record_result(
    ctx: Context,
    tx: Tx,
    project_id: str,
    account_id: str,
    order_id: str,
    category: Category,
    result: Result,
    ats: Capabilities,
) -> Order:
    """
    Record a vendor's result and queue the update for the ATS, of whose capabilities `ats` tells; progress only moves
    the order.

    Mere progress changes the order's status only. Repeating the same result changes nothing and queues nothing.

    Raises:
        NotFound: the order is not this account's, or is of the other category; the message then names its path.
        Conflict: the order has a different result, has ended otherwise, or its content was erased.
    """
    order = await order_rows.find_of_account(tx, account_id, order_id, lock=True)
    if order is None or order.project_id != project_id:
        raise _unknown(order_id)
    refuse_other_category(order, category)
    now = ctx.now()
    changed = order.resulted(result, now=now, repeats=ats.repeated_results)
    await refusal_rows.forget(tx, project_id, order_id, account_id=account_id)
    if changed is order:
        return order
    changed = replace(changed, updated_at=now)
    if changed.result is None:
        await _log(ctx, tx, order, "status", f"The vendor says: {changed.status}.")
        await _audit_status(ctx, tx, changed)
        return await updates.save_progress(ctx, tx, changed, ats)
    await _log(ctx, tx, order, "result", f"Result recorded; the order is {changed.status}.", _summary(result))
    changed = await updates.queue(ctx, tx, changed, ats)
    await order_rows.save(tx, changed)
    if order.result_at is not None:  # a second result moves the order to another day
        await statistics.forget_days(tx, project_id, [order.result_at, order.acknowledged_at])
    detail = {"status": changed.status}
    await audit.record(ctx, tx, "order.result_recorded", order_id, project_id=project_id, detail=detail)
    return changed


@transaction(queues=True)
async def record_without_order(
    ctx: Context, tx: Tx, account: Account, request: OrderRequest, order_id: str, category: Category, result: Result,
    package_name: str, ats: Capabilities,
) -> Order:  # fmt: skip
    """
    Records a result for which the ATS has no order, as an order of its own, and queues it for the ATS.

    The same result again within `REPEAT_WINDOW` is one result.
    """
    now = ctx.now()
    placed = draft(account, request, category, package_name, "result", order_id=order_id, now=now)
    order = placed.resulted(result, now=now)
    known, _ = await _add(tx, order)
    if known is not None:
        return known
    order = await updates.queue(ctx, tx, order, ats)
    await order_rows.save(tx, order)
    await _log(ctx, tx, order, "result", "Result recorded, for which the ATS has no order.", _summary(result))
    detail = {"status": order.status}
    await audit.record(ctx, tx, "order.result_recorded", order.id, project_id=order.project_id, detail=detail)
    return order


async def _audit_status(ctx: Context, tx: Tx, order: Order) -> None:
    detail = {"status": order.status}
    await audit.record(ctx, tx, "order.status_recorded", order.id, project_id=order.project_id, detail=detail)


def _summary(result: Result) -> dict[str, Any]:
    return {"verdict": result.verdict, "score": result.score.value, "result_url": result.result_url}


@transaction(queues=True)
async def record_status(
    ctx: Context,
    tx: Tx,
    project_id: str,
    order_id: str,
    status: Status,
    ats: Capabilities,
    *,
    message: str | None = None,
) -> Order:
    """
    Records the vendor's word on an order's progress, and queues it for an ATS that takes it. The same word again
    changes nothing.

    Raises:
        NotFound: the order is not the project's.
        Conflict: the order has ended, is already further, or its content was erased.
    """
    found = await order_rows.find(tx, project_id, order_id)
    order = found and await order_rows.find_of_account(tx, found.account_id, order_id, lock=True)
    if order is None:
        raise _unknown(order_id)
    changed = order.progressed(status, message)
    if changed is not order:
        changed = await updates.save_progress(ctx, tx, replace(changed, updated_at=ctx.now()), ats)
        said = f": {message}" if message else ""
        await _log(ctx, tx, order, "status", _sentence(f"The vendor says: {status}{said}"))
        await _audit_status(ctx, tx, changed)
    return changed


@snapshot
async def get(_: Context, tx: Tx, project_id: str, order_id: str) -> Order:
    """
    Returns a project's order.

    Raises:
        NotFound: the order does not exist or is another project's.
    """
    order = await order_rows.find(tx, project_id, order_id)
    if order is None:
        raise _unknown(order_id)
    return order


@snapshot
async def list_orders(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, Any], *, before: str | None = None, limit: int = 25
) -> list[Order]:
    """Lists a project's orders, newest first; see `store.orders.list_orders` for the filters."""
    return await order_rows.list_orders(tx, project_id, filters, before=before, limit=limit)


@snapshot
async def list_stuck(_: Context, tx: Tx, project_id: str, *, limit: int) -> list[Order]:
    """Lists a project's newest orders whose result is refused, and its newest whose event is held, `limit` of each."""
    return await order_rows.list_stuck(tx, project_id, limit=limit)


@snapshot
async def list_with_counts(
    _: Context,
    tx: Tx,
    project_id: str,
    filters: Mapping[str, Any],
    *,
    before: str | None = None,
    limit: int = 25,
    most: int,
) -> tuple[list[Order], dict[str, int]]:
    """Lists orders as `list_orders` does; also counts all, refused, held and completed ones, up to `most` each."""
    found = await order_rows.list_orders(tx, project_id, filters, before=before, limit=limit)
    return found, await order_rows.count_some(tx, project_id, most=most)


@snapshot
async def look_up(_: Context, tx: Tx, account: Account, order_id: str) -> Order:
    """
    Returns an account's order, for a request of its ATS.

    Raises:
        NotFound: the order does not exist or is another account's.
    """
    order = await order_rows.find_of_account(tx, account.id, order_id) if is_plain(order_id) else None
    if order is None:
        raise _unknown(order_id)
    return order


@traced("ATS reads result", order_id=lambda _account, order_id: order_id)
@transaction
async def acknowledge(ctx: Context, tx: Tx, account: Account, order_id: str) -> None:
    """Records that the ATS has read the result; later times only end the finding about a rejected answer."""
    order = await order_rows.find_of_account(tx, account.id, order_id, lock=True)
    if order is None or order.result is None:
        return
    await refusal_rows.forget_rejection(tx, order.project_id, order.id)
    if order.acknowledged_at is not None:
        return
    now = ctx.now()
    await order_rows.save(
        tx, replace(order, delivery="acknowledged", delivery_detail=None, acknowledged_at=now, updated_at=now)
    )
    await delivery_rows.end_nudges(tx, order.id)
    await _log(ctx, tx, order, "acknowledged", "The ATS has read the result.")


def refuse_other_category(order: Order, category: Category) -> None:
    """
    Checks that an order is of this category.

    Raises:
        NotFound: the order is of the other category; the message names its path.
    """
    if order.category != category:
        raise NotFound(
            f"The order {order.id} is not one of {category}: it is at /unified/ats/{order.category}/orders/{order.id}."
        )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _unknown(order_id: str) -> NotFound:
    return NotFound(f"No order {order_id[:80]} here.")


async def _log(
    ctx: Context, tx: Tx, order: Order, kind: str, message: str, detail: dict[str, Any] | None = None
) -> None:
    await order_rows.log(tx, ctx.new_id("log"), order.id, kind, message, detail)


def result_problem(ctx: Context, order: Order, result: Result, ats: Capabilities) -> str | None:
    """Why this result would be refused for this order; None when it would be taken. Changes nothing."""
    try:
        order.resulted(result, now=ctx.now(), repeats=ats.repeated_results)
    except Conflict as error:
        return error.message
    return None
