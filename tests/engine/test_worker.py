"""Faults that must not stop the worker or occupy its slots: defects of single deliveries, and outages of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from greenroom.context import Context
from greenroom.engine import vendor, worker
from greenroom.engine.worker import Engine
from greenroom.errors import Unavailable
from greenroom.model.attempts import Exchange, FinishedAttempt
from greenroom.model.claims import MARK, Cursor
from greenroom.model.deliveries import SHARES, Claimed
from greenroom.services import claims
from greenroom.services import deliveries as delivery_services
from greenroom.services.claims import WorkerState
from greenroom.store.db import Store, Tx, Work
from tests.house import House, Linked, open_house, webhook
from tests.outbound.test_send import listening
from tests.support.postgres import Postgres


class Blinking:
    """A store whose next reads fail."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = 0

    async def read(self, work: Work[Any]) -> Any:
        if self.away:
            self.away -= 1
            raise Unavailable
        return await self._store.read(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@asynccontextmanager
async def engine(house: House, store: Store | None = None) -> AsyncIterator[Engine]:
    """A second worker on the house's database; the house's own is stopped."""
    await house.app.state.engine.stop()
    ctx = house.app.state.ctx
    one = Engine(replace(ctx, store=store or ctx.store), house.app.state.out)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        await one.stop()
        await running


async def sql(house: House, text: str, *values: Any) -> None:
    async def work(tx: Tx) -> None:
        assert await tx.run(text, *values) == 1

    await house.app.state.ctx.store.write(work)


async def deliveries(proctor: Linked, destination: str) -> list[dict[str, Any]]:
    return list((await proctor.api("GET", f"/v1/deliveries?destination_id={destination}")).json()["data"])


async def recorded(proctor: Linked, destination: str) -> dict[str, Any]:
    """Waits for the first attempt of a destination's only delivery and returns the delivery."""
    async with asyncio.timeout(20):
        while not (found := await deliveries(proctor, destination))[0]["attempts"]:
            await asyncio.sleep(0.02)
    return found[0]


async def test_what_makes_our_own_code_fail_stops_nobody_else(house: House, proctor: Linked) -> None:
    """The attempt is recorded as an internal fault and retried; other deliveries of the batch arrive."""
    await house.app.state.engine.stop()
    damaged = (await webhook(proctor, name="damaged"))["id"]
    await proctor.send_test(1)
    await proctor.api("PATCH", f"/v1/webhooks/{damaged}", json={"events": ["ats_background_checks.created"]})
    sound = (await webhook(proctor, name="sound"))["id"]
    await proctor.send_test(2)
    # a secret that can be opened, but is no base64
    (row,) = await house.app.state.ctx.store.read(
        lambda tx: tx.all("SELECT id FROM webhook_secrets WHERE webhook_id = $1", damaged)
    )
    place = {"table": "webhook_secrets", "row": row["id"], "column": "secret_sealed"}
    unfit = house.app.state.ctx.vault.seal("whsec_a", **place)
    await sql(house, "UPDATE webhook_secrets SET secret_sealed = $2 WHERE id = $1", row["id"], unfit)
    async with engine(house):
        delivered, failed = await recorded(proctor, sound), await recorded(proctor, damaged)

    assert delivered["state"] == "delivered"
    assert (failed["state"], failed["attempts"][0]["error_kind"]) == ("pending", "internal")
    assert failed["due_at"] is not None
    assert failed["last_error"].startswith("Greenroom itself failed: Error at base64.py:")
    assert len(house.vendor.received) == 1


async def test_a_database_that_blinks_costs_no_place_and_no_attempt(house: House, proctor: Linked) -> None:
    """The database is unavailable between the claim of more deliveries than slots and their attempts."""
    await house.app.state.engine.stop()
    hook = (await webhook(proctor))["id"]
    await proctor.send_test()
    blinking = Blinking(house.app.state.ctx.store)
    async with engine(house, blinking) as one:
        for _ in range(3):
            await one._clock.is_right()  # its look is made: the next read is for the claimed delivery's destination
            blinking.away = 1
            one.wake()
            async with asyncio.timeout(20):
                while blinking.away:
                    await asyncio.sleep(0.01)
        done = await recorded(proctor, hook)
        assert one._slots._held.total() == 0

    assert (done["state"], done["attempts_made"], len(done["attempts"])) == ("delivered", 1, 1)
    assert len(house.vendor.received) == 1


class Away:
    """An unavailable store, which calls `returned` before its first answer."""

    def __init__(self, store: Store, returned: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._returned = returned
        self.away = True
        self.back = False

    async def _answer(self, ask: Callable[[Work[Any]], Awaitable[Any]], work: Work[Any]) -> Any:
        if self.away:
            raise Unavailable
        if not self.back:
            self.back = True
            await self._returned()
        return await ask(work)

    async def read(self, work: Work[Any]) -> Any:
        return await self._answer(self._store.read, work)

    async def short_write(self, work: Work[Any]) -> Any:
        return await self._answer(self._store.short_write, work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_what_was_claimed_long_ago_is_not_begun(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery whose lease could expire during the attempt is released and claimed again."""
    await house.app.state.engine.stop()
    monkeypatch.setattr(worker, "SPARE_S", -1.0)
    hook = (await webhook(proctor))["id"]
    await proctor.send_test()
    given_back, release = asyncio.Event(), claims.release

    async def watched(ctx: Context, claimed: Sequence[Claimed], *, error: str | None = None) -> None:
        await release(ctx, claimed, error=error)
        given_back.set()

    monkeypatch.setattr(claims, "release", watched)
    async with engine(house):
        async with asyncio.timeout(20):
            await given_back.wait()
        assert house.vendor.received == []
        monkeypatch.undo()
        delivered = await recorded(proctor, hook)

    assert (delivered["state"], delivered["attempts_made"], len(house.vendor.received)) == ("delivered", 1, 1)


@pytest.mark.postgres
async def test_what_was_leased_before_the_session_was_lost_is_not_begun(
    tmp_path: Path, postgres: Postgres, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a delivery is released and claimed again under the new session, since another worker may have claimed it."""
    async with open_house(tmp_path, postgres.create_database(migrated)) as house:
        proctor = await house.link("proctor", package_id="pkg_core_sql")
        await house.app.state.engine.stop()
        hook = (await webhook(proctor))["id"]
        await proctor.send_test()
        prepare, leases = Engine._prepare, list[str]()

        async def interrupted(one: Engine, claimed: Claimed, *rest: Any) -> Any:
            if not leases:
                assert one._liveness._session is not None
                one._liveness._session.close()  # as when the server ends it
            leases.append(claimed.lease)
            return await prepare(one, claimed, *rest)

        monkeypatch.setattr(Engine, "_prepare", interrupted)
        async with engine(house) as one:
            delivered = await recorded(proctor, hook)
            async with asyncio.timeout(20):
                while not one._liveness.lease_prefix.endswith(MARK):
                    await asyncio.sleep(0.01)

        assert len(leases) == 2
        assert MARK in leases[0]
        assert [attempt["number"] for attempt in delivered["attempts"]] == [1]
        assert len(house.vendor.received) == 1


async def test_after_a_long_outage_others_may_put_on_record_what_they_did(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery whose lease expired is not repeated if its worker records the attempt after the outage."""
    monkeypatch.setattr(worker, "LONG_OUTAGE_S", 0.0)
    await house.app.state.engine.stop()
    hook = (await webhook(proctor))["id"]
    await proctor.send_test()
    ctx: Context = house.app.state.ctx
    other = WorkerState("other")
    turns = {name: Cursor() for name in SHARES}
    (claimed,) = (await claims.claim(ctx, turns, SHARES, other, lease=timedelta(0), longest=timedelta(0))).claimed
    done = FinishedAttempt(ctx.new_id("att"), claimed, ctx.now(), timedelta(0), None, Exchange(status=200))
    recording: list[asyncio.Task[object]] = []

    async def returned() -> None:
        recording.append(asyncio.create_task(delivery_services.record_attempts(ctx, [done], worker="other")))

    store = Away(ctx.store, returned)
    with capture_logs() as lines:
        async with engine(house, store) as one:
            async with asyncio.timeout(20):
                while not any(line["event"] == "database_away" for line in lines):
                    await asyncio.sleep(0.01)
                store.away = False
                one.wake()
                while not (await deliveries(proctor, hook))[0]["attempts"]:
                    await asyncio.sleep(0.01)
                await proctor.send_test(2)  # and then it goes on
                await house.vendor.receive(1)

    assert "database_back" in {line["event"] for line in lines}
    first = [one for one in await deliveries(proctor, hook) if one["id"] == claimed.id]
    assert [(one["attempts_made"], len(one["attempts"])) for one in first] == [(1, 1)]
    assert len(house.vendor.received) == 1


async def test_a_success_whose_body_never_ends_is_one(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response is cut at the deadline, the delivery is `delivered`, and its slot is free."""
    monkeypatch.setattr(vendor, "DEADLINE_S", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\n.\r\n")
            await asyncio.sleep(0.01)

    async with listening(drip) as port:
        hook = (await webhook(proctor, url=f"http://127.0.0.1:{port}/hook"))["id"]
        await proctor.send_test()
        done = await recorded(proctor, hook)

    assert (done["state"], done["attempts"][0]["status"], done["attempts_made"]) == ("delivered", 200, 1)
    assert house.app.state.engine._slots._held.total() == 0
