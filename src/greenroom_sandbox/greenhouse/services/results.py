"""Test results: the completion call-back, the hourly poll and the clock."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from greenroom_sandbox.errors import Conflict
from greenroom_sandbox.greenhouse.model.partner import Partner
from greenroom_sandbox.greenhouse.model.take_home import Result, StatusReply, TakeHome
from greenroom_sandbox.greenhouse.services import company, hooks, sending
from greenroom_sandbox.greenhouse.simulator import CallResult, Simulator
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.wire import basic

HOUR = timedelta(hours=1)
#: how long a test is polled after sending; Source: Greenhouse Assessment API, Test Status
EIGHT_WEEKS = timedelta(weeks=8)


async def check_status(simulator: Simulator, test: TakeHome) -> CallResult:
    """Calls ``test_status`` and stores the result of a good reply."""
    world = simulator.world
    if test.partner_interview_id is None:
        raise Conflict(f"take-home {test.id} was never sent")
    call_result, reply, held_back = await simulator.test_status(test)
    test = world.take_homes.get(test.id)
    if reply is not None:
        earlier, test.held = test.held, reply if held_back else None
        world.take_homes.save(test)
        if not held_back:
            _apply_reply(world, test.id, reply)
        if earlier is not None:  # the held reply is applied after the newer one
            _apply_reply(world, test.id, earlier)
    return call_result


def _apply_reply(world: World, take_home_id: int, reply: StatusReply) -> None:
    test = world.take_homes.get(take_home_id)
    # Greenhouse updates only active, unhired candidates
    if not reply.complete or world.applications.get(test.application_id).status != "active":
        return
    if test.result is not None and not world.settings.accept_later_updates:
        return
    result = Result(
        profile_url=reply.profile_url or "",
        score=reply.score,
        metadata=reply.metadata,
        received_at=world.clock.now(),
    )
    changes = {"result": result, "status": "received", "polling_stopped": "complete", "next_poll_at": None}
    world.take_homes.save(test.model_copy(update=changes))


def find_completing_partner(world: World, header: str | None, test: TakeHome | None) -> Partner | None:
    """Returns the partner whose credentials a PATCH carries, or None.

    The setting ``completion_auth`` decides which credentials count.
    """
    given = basic.parse_header(header)
    if given is None:
        return None
    user, password = given
    mode = world.settings.completion_auth
    if mode in ("partner", "either"):
        for partner in world.partners.all():
            if basic.secrets_match(partner.username, user) and basic.secrets_match(partner.password, password):
                return partner
    if mode in ("org_key", "either"):
        for connection in world.connections.all():
            mine = test is None or connection.organization_id == test.organization_id
            if connection.key and basic.secrets_match(connection.key, user) and mine:
                return world.partners.find(connection.partner_id)
    return None


def find_completable(world: World, take_home_id: int, partner: Partner) -> TakeHome | None:
    """Returns the take-home that a partner may complete, or None.

    None (404) stands for an unknown or deleted take-home and for one of another partner.
    """
    test = world.take_homes.find(take_home_id)
    if test is None or test.partner_id != partner.id or test.partner_interview_id is None:
        return None
    return None if world.applications.get(test.application_id).status == "deleted" else test


async def handle_completion(simulator: Simulator, test: TakeHome, *, answered: bool) -> None:
    """Runs or schedules the status check after an accepted PATCH.

    Called before the PATCH is answered and, with ``after_answer``, once more afterwards. A test with a result is
    checked again only with ``accept_later_updates``.
    """
    world = simulator.world
    settings = world.settings
    if test.result is not None and not settings.accept_later_updates:
        return
    if settings.status_check == ("after_answer" if answered else "before_answer"):
        await check_status(simulator, test)
    elif settings.status_check == "delayed" and not answered:
        at = world.clock.now() + timedelta(seconds=settings.status_check_delay_seconds)
        world.take_homes.save(test.model_copy(update={"check_at": at}))


async def advance(simulator: Simulator, by: timedelta) -> dict[str, Any]:
    """Moves the clock and runs everything due on the way.

    The items run in order, each at its own time.
    """
    async with simulator.clock_lock:
        target = simulator.world.clock.now() + by
        done = await _run_due(simulator, target, move=True)
        simulator.world.clock.set(target)
        simulator.world.save_clock()
    return {"now": simulator.world.clock.now().isoformat(), **done}


async def tick(simulator: Simulator) -> None:
    """Runs everything that is due now."""
    if simulator.clock_lock.locked():
        return
    async with simulator.clock_lock:
        await _run_due(simulator, simulator.world.clock.now(), move=False)


async def run_clock(simulator: Simulator, pause_s: float = 0.5) -> None:
    """Calls `tick` until the simulator stops."""
    while True:
        await asyncio.sleep(pause_s)
        await tick(simulator)


async def _run_due(simulator: Simulator, target: datetime, *, move: bool) -> dict[str, int]:
    world = simulator.world
    done = {"sent": 0, "polled": 0, "checked": 0, "delivered": 0}
    while agenda := [item for item in list_due(world) if item[0] <= target]:
        at = agenda[0][0]
        if move and at > world.clock.now():
            world.clock.set(at)
        together = [item for item in agenda if item[0] == at]
        if any(fault.kind == "reorder" and fault.count != 0 for fault in world.faults.all()):
            together.reverse()
        for _, what, about in together:
            done[what] += 1
            if what == "delivered":
                await hooks.attempt(simulator, about)
            else:
                await _run_item(simulator, what, world.take_homes.get(about), at)
    return done


def list_due(world: World) -> list[tuple[datetime, str, int]]:
    """Returns the clock's future items, by time.

    These are scheduled sends, delayed checks, polls and webhook deliveries: the time, the kind, and the id of the
    take-home or of the delivery.
    """
    found: list[tuple[datetime, str, int]] = []
    for test in world.take_homes.all():
        if test.send_at is not None and test.status == "scheduled":
            found.append((test.send_at, "sent", test.id))
        if test.check_at is not None:
            found.append((test.check_at, "checked", test.id))
        if test.next_poll_at is not None and world.partners.get(test.partner_id).polling:
            found.append((test.next_poll_at, "polled", test.id))
    for delivery in world.deliveries.all():
        if delivery.next_at is not None:
            found.append((delivery.next_at, "delivered", delivery.id))
    return sorted(found)


async def _run_item(simulator: Simulator, what: str, test: TakeHome, at: datetime) -> None:
    world = simulator.world
    if what == "sent":
        await sending.dispatch(simulator, world.take_homes.save(test.model_copy(update={"status": "sending"})))
    elif what == "checked":
        await check_status(simulator, world.take_homes.save(test.model_copy(update={"check_at": None})))
    elif _check_polling(world, test):
        counted = test.model_copy(update={"polls": test.polls + 1, "next_poll_at": _next_hour(at, world.clock.now())})
        await check_status(simulator, world.take_homes.save(counted))
        _check_polling(world, world.take_homes.get(test.id))


def _next_hour(due_at: datetime, now: datetime) -> datetime:
    """Returns the time of the next hourly poll; missed hours are skipped."""
    return due_at + HOUR * max(1, (now - due_at) // HOUR + 1)


def skip_missed_polls(world: World, partner_id: int) -> None:
    """Skips the polls that were missed while a partner's polling was off."""
    now = world.clock.now()
    for test in world.take_homes.all():
        if test.partner_id == partner_id and test.next_poll_at is not None and test.next_poll_at <= now:
            world.take_homes.save(test.model_copy(update={"next_poll_at": _next_hour(test.next_poll_at, now)}))


def _check_polling(world: World, test: TakeHome) -> bool:
    """Whether a test is polled further; records why polling stopped."""
    application = world.applications.get(test.application_id)
    stopped: str | None = None
    if application.status == "hired":
        stopped = "hired"
    elif test.sent_at is None or test.next_poll_at is None:
        return False
    elif test.next_poll_at > test.sent_at + EIGHT_WEEKS:
        stopped = "eight_weeks"
    if stopped is not None:
        world.take_homes.save(test.model_copy(update={"polling_stopped": stopped, "next_poll_at": None}))
    return stopped is None


#: a recruiter's action → the application's status before and after it
STATUS_CHANGES = {
    "hire": ("active", "hired"),
    "unhire": ("hired", "active"),
    "reject": ("active", "rejected"),
    "unreject": ("rejected", "active"),
}


def change_status(world: World, application_id: int, action: str) -> None:
    """Hires, unhires, rejects, unrejects (`STATUS_CHANGES`) or deletes an application.

    Polling ends or resumes accordingly.
    """
    if action == "delete":
        company.delete_application(world, application_id)
        return
    old, new = STATUS_CHANGES[action]
    company.set_status(world, application_id, old=old, new=new)
    if action == "unhire":
        resume_polling(world, application_id)


def resume_polling(world: World, application_id: int) -> None:
    """Resumes the polling of tests that was stopped by a hire."""
    for test in world.get_take_homes(application_id):
        if test.polling_stopped == "hired":
            changes = {"polling_stopped": None, "next_poll_at": world.clock.now() + HOUR}
            world.take_homes.save(test.model_copy(update=changes))
