"""Resumes of orders: fetched once, stored encrypted, handed out by links that end soon."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import GiveUp, NotFound, RemoteError
from greenroom.model.resumes import next_wait
from greenroom.security.tokens import token_hash
from greenroom.services import orders
from greenroom.store import order_logs as order_log_rows
from greenroom.store import orders as order_rows
from greenroom.store import resumes as resume_rows
from greenroom.store.db import Tx, from_ms, is_plain, to_ms

#: how long a link works
LINK_LASTS = timedelta(minutes=5)
#: time after which another process repeats an attempt whose process was killed
LEASE_MS = 60_000


@dataclass(frozen=True)
class Due:
    """A resume whose next attempt is due; `url` is None if the order was erased."""

    order_id: str
    url: str | None
    attempts: int
    age: timedelta


@dataclass(frozen=True)
class Link:
    """A link to a stored resume, which works until `expires_at`."""

    url: str
    expires_at: datetime
    media_type: str
    size: int


@transaction(kind="short")
async def claim(_: Context, tx: Tx) -> Due | None:
    """Returns the next due resume, which no other process takes for a minute, or None."""
    row = await resume_rows.claim(tx, lease_ms=LEASE_MS)
    if row is None:
        return None
    order = await order_rows.find(tx, row["project_id"], row["id"])
    url = order.request.candidate.resume_url if order else None
    return Due(row["id"], url, row["attempts"], timedelta(milliseconds=row["age_ms"]))


@transaction
async def store(ctx: Context, tx: Tx, order_id: str, content: bytes, media_type: str) -> None:
    """Stores a fetched resume encrypted, unless the order's content was erased meanwhile."""
    packed = base64.b64encode(content).decode()
    sealed = ctx.vault.seal(packed, table="resumes", row=order_id, column="content_sealed")
    if await resume_rows.save(tx, order_id, sealed, media_type=media_type, size=len(content)):
        message = f"The resume was fetched and stored: {media_type}, {len(content)} bytes."
        await order_log_rows.add(tx, ctx.new_id("log"), order_id, "resume", message)


@transaction
async def record_failure(ctx: Context, tx: Tx, due: Due, fault: RemoteError) -> None:
    """Postpones the next attempt, or ends the attempts with an alert."""
    wait = None if isinstance(fault, GiveUp) else next_wait(due.attempts, due.age)
    if wait is not None:
        await resume_rows.postpone(tx, due.order_id, int(wait.total_seconds() * 1000))
    elif await resume_rows.fail(tx, due.order_id):
        message = f"The resume was not stored: {fault.reason} Ask the recruiter for it."
        await order_log_rows.add(tx, ctx.new_id("log"), due.order_id, "alert", message)


async def make_link(ctx: Context, project_id: str, order_id: str) -> Link:
    """
    Returns a link to an order's resume.

    Raises:
        NotFound: the order is not the project's, or has no stored resume; the message says why.
    """
    await orders.get(ctx, project_id, order_id)
    media_type, size = await _find(ctx, order_id)
    expires_at = ctx.now() + LINK_LASTS
    expires = to_ms(expires_at)
    url = f"{ctx.settings.public_url}/resumes/{order_id}?expires={expires}&signature={_sign(ctx, order_id, expires)}"
    return Link(url, from_ms(expires), media_type, size)


@snapshot
async def _find(_: Context, tx: Tx, order_id: str) -> tuple[str, int]:
    row = await resume_rows.find_state(tx, order_id)
    if row is None:
        raise NotFound(
            "The order has no resume here: the ATS sent no link, the integration passes links on (resume: link), or "
            "the file was erased."
        )
    if row["state"] != "stored":
        said = "is still being fetched; try again in a minute" if row["state"] == "pending" else "could not be fetched"
        raise NotFound(f"The order's resume {said}. The order's timeline says more.")
    return row["media_type"], row["size"]


@snapshot
async def open_link(ctx: Context, tx: Tx, order_id: str, expires: str, signature: str) -> tuple[bytes, str]:
    """
    Returns the content and the media type of the resume that a link leads to.

    Raises:
        NotFound: the link has ended or is forged, or the resume was erased.
        VaultError: the resume is sealed with a key that this process does not have.
    """
    is_valid = expires.isascii() and expires.isdigit() and len(expires) < 20 and is_plain(order_id)
    is_valid = is_valid and hmac.compare_digest(_sign(ctx, order_id, int(expires)).encode(), signature.encode())
    row = await resume_rows.find(tx, order_id) if is_valid and int(expires) > to_ms(ctx.now()) else None
    if row is None or row["state"] != "stored":
        raise NotFound("This link has ended, or there is no such resume. GET /v1/orders/{id}/resume makes a new link.")
    packed = ctx.vault.open(row["content_sealed"], table="resumes", row=order_id, column="content_sealed")
    return base64.b64decode(packed), row["media_type"]


def _sign(ctx: Context, order_id: str, expires: int) -> str:
    return token_hash(f"resume:{order_id}:{expires}", ctx.pepper)
