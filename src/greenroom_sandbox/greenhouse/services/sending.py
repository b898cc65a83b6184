"""A recruiter's *Send test*: for one candidate, in bulk, and by a stage's rule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from greenroom_sandbox.errors import Conflict, Refused
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.hiring import Application, Stage, User
from greenroom_sandbox.greenhouse.model.partner import Connection, Partner
from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.greenhouse.services import hooks
from greenroom_sandbox.greenhouse.simulator import Simulator
from greenroom_sandbox.greenhouse.wire import bodies
from greenroom_sandbox.greenhouse.world import World

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class SendRequest:
    """The *Send test* form; None stands for the form's default."""

    test_id: str
    to: str | None = None
    grader_ids: list[int] | None = None
    user_id: int | None = None
    send_at: datetime | None = None
    stage_id: int | None = None
    resend_of: int | None = None


def get_partner_stage(
    world: World, application: Application, stage_id: int | None
) -> tuple[Stage, Partner, Connection]:
    """Returns the stage with its partner and connection.

    Raises: `Refused` for a stage of another job, `Conflict` when the stage cannot send.
    """
    stage = world.stages.get(stage_id or application.stage_id)
    if stage.job_id != application.job_id:
        raise Refused("is a stage of another job", "stage_id")
    return stage, *_partner_of(world, stage)


def _partner_of(world: World, stage: Stage) -> tuple[Partner, Connection]:
    if stage.partner_id is None:
        raise Conflict(f"the stage {stage.name} is not a partner's: move the candidate into one")
    partner = world.partners.get(stage.partner_id)
    connection = world.find_connection(world.jobs.get(stage.job_id).organization_id, partner.id)
    if connection is None or not connection.usable:
        raise Conflict(f"{partner.name} is not enabled for this customer")
    return partner, connection


async def open_dialog(simulator: Simulator, application_id: int, stage_id: int | None) -> dict[str, Any]:
    """Opens *Send test*, which calls the partner's ``list_tests``."""
    world = simulator.world
    application = world.applications.get(application_id)
    stage = get_partner_stage(world, application, stage_id)[0]
    return {**await open_bulk_dialog(simulator, stage.id), "to": world.candidates.get(application.candidate_id).email}


async def open_bulk_dialog(simulator: Simulator, stage_id: int) -> dict[str, Any]:
    """Opens *Send tests* for many candidates of a stage; it has no address."""
    world = simulator.world
    stage = world.stages.get(stage_id)
    organization_id = world.jobs.get(stage.job_id).organization_id
    colleagues = [{"id": user.id, "name": user.name} for user in _colleagues(world, organization_id)]
    known = {"default_test_id": stage.default_test_id, "graders": colleagues, "grader_ids": stage.grader_ids}
    return {**await stage_tests(simulator, stage_id), **known}


async def stage_tests(simulator: Simulator, stage_id: int) -> dict[str, Any]:
    """Opens *Edit Take Home Test*, which calls the partner's ``list_tests``."""
    partner, connection = _partner_of(simulator.world, simulator.world.stages.get(stage_id))
    result, tests = await simulator.list_tests(partner, connection)
    answer = {
        "ok": result.ok,
        "message": result.message,
        "reasons": result.reasons,
        "exchange_id": result.exchange_id,
    }
    return {**answer, "tests": [vars(test) for test in tests]}


async def send(simulator: Simulator, application_id: int, wanted: SendRequest) -> dict[str, Any]:
    """Sends or schedules a test.

    A failed call to the partner is part of the answer, not an exception.
    """
    test = prepare(simulator, application_id, wanted)
    if test.status == "scheduled":
        return _answer(test, True, texts.SCHEDULED, [], None)
    return await dispatch(simulator, test)


def prepare(simulator: Simulator, application_id: int, wanted: SendRequest) -> TakeHome:
    """Creates a take-home that is not sent yet."""
    world = simulator.world
    application = world.applications.get(application_id)
    if application.status != "active":
        raise Conflict(f"the application is {application.status}")
    stage, partner, connection = get_partner_stage(world, application, wanted.stage_id)
    candidate = world.candidates.get(application.candidate_id)
    to = wanted.to if wanted.to is not None else candidate.email
    if not to:
        raise Refused("is required: the candidate has no e-mail address", "to")
    sender = _sender(world, connection.organization_id, wanted.user_id)
    test_id = world.take_homes.next_id()
    later = wanted.send_at is not None and wanted.send_at > world.clock.now()
    return world.take_homes.save(
        TakeHome(
            id=test_id,
            url=bodies.callback_url(simulator.public_url, test_id),
            status="scheduled" if later else "sending",
            partner_id=partner.id,
            organization_id=connection.organization_id,
            application_id=application.id,
            candidate_id=candidate.id,
            job_id=application.job_id,
            stage_id=stage.id,
            test_id=wanted.test_id,
            test_name=connection.listed.get(wanted.test_id, wanted.test_id),
            to=to,
            sender_id=sender.id,
            sent_by=sender.email,
            grader_ids=wanted.grader_ids or stage.grader_ids or [sender.id],
            created_at=world.clock.now(),
            send_at=wanted.send_at if later else None,
            resend_of=wanted.resend_of,
        )
    )


async def dispatch(simulator: Simulator, test: TakeHome) -> dict[str, Any]:
    """Sends a prepared test now."""
    world = simulator.world
    result = await simulator.send_test(test)
    now = world.clock.now()
    if not result.ok:
        test = world.take_homes.save(test.model_copy(update={"status": "failed", "send_at": None}))
        return _answer(test, False, result.message, result.reasons, result.exchange_id)
    polled = now + HOUR if world.partners.get(test.partner_id).polling else None
    changes = {
        "status": "sent",
        "sent_at": now,
        "send_at": None,
        "next_poll_at": polled,
        "partner_interview_id": test.partner_interview_id,
    }
    test = world.take_homes.save(world.take_homes.get(test.id).model_copy(update=changes))
    return _answer(test, True, texts.SUBMITTED_TESTS, [], result.exchange_id)


async def send_many(
    simulator: Simulator, stage_id: int, application_ids: list[int] | None, concurrency: int, wanted: SendRequest
) -> dict[str, Any]:
    """Sends to the named applications, by default to all in the stage.

    At most ``concurrency`` sends are in flight at once.
    """
    world = simulator.world
    world.stages.get(stage_id)
    if application_ids is None:
        in_stage = [one for one in world.applications.all() if one.stage_id == stage_id and one.status == "active"]
        application_ids = [one.id for one in in_stage]
    slots = asyncio.Semaphore(concurrency)

    async def one(application_id: int) -> dict[str, Any]:
        async with slots:
            try:
                return await send(simulator, application_id, wanted)
            except (Refused, Conflict) as error:
                return {"ok": False, "message": error.message, "reasons": [error.message], "take_home": None}

    answers = await asyncio.gather(*(one(application_id) for application_id in application_ids))
    failures = [
        {"application_id": application_id, "message": answer["message"], "reasons": answer["reasons"]}
        for application_id, answer in zip(application_ids, answers, strict=True)
        if not answer["ok"]
    ]
    made = [answer["take_home"]["id"] for answer in answers if answer["take_home"]]
    return {"sent": len(answers) - len(failures), "failed": len(failures), "take_homes": made, "failures": failures}


async def move(simulator: Simulator, application_id: int, stage_id: int, user_id: int | None) -> dict[str, Any] | None:
    """Moves a candidate into a stage.

    Returns the answer of the send when the stage's rule sends a test, else None.
    """
    world = simulator.world
    application = world.applications.get(application_id)
    stage = world.stages.get(stage_id)
    if stage.job_id != application.job_id:
        raise Refused("is a stage of another job", "stage_id")
    if application.status != "active":
        raise Conflict(f"the application is {application.status}")
    changes = {"stage_id": stage_id, "stage_since": world.clock.now()}
    moved = world.applications.save(application.model_copy(update=changes))
    hooks.enqueue_application(world, "candidate_stage_change", moved)
    if not stage.send_on_entry or stage.default_test_id is None:
        return None
    return await send(simulator, application_id, SendRequest(test_id=stage.default_test_id, user_id=user_id))


def assign_graders(world: World, take_home_id: int, grader_ids: list[int]) -> TakeHome:
    """Assigns a test's graders, also after its result arrived.

    Raises: `Refused` for graders outside the candidate's organization.
    """
    test = world.take_homes.get(take_home_id)
    colleagues = {user.id for user in _colleagues(world, test.organization_id)}
    if not grader_ids or not colleagues.issuperset(grader_ids):
        raise Refused("must name at least one colleague, and nobody else", "grader_ids")
    return world.take_homes.save(test.model_copy(update={"grader_ids": grader_ids}))


def _sender(world: World, organization_id: int, user_id: int | None) -> User:
    colleagues = _colleagues(world, organization_id)
    sender = next((one for one in colleagues if user_id in (None, one.id)), None)
    if sender is None:
        raise Refused("must work at the candidate's organization", "user_id")
    return sender


def _colleagues(world: World, organization_id: int) -> list[User]:
    return [user for user in world.users.all() if user.organization_id == organization_id]


def _answer(
    test: TakeHome, ok: bool, message: str | None, reasons: list[str], exchange_id: int | None
) -> dict[str, Any]:
    return {"ok": ok, "message": message, "reasons": reasons, "exchange_id": exchange_id, "take_home": {"id": test.id}}
