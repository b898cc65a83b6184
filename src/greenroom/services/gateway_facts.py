"""Facts about the installation itself, for the doctor."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.security.vault import VaultError
from greenroom.services import clock, installation
from greenroom.store import alerts as alert_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import gateway_facts as fact_rows
from greenroom.store.db import Row, Tx, from_ms

#: attempts in a row after which mails count as failing; the third one comes about three minutes after the first
MAIL_FAILURES = 3
#: a worker that was seen so recently is alive; a heartbeat comes every 10 s
ALIVE = timedelta(seconds=35)


@dataclass(frozen=True)
class Clock:
    """The seconds by which a process's clock is ahead of the database's."""

    process: str
    ahead_s: float


@dataclass(frozen=True)
class Disk:
    """The disk of the data directory, in bytes."""

    free: int
    total: int


@dataclass(frozen=True)
class FailingMails:
    """The mails that have failed for the longest, and how many recipients have failing ones."""

    reason: str
    since: datetime
    last_failed_at: datetime
    recipients: int


@dataclass(frozen=True)
class GatewayArea:
    """
    The installation.

    `hosts` are those of ATSs' calls besides the public URL's, with the latest time. `overdue_s` is how long the oldest
    due delivery has waited.
    """

    public_url: str
    allow_http: bool
    hosts: Sequence[tuple[str, datetime]] = ()
    overdue_s: float = 0.0
    workers: int = 0
    last_worker_at: datetime | None = None
    clocks: Sequence[Clock] = ()
    disk: Disk | None = None
    mails: FailingMails | None = None


async def gather(ctx: Context, _project_id: str) -> GatewayArea:
    """Returns the facts of the installation, which are the same for every project."""
    public_url, allow_http = await find_public_url(ctx), ctx.settings.allow_http
    hosts, overdue_s, workers, failing = await _gather(ctx)
    now = from_ms(workers[0]["now"]) if workers else None
    alive = [row for row in workers if now and from_ms(row["seen_at"]) >= now - ALIVE]
    here = Clock("this process", (await clock.skew(ctx)).total_seconds())
    return GatewayArea(
        public_url,
        allow_http,
        [(row["host"], from_ms(row["called_at"])) for row in hosts],
        overdue_s,
        len(alive),
        from_ms(workers[0]["seen_at"]) if workers else None,
        [here, *(Clock(row["worker"], row["clock_ahead_ms"] / 1000) for row in alive)],
        await asyncio.to_thread(_measure_disk, ctx),
        _failing_mails(failing) if failing and ctx.settings.smtp_url else None,
    )


async def find_public_url(ctx: Context) -> str:
    """Returns the public URL: this process's setting, else that of the gateway that started last."""
    try:
        return (await installation.with_public_url(ctx)).settings.public_url
    except VaultError:
        return ctx.settings.public_url


@snapshot
async def find_revision(_: Context, tx: Tx) -> str | None:
    """Returns the revision of the database."""
    return await fact_rows.find_revision(tx)


@snapshot
async def _gather(_: Context, tx: Tx) -> tuple[Sequence[Row], float, Sequence[Row], Row | None]:
    waits = await delivery_rows.next_due_ms(tx)
    overdue_s = max(0.0, -min(waits.values(), default=0) / 1000)
    failing = await alert_rows.find_failing(tx, least=MAIL_FAILURES)
    return await fact_rows.list_hosts(tx), overdue_s, await fact_rows.list_workers(tx), failing


def _failing_mails(row: Row) -> FailingMails:
    return FailingMails(row["reason"], from_ms(row["since"]), from_ms(row["failed_at"]), row["count"])


def _measure_disk(ctx: Context) -> Disk | None:
    try:
        usage = shutil.disk_usage(ctx.settings.data_dir)
    except OSError:
        return None
    return Disk(usage.free, usage.total)
