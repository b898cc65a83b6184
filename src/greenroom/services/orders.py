"""Reads of orders, and what the services that change orders share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.errors import NotFound
from greenroom.model.accounts import Account
from greenroom.model.orders import Category, Order
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Tx, is_plain


def describe_recipients(webhooks: int, event_type: str) -> str:
    """Returns the part of a timeline's message that says how many webhooks receive an event."""
    if not webhooks:
        return f"no webhook subscribes to {event_type}, so its event is held until one does"
    return f"queued for {webhooks} webhook{'s' if webhooks > 1 else ''}"


def update_url(ctx: Context, order: Order) -> str:
    """Returns the URL to which the vendor sends this order's result."""
    return f"{ctx.settings.public_url}/unified/ats/{order.category}/orders/{order.id}/result"


@snapshot
async def get(_: Context, tx: Tx, project_id: str, order_id: str) -> Order:
    """
    Returns a project's order.

    Raises:
        NotFound: the order does not exist or is another project's.
    """
    order = await order_rows.find(tx, project_id, order_id)
    if order is None:
        raise unknown(order_id)
    return order


@snapshot
async def list_orders(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, Any], *, before: str | None = None, limit: int = 25
) -> list[Order]:
    """Lists a project's orders, newest first; see `store.orders.list_orders` for the filters."""
    return await order_rows.list_orders(tx, project_id, filters, before=before, limit=limit)


@snapshot
async def list_newest(
    _: Context, tx: Tx, project_id: str, *, most: int, most_refused: int
) -> tuple[list[Order], list[Order]]:
    """Lists a project's newest orders, and its newest whose result is refused, each newest first."""
    found = await order_rows.list_newest(tx, project_id, most=most, most_refused=most_refused)
    return found[:most], [one for one in found if one.delivery == "refused"][:most_refused]


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
        raise unknown(order_id)
    return order


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


def sentence(text: str) -> str:
    """Returns the text with a full stop unless it ends a sentence already."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def unknown(order_id: str) -> NotFound:
    """Returns the error for an order that is not the caller's."""
    return NotFound(f"No order {order_id[:80]} here.")


async def log(
    ctx: Context, tx: Tx, order: Order, kind: str, message: str, detail: dict[str, Any] | None = None
) -> None:
    """Adds an entry to an order\'s timeline, inside another service\'s transaction."""
    await order_log_rows.add(tx, ctx.new_id("log"), order.id, kind, message, detail)
