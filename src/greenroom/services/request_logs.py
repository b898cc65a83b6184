"""The request log: written in batches, read by its project, deleted after a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import NotFound
from greenroom.model.orders import ID as ORDER_ID
from greenroom.model.request_logs import Entry, Listed, LogEntry, LoggedExchange, LoggedMessage
from greenroom.security import masks
from greenroom.security.vault import VaultError
from greenroom.store import orders as order_rows
from greenroom.store import request_logs as log_rows
from greenroom.store.db import Row, Tx, from_ms, to_json, to_ms, well_formed

#: most characters kept of a text that the caller chose
LONGEST = 2000
#: query parameters whose values identify a person, and are hidden
PERSON = ("candidate_email", "email")
#: most entries deleted in one transaction
FORGET = 500


@dataclass(frozen=True)
class LogQuery:
    """
    A query of the log; see `store.request_logs.list_entries`.

    `after` is the id of the last entry seen. `details` decrypts the headers and bodies that were kept.
    """

    filters: Mapping[str, Any]
    order: str = "eventDatetime"
    descending: bool = True
    after: str | None = None
    limit: int = 25


async def keep(ctx: Context, lines: Sequence[LogEntry]) -> None:
    """
    Writes log entries in one batch, with credentials masked.

    Masking is slow, so it happens before the transaction begins.

    Raises:
        Unavailable: the database is unavailable; nothing was written.
    """
    requests = [_request_row(ctx, line) for line in lines]
    steps = [_step_row(ctx, line, number, step) for line in lines for number, step in enumerate(line.steps, start=1)]
    about = {(line.project_id, line.id, order_id) for line in lines for order_id in _orders_of(line)}
    await _add(ctx, requests, steps, about)


@transaction
async def _add(
    _: Context, tx: Tx, requests: list[list[Any]], steps: list[list[Any]], about: Set[tuple[str, str, str]]
) -> None:
    """
    Stores entries and the orders that they concern.

    `about` has project, request and order ids; other projects' orders are ignored. Entries about an erased order are
    stored without headers and bodies, which may be older than the erasure.
    """
    known = {(row["project_id"], row["id"]): row for row in await order_rows.share(tx, {one[2] for one in about})}
    own = [(request_id, known[project, id_]) for project, request_id, id_ in about if (project, id_) in known]
    erased = {request_id for request_id, order in own if order["expunged_at"] is not None}
    await log_rows.add(
        tx,
        [_without_detail(row) if row[log_rows.REQUEST.index("id")] in erased else row for row in requests],
        [_without_detail(row) if row[log_rows.STEP.index("request_id")] in erased else row for row in steps],
        [(request_id, order["id"]) for request_id, order in own if request_id not in erased],
    )


def _without_detail(row: list[Any]) -> list[Any]:
    """Returns a row of either table without its headers and bodies."""
    detail = log_rows.REQUEST.index("detail_sealed")
    return [*row[:detail], None, *row[detail + 1 :]]


def _orders_of(line: LogEntry) -> set[str]:
    """
    Returns the ids of the orders that an entry with kept headers and bodies concerns.

    Besides the noted orders, every order id in the URL and the bodies counts.
    """
    exchanges = (line.exchange, *line.steps)
    messages = [one for exchange in exchanges for one in (exchange.request, exchange.response) if one is not None]
    if not messages:
        return set()
    texts = [line.exchange.url, *(message.body.decode(errors="replace") for message in messages)]
    return {*line.orders, *(order_id for text in texts for order_id in ORDER_ID.findall(text))}


@snapshot
async def get(ctx: Context, tx: Tx, project_id: str, request_id: str, *, details: bool = False) -> Entry:
    """
    Returns a project's request with its steps; `details` decrypts the headers and bodies that were kept.

    Raises:
        NotFound: the request does not exist or is another project's.
    """
    row = await log_rows.find(tx, project_id, request_id)
    if row is None:
        raise NotFound(f"No request {request_id[:80]} is on record in this project.")
    steps = await log_rows.list_steps_of(tx, project_id, [request_id])
    shown = tuple(_entry(step, _detail(ctx, "request_steps", step) if details else None) for step in steps)
    return replace(_entry(row, _detail(ctx, "request_logs", row) if details else None), step_requests=shown)


@snapshot
async def list_requests(
    _: Context, tx: Tx, project_id: str, listed: Listed, asked: LogQuery, *, steps: bool = False
) -> list[Entry]:
    """Lists a project's requests of one list; `steps` adds the calls made for each."""
    filters = {**asked.filters, "listed": listed}
    found = [_entry(row) for row in await _rows(tx, "request_logs", project_id, replace(asked, filters=filters))]
    if not steps:
        return found
    made: dict[str, list[Entry]] = {entry.id: [] for entry in found}
    for row in await log_rows.list_steps_of(tx, project_id, list(made)):
        made[row["request_id"]].append(_entry(row))
    return [replace(entry, step_requests=tuple(made[entry.id])) for entry in found]


async def read_refused(ctx: Context, tx: Tx, project_id: str, order_id: str, *, limit: int) -> list[Entry]:
    """
    Returns the newest refused requests about an order, oldest first, inside another service's transaction.

    Only those whose headers and bodies are kept are linked to an order (GREENROOM_LOG_BODIES).
    """
    asked = LogQuery({"order_id": order_id, "success": False}, limit=limit)
    rows = await _rows(tx, "request_logs", project_id, asked)
    return [_entry(row, _detail(ctx, "request_logs", row)) for row in reversed(rows)]


@snapshot
async def list_steps(_: Context, tx: Tx, project_id: str, asked: LogQuery) -> list[Entry]:
    """Lists the outgoing calls made while a project's requests were served, of every list."""
    return [_entry(row) for row in await _rows(tx, "request_steps", project_id, asked)]


@transaction
async def delete_old(_: Context, tx: Tx, *, kept: timedelta) -> bool:
    """Deletes a batch of requests older than `kept`; returns whether there may be more."""
    older_ms = int(kept.total_seconds() * 1000)
    return await log_rows.delete_old(tx, older_ms=older_ms, limit=FORGET) == FORGET


async def _rows(tx: Tx, table: log_rows.Table, project_id: str, asked: LogQuery) -> Sequence[Row]:
    return await log_rows.list_entries(
        tx,
        table,
        project_id,
        asked.filters,
        order=asked.order,
        descending=asked.descending,
        after=asked.after,
        limit=asked.limit,
    )


def _request_row(ctx: Context, line: LogEntry) -> list[Any]:
    source = line.source
    row = {
        **_called(ctx, "request_logs", line.id, line, line.exchange),
        "listed": line.listed,
        "category": line.words.category,
        "source_type": source.type,
        "source_value": _plain(source.value),
        "source_id": source.id,
        "source_ip": source.ip,
    }
    return [row[name] for name in log_rows.REQUEST]


def _step_row(ctx: Context, line: LogEntry, number: int, step: LoggedExchange) -> list[Any]:
    row = {
        **_called(ctx, "request_steps", f"{line.id}.{number:03}", line, step),
        "request_id": line.id,
        "error": _plain(step.error),
    }
    return [row[name] for name in log_rows.STEP]


def _called(
    ctx: Context, table: log_rows.Table, row_id: str, line: LogEntry, exchange: LoggedExchange
) -> dict[str, Any]:
    words, url = line.words, _plain(_mask_person(exchange.url)) or ""
    return {
        "id": row_id,
        "project_id": line.project_id,
        "account_id": _plain(line.account_id),
        "provider": line.provider,
        "service": words.service,
        "resource": words.resource,
        "child_resource": words.child_resource,
        "sub_resource": words.sub_resource,
        "action": words.action,
        "method": exchange.method,
        "path": _path(url),
        "url": url,
        "status": exchange.status,
        "duration_ms": exchange.duration_ms,
        "started_at": to_ms(exchange.started_at),
        "detail_sealed": _sealed(ctx, table, row_id, exchange),
    }


def _plain(text: str | None) -> str | None:
    """Returns a caller's text as it is stored: masked, valid for every database, at most `LONGEST` characters."""
    return None if text is None else well_formed(masks.text(text)[:LONGEST]).replace("\x00", "\ufffd")


def _mask_person(url: str) -> str:
    """Returns a URL with the value of a query for a person masked."""
    head, mark, query = url.partition("?")
    parts = [
        f"{name}={masks.HIDDEN}" if (name := unquote_plus(part.partition("=")[0])) in PERSON else part
        for part in query.split("&")
    ]
    return f"{head}{mark}{'&'.join(parts)}"


def _path(url: str) -> str:
    whole = url.partition("?")[0].partition("#")[0]
    return "/" + whole.partition("://")[2].partition("/")[2]


def _sealed(ctx: Context, table: log_rows.Table, row_id: str, exchange: LoggedExchange) -> str | None:
    if exchange.request is None and exchange.response is None:
        return None
    detail = {"request": _message_detail(exchange.request), "response": _message_detail(exchange.response)}
    return ctx.vault.seal(to_json(detail), table=table, row=row_id, column="detail_sealed")


def _message_detail(message: LoggedMessage | None) -> dict[str, Any] | None:
    if message is None:
        return None
    return {"headers": masks.headers(message.headers), "body": masks.body(message.body, cut=message.cut)}


def _detail(ctx: Context, table: log_rows.Table, row: Row) -> dict[str, Any] | None:
    if row["detail_sealed"] is None:
        return None
    try:
        opened = ctx.vault.open(row["detail_sealed"], table=table, row=row["id"], column="detail_sealed")
    except VaultError:  # its key was removed after a rotation; the log is not re-encrypted
        return None
    return dict(json.loads(opened))


def _entry(row: Row, detail: dict[str, Any] | None = None) -> Entry:
    """Returns a request or a step from its row; each table has columns of its own."""
    kept = dict(row)
    named = {
        **{field.name: kept[field.name] for field in fields(Entry) if field.name in kept},
        "request_id": kept.get("request_id", kept["id"]),
        "http_method": kept["method"],
        "start_time": from_ms(kept["started_at"]),
        "duration": kept["duration_ms"],
        "detail": detail,
    }
    return Entry(**named)
