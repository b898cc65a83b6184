"""A recruiter's calls: applications, *Send test*, take-home tests, interview kit."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import AwareDatetime, Field

from greenroom_sandbox.greenhouse.services import results, sending, views
from greenroom_sandbox.greenhouse.services.sending import SendRequest
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http.reading import (
    Body,
    get_number,
    get_query_number,
    get_query_seconds,
    read_body,
    respond,
    respond_list,
)

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0


class Dialog(Body):
    """The stage whose partner is called."""

    stage_id: int | None = None


class SendForm(Body):
    """The *Send test* form."""

    test_id: str = Field(min_length=1)
    to: str | None = None
    grader_ids: list[int] | None = None
    user_id: int | None = None
    send_at: AwareDatetime | None = None
    stage_id: int | None = None


class BulkForm(Body):
    """The bulk action's form."""

    test_id: str = Field(min_length=1)
    application_ids: list[int] | None = None
    concurrency: int = Field(8, ge=1, le=256)
    grader_ids: list[int] | None = None
    user_id: int | None = None
    send_at: AwareDatetime | None = None


class ResendForm(Body):
    """Fields to change when a test is sent again."""

    test_id: str | None = None
    to: str | None = None
    user_id: int | None = None


class Graders(Body):
    """A test's graders."""

    grader_ids: list[int]


class Move(Body):
    """The stage to move a candidate into."""

    stage_id: int
    user_id: int | None = None


def _sent(world: World, answer: dict[str, Any]) -> dict[str, Any]:
    """Returns a send's answer with the present state of its take-home."""
    test = world.take_homes.get(answer["take_home"]["id"]) if answer["take_home"] else None
    return {**answer, "take_home": views.take_home(world, test) if test else None}


@routes.get("/api/applications")
async def list_applications(request: web.Request) -> web.Response:
    """Lists applications, by job, stage and status."""
    job, stage = get_query_number(request, "job_id"), get_query_number(request, "stage_id")
    status = request.query.get("status") or None
    found = [
        one
        for one in request.app[SIMULATOR].world.applications.all()
        if job in (None, one.job_id) and stage in (None, one.stage_id) and status in (None, one.status)
    ]
    return respond_list(list(found))


@routes.get("/api/applications/{id}")
async def get_application(request: web.Request) -> web.Response:
    """Returns the candidate's page."""
    return respond(views.candidate_page(request.app[SIMULATOR].world, get_number(request)))


@routes.post("/api/applications/{id}/move")
async def move(request: web.Request) -> web.Response:
    """Moves a candidate; a stage's rule may send a test."""
    simulator, given = request.app[SIMULATOR], await read_body(request, Move)
    rule = await sending.move(simulator, get_number(request), given.stage_id, given.user_id)
    page = views.candidate_page(simulator.world, get_number(request))
    return respond({**page, "rule": _sent(simulator.world, rule) if rule else None})


@routes.post("/api/applications/{id}/{action:hire|unhire|reject|unreject|delete}")
async def change_status(request: web.Request) -> web.Response:
    """Hires, unhires, rejects, unrejects or deletes."""
    world, application_id = request.app[SIMULATOR].world, get_number(request)
    results.change_status(world, application_id, request.match_info["action"])
    return respond(views.candidate_page(world, application_id))


@routes.post("/api/applications/{id}/send-test/open")
async def open_dialog(request: web.Request) -> web.Response:
    """Opens *Send test*."""
    given = await read_body(request, Dialog)
    return respond(await sending.open_dialog(request.app[SIMULATOR], get_number(request), given.stage_id))


@routes.post("/api/applications/{id}/send-test")
async def send_test(request: web.Request) -> web.Response:
    """Sends or schedules a test."""
    simulator, given = request.app[SIMULATOR], await read_body(request, SendForm)
    answer = await sending.send(simulator, get_number(request), SendRequest(**given.model_dump()))
    return respond(_sent(simulator.world, answer))


@routes.post("/api/stages/{id}/send-tests/open")
async def open_bulk_dialog(request: web.Request) -> web.Response:
    """Opens the bulk action's dialog."""
    return respond(await sending.open_bulk_dialog(request.app[SIMULATOR], get_number(request)))


@routes.post("/api/stages/{id}/send-tests")
async def send_many(request: web.Request) -> web.Response:
    """Sends to many candidates of a stage."""
    given = await read_body(request, BulkForm)
    stage_id = get_number(request)
    form = given.model_dump(exclude={"application_ids", "concurrency"})
    wanted = SendRequest(**form, stage_id=stage_id)
    simulator = request.app[SIMULATOR]
    return respond(await sending.send_many(simulator, stage_id, given.application_ids, given.concurrency, wanted))


@routes.get("/api/take-homes")
async def list_take_homes(request: web.Request) -> web.Response:
    """Lists take-home tests, newest last."""
    world = request.app[SIMULATOR].world
    application, partner = get_query_number(request, "application_id"), get_query_number(request, "partner_id")
    status = request.query.get("status") or None
    found = [
        views.take_home(world, one)
        for one in world.take_homes.all()
        if application in (None, one.application_id)
        and partner in (None, one.partner_id)
        and status in (None, one.status)
    ]
    return respond_list(found)


@routes.get("/api/take-homes/{id}")
async def get_take_home(request: web.Request) -> web.Response:
    """Returns a take-home; on request waits until it has a status."""
    world, test_id = request.app[SIMULATOR].world, get_number(request)
    world.take_homes.get(test_id)
    status = request.query.get("status") or None
    wait = get_query_seconds(request, "wait", LONGEST_WAIT_S)
    if status is not None and wait:
        await world.changes.wait_until(lambda: world.take_homes.get(test_id).status == status, wait)
    return respond(views.take_home(world, world.take_homes.get(test_id)))


@routes.patch("/api/take-homes/{id}")
async def assign_graders(request: web.Request) -> web.Response:
    """Assigns a test's graders."""
    world, given = request.app[SIMULATOR].world, await read_body(request, Graders)
    return respond(views.take_home(world, sending.assign_graders(world, get_number(request), given.grader_ids)))


@routes.post("/api/take-homes/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    """Sends a test again, as a new take-home."""
    simulator, given = request.app[SIMULATOR], await read_body(request, ResendForm)
    test = simulator.world.take_homes.get(get_number(request))
    wanted = SendRequest(
        test_id=given.test_id or test.test_id,
        to=given.to or test.to,
        grader_ids=test.grader_ids,
        user_id=given.user_id or test.sender_id,
        stage_id=test.stage_id,
        resend_of=test.id,
    )
    return respond(_sent(simulator.world, await sending.send(simulator, test.application_id, wanted)))


@routes.post("/api/take-homes/{id}/poll")
async def poll(request: web.Request) -> web.Response:
    """Calls the partner's ``test_status`` now."""
    simulator = request.app[SIMULATOR]
    test = simulator.world.take_homes.get(get_number(request))
    result = await results.check_status(simulator, test)
    answer = {
        "ok": result.ok,
        "message": result.message,
        "reasons": result.reasons,
        "exchange_id": result.exchange_id,
    }
    return respond({**answer, "take_home": views.take_home(simulator.world, simulator.world.take_homes.get(test.id))})


@routes.get("/api/take-homes/{id}/kit")
async def kit(request: web.Request) -> web.Response:
    """Returns a test's interview kit."""
    world = request.app[SIMULATOR].world
    return respond(views.kit(world, world.take_homes.get(get_number(request))))


@routes.get("/api/applications/{id}/stages/{stage_id}/kit")
async def stage_kit(request: web.Request) -> web.Response:
    """Returns the interview kit of a candidate's stage."""
    world = request.app[SIMULATOR].world
    return respond(views.stage_kit(world, get_number(request), get_number(request, "stage_id")))
