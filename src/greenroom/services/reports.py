"""An ATS's reports of responses that it could not use, limited in number and size."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from greenroom.context import Context, transaction
from greenroom.model.accounts import Account
from greenroom.model.orders import Order
from greenroom.security import masks
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import reports as report_rows
from greenroom.store import result_refusals as refusal_rows
from greenroom.store.db import Tx, is_plain, to_json, well_formed

#: most reports that are kept per order, and per account
PER_ORDER = 20
PER_ACCOUNT = 500
#: most bytes kept of a report and of the errors in it, which the timeline shows; and most errors
REPORT_BYTES = 16 * 1024
ERRORS_BYTES = 4 * 1024
MOST_ERRORS = 50
#: errors of a report that a finding quotes, and characters of each
QUOTES = 3
QUOTED = 200
_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")


@dataclass(frozen=True)
class Report:
    """
    A report as its connector read it; the ATS wrote the values, which may be of any type.

    `call` is the call whose answer could not be used, `errors` says why. `body` is the whole report.
    """

    order_id: object
    call: object
    errors: object
    candidate_email: object
    body: object


@transaction
async def keep(ctx: Context, tx: Tx, account: Account, report: Report) -> list[str]:
    """
    Stores a report of any shape and adds it to the timeline of the order that it names.

    A report beyond `PER_ORDER` or `PER_ACCOUNT` is only counted. Of a report on an order whose content was erased, only
    the call is kept. Returns the ids of the orders that the report is about: the one it names, or the candidate's.
    """
    order = await _find_order(tx, account, report.order_id)
    if order is not None and order.erased_at is not None:
        report = replace(report, errors=[], candidate_email=None, body={})
    kept_of_order, kept = await report_rows.count(tx, account.id, order.id if order else None, most=PER_ACCOUNT)
    if kept >= PER_ACCOUNT or kept_of_order >= PER_ORDER:
        await _count(tx, account, order)
    else:
        await _store(ctx, tx, account, order, report)
    if order is None or order.erased_at is None:
        await _note(tx, account, order, report)
    if order is not None:
        return [order.id]
    return await order_rows.ids_of(tx, account.id, _storable(report.candidate_email))


async def _find_order(tx: Tx, account: Account, order_id: object) -> Order | None:
    if not isinstance(order_id, str) or not is_plain(order_id):
        return None
    return await order_rows.find_of_account(tx, account.id, order_id, lock=True)


async def _store(ctx: Context, tx: Tx, account: Account, order: Order | None, report: Report) -> None:
    call = _storable(report.call)[:100]
    errors = _errors(report.errors)
    listed = to_json(errors)
    report_id = ctx.new_id("rer")
    await report_rows.add(
        tx,
        report_id,
        account.project_id,
        account.id,
        order_id=order.id if order else None,
        call=call,
        errors=listed,
        raw=_cut(to_json(_email_first(report)), REPORT_BYTES - len(listed.encode())),
    )
    if order is not None:
        message = f"The ATS refused our answer to {call}: {'; '.join(errors)[:500] or 'no reason was kept'}"
        detail = {"api_call": call, "errors": errors}
        await order_log_rows.add(tx, report_rows.log_id(report_id), order.id, "response_error", message, detail)


async def _note(tx: Tx, account: Account, order: Order | None, report: Report) -> None:
    """Records the latest rejected answer of an order, or of the account, for the doctor."""
    errors = [_ADDRESS.sub("(e-mail)", masks.text(one))[:QUOTED] for one in _errors(report.errors)[:QUOTES]]
    named = re.search(r"\b[a-z]+(?:_[a-z]+)+\b", " ".join(errors))
    detail = {"api_call": _storable(report.call)[:100], "errors": errors, "field": named.group() if named else None}
    await refusal_rows.record(
        tx,
        account.project_id,
        order.id if order else account.id,
        "ats",
        code="result.rejected_by_ats",
        account_id=account.id,
        is_known=True,
        detail=to_json({**detail, "order_id": order.id} if order else detail),
    )


async def _count(tx: Tx, account: Account, order: Order | None) -> None:
    """Counts a report that is not kept; the order's timeline has one entry for all of them."""
    report_id = f"rer_more_{order.id if order else account.id}"
    number = await report_rows.count_one_more(
        tx, report_id, account.project_id, account.id, order_id=order.id if order else None
    )
    if order is not None:
        message = (
            f"{number} further report{'s' if number > 1 else ''} not kept: {PER_ORDER} are kept of an order and "
            f"{PER_ACCOUNT} of an account."
        )
        await report_rows.log_count(tx, report_rows.log_id(report_id), order.id, message, number)


def _errors(given: object) -> list[str]:
    """Returns the texts of a report's errors, cut so that their JSON has at most `ERRORS_BYTES`."""
    errors: list[str] = []
    left = ERRORS_BYTES - len("[]")
    for error in (given if isinstance(given, list) else [given])[:MOST_ERRORS]:
        text = _cut(_storable(error), left)
        if len(to_json(text).encode()) >= left:
            text = _cut(text, max(left // 6 - 1, 0))  # JSON writes a control character with six
        left -= len(to_json(text).encode()) + len(",")
        if left < 0:
            break
        errors.append(text)
    return errors


def _email_first(report: Report) -> object:
    """Moves the candidate's e-mail to the front: erasing an order's content finds reports by the e-mail in them."""
    if not isinstance(report.body, dict) or report.candidate_email is None:
        return report.body
    return {"candidate_email": report.candidate_email, **report.body}


def _storable(value: object) -> str:
    return well_formed(str(value)).replace("\x00", "")


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
