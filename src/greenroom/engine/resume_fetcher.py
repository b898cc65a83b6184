"""Fetches the resumes of orders, one after the other, while the ATS's links work."""

from __future__ import annotations

import asyncio

import structlog

from greenroom.context import Context
from greenroom.engine.outages import log_outage
from greenroom.errors import GiveUp, LocalFault, RemoteError, TryLater, Unavailable
from greenroom.model.resumes import LARGEST, sniff
from greenroom.outbound import Outbound, Request, judge_push
from greenroom.services import resumes

log = structlog.get_logger("greenroom.resumes")

#: seconds for one download, and between two searches when none was due
DEADLINE_S = 30.0
IDLE_S = 1.0


async def run_resumes(ctx: Context, out: Outbound) -> None:
    """Fetches due resumes until cancelled."""
    while True:
        found = False
        try:
            found = await fetch_next(ctx, out)
        except Unavailable as error:
            log_outage(error)
        except Exception:  # a defect must not end the loop; the resume is due again when its lease ends
            log.exception("resume_failed_inside")
        if not found:
            await asyncio.sleep(IDLE_S)


async def fetch_next(ctx: Context, out: Outbound) -> bool:
    """Fetches the next due resume; returns False if none was due."""
    due = await resumes.claim(ctx)
    if due is None:
        return False
    try:
        content, media_type = await _fetch(out, due.url)
    except LocalFault:
        return False  # the lease makes it due again
    except RemoteError as fault:
        log.info("resume_not_fetched", order_id=due.order_id, attempts=due.attempts, error=fault.reason)
        await resumes.record_failure(ctx, due, fault)
    else:
        await resumes.store(ctx, due.order_id, content, media_type)
    return True


async def _fetch(out: Outbound, url: str | None) -> tuple[bytes, str]:
    if url is None:
        raise GiveUp("The order has no link to a resume.", kind="not_configured")
    answer = await out.send(Request("GET", url, {"accept": "*/*"}, None), deadline=DEADLINE_S, max_body=LARGEST)
    judge_push(answer)
    if answer.truncated and len(answer.body) >= LARGEST:
        raise GiveUp(f"The file is larger than {LARGEST // 1024 // 1024} MiB.", kind="http_status")
    if answer.truncated:
        raise TryLater(f"The file did not arrive within {DEADLINE_S:.0f} s.", kind="timeout")
    media_type = await asyncio.to_thread(sniff, answer.body)
    if media_type is None:
        raise GiveUp("The file is not a PDF, Word, OpenDocument, RTF or text document.", kind="http_status")
    return answer.body, media_type
