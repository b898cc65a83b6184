"""What becomes of an order: the vendor's progress and result, and the ATS that reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from greenroom.context import Context, transaction
from greenroom.errors import Conflict
from greenroom.model.accounts import Account
from greenroom.model.capabilities import Capabilities
from greenroom.model.orders import Category, Order, Status
from greenroom.model.results import Result
from greenroom.services import audit, funnel, orders, placing, updates
from greenroom.services.traces import traced
from greenroom.store import orders as order_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store import updates as update_rows
from greenroom.store.db import Tx


@funnel.counted
@traced("record result", order_id=lambda _project, _account, order_id, *_, **__: order_id)
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
    *,
    received: Any = None,
) -> Order:
    """
    Record a vendor's result and queue the update for the ATS, of whose capabilities `ats` tells; progress only moves
    the order.

    Mere progress changes the order's status only. Repeating the same result changes nothing and queues nothing.
    `received` is the body of the request, with credentials hidden. The order's log keeps it, unless the order stores
    the minimum.

    Raises:
        NotFound: the order is not this account's, or is of the other category; the message then names its path.
        Conflict: the order has a different result, has ended otherwise, or its content was erased.
    """
    order = await order_rows.find_of_account(tx, account_id, order_id, lock=True)
    if order is None or order.project_id != project_id:
        raise orders.unknown(order_id)
    orders.refuse_other_category(order, category)
    now = ctx.now()
    changed = order.resulted(result, now=now, repeats=ats.repeated_results)
    await refusal_rows.forget(tx, project_id, order_id, account_id=account_id)
    if changed is order:
        return order
    changed = replace(changed, updated_at=now)
    if changed.result is None:
        await orders.log(ctx, tx, order, "status", f"The vendor says: {changed.status}.", _received(order, received))
        await _audit_status(ctx, tx, changed)
        return await updates.save_progress(ctx, tx, changed, ats)
    kept = {**_summary(result), **_received(order, received)}
    await orders.log(ctx, tx, order, "result", f"Result recorded; the order is {changed.status}.", kept)
    changed = await updates.queue(ctx, tx, changed, ats)
    await order_rows.save(tx, changed)
    if order.result_at is not None:  # a second result moves the order to another day
        await funnel.forget_days(tx, project_id, [order.result_at, order.acknowledged_at])
    detail = {"status": changed.status}
    await audit.record(ctx, tx, "order.result_recorded", order_id, project_id=project_id, detail=detail)
    return changed


@funnel.counted
@transaction(queues=True)
async def record_without_order(
    ctx: Context, tx: Tx, placed: Order, result: Result, ats: Capabilities, *, received: Any = None
) -> Order:
    """
    Records a result for which the ATS has no order, as an order of its own, and queues it for the ATS.

    `placed` is the drafted order. The same result again within `placing.REPEAT_WINDOW` is one result.
    """
    order = placed.resulted(result, now=placed.created_at)
    known, _ = await placing.add(tx, order)
    if known is not None:
        return known
    order = await updates.queue(ctx, tx, order, ats)
    await order_rows.save(tx, order)
    kept = {**_summary(result), **_received(order, received)}
    await orders.log(ctx, tx, order, "result", "Result recorded, for which the ATS has no order.", kept)
    detail = {"status": order.status}
    await audit.record(ctx, tx, "order.result_recorded", order.id, project_id=order.project_id, detail=detail)
    return order


@funnel.counted
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
        raise orders.unknown(order_id)
    changed = order.progressed(status, message, now=ctx.now())
    if changed is not order:
        changed = await updates.save_progress(ctx, tx, replace(changed, updated_at=ctx.now()), ats)
        said = f": {message}" if message else ""
        await orders.log(ctx, tx, order, "status", orders.sentence(f"The vendor says: {status}{said}"))
        await _audit_status(ctx, tx, changed)
    return changed


@funnel.counted
@traced("ATS reads result", order_id=lambda _account, order_id: order_id)
@transaction
async def acknowledge(ctx: Context, tx: Tx, account: Account, order_id: str) -> Order | None:
    """
    Records that the ATS has read the result, and returns the order; None if there was none or it has been read before.

    Later times only end the finding about a rejected answer.
    """
    order = await order_rows.find_of_account(tx, account.id, order_id, lock=True)
    if order is None or order.result is None:
        return None
    await refusal_rows.forget_rejection(tx, order.project_id, order.id)
    if order.acknowledged_at is not None:
        return None
    read = order.acknowledged(now=ctx.now())
    await order_rows.save(tx, read)
    await update_rows.end_nudges(tx, order.id)
    await orders.log(ctx, tx, order, "acknowledged", "The ATS has read the result.")
    return read


def result_problem(ctx: Context, order: Order, result: Result, ats: Capabilities) -> str | None:
    """Why this result would be refused for this order; None when it would be taken. Changes nothing."""
    try:
        order.resulted(result, now=ctx.now(), repeats=ats.repeated_results)
    except Conflict as error:
        return error.message
    return None


async def _audit_status(ctx: Context, tx: Tx, order: Order) -> None:
    detail = {"status": order.status}
    await audit.record(ctx, tx, "order.status_recorded", order.id, project_id=order.project_id, detail=detail)


def _received(order: Order, received: Any) -> dict[str, Any]:
    return {"request": received} if received is not None and order.store == "full" else {}


def _summary(result: Result) -> dict[str, Any]:
    return {"verdict": result.verdict, "score": result.score.value, "result_url": result.result_url}
