"""
The latest refusal of each order's result, for the doctor.

A refusal is forgotten when a later result of the order is accepted. One that names no order of the project is forgotten
when a later result of the same account is accepted, or of any account if it named none of the project. A refused second
result is shown for a day, or until the recorded result is repeated: the recorded result stays valid, so nothing else
would end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greenroom.context import Context, transaction
from greenroom.errors import Conflict, NotFound, Refused
from greenroom.model.events import stamp
from greenroom.model.orders import Category, Order
from greenroom.model.results import PROSE, Result, differences
from greenroom.security import masks
from greenroom.store import orders as order_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store.db import Tx, is_plain, to_json

#: fields that a finding lists, and characters of a value that it repeats
MOST = 10
LONGEST = 100
#: characters of an id that names no order
LONGEST_ID = 80


@dataclass(frozen=True)
class Refusal:
    """
    A result that was refused: `cause` is its code where the body alone says it, `proof` the observed facts.

    `is_linked` says that the account named is one of the project.
    """

    error: Refused
    cause: str | None = None
    proof: Mapping[str, Any] | None = None
    result: Result | None = None
    is_linked: bool = True


@transaction(kind="short")
async def record(
    ctx: Context, tx: Tx, project_id: str, account_id: str, order_id: str, category: Category, refusal: Refusal
) -> None:
    """Records why a result was refused; does nothing for a cause that the doctor does not tell apart."""
    order = await order_rows.find(tx, project_id, order_id) if is_plain(order_id) else None
    cause, proof = _judge(order, account_id, order_id, category, refusal)
    if cause is None or (order is not None and order.erased_at is not None):
        return
    subject = order.id if order else _shortened(order_id)
    await refusal_rows.record(
        tx,
        project_id,
        subject,
        "vendor",
        code=cause,
        account_id=order.account_id if order else account_id if refusal.is_linked else None,
        is_known=order is not None,
        detail=to_json({"order_id": subject, "status": refusal.error.status, **proof}),
    )


def _judge(
    order: Order | None, account_id: str, order_id: str, category: Category, refusal: Refusal
) -> tuple[str | None, Mapping[str, Any]]:
    if refusal.cause is not None:
        return refusal.cause, refusal.proof or {}
    if isinstance(refusal.error, NotFound):
        if order is None:
            return "result.unknown_order", {"account_id": _shortened(account_id)}
        if order.account_id != account_id:
            return "result.wrong_account", {
                "account_id": order.account_id,
                "sent_account_id": _shortened(account_id),
            }
        path = f"/unified/ats/{{}}/orders/{order.id}/result"
        return "result.wrong_category", {"path": path.format(order.category), "sent_path": path.format(category)}
    if isinstance(refusal.error, Conflict) and order and order.result and refusal.result:
        return "result.second_update", _second(order, order.result, refusal.result)
    return None, {}


def _second(order: Order, first: Result, second: Result) -> dict[str, Any]:
    """Returns what differs; of free text and what is about the candidate only that it does."""
    found = differences(first, second)[:MOST]
    diff = [
        {"field": one.path, "first": _shown(one.first), "second": _shown(one.second)}
        for one in found
        if one.path not in PROSE
    ]
    return {
        "first_at": stamp(order.result_at) if order.result_at else None,
        "differs": [one.path for one in found],
        "diff": diff,
    }


def _shown(value: Any) -> Any:
    return masks.text(value[:LONGEST]) if isinstance(value, str) else value


def _shortened(text: str) -> str:
    plain = "".join(one if one.isascii() and one.isprintable() else "?" for one in text)
    return masks.text(plain[:LONGEST_ID])
