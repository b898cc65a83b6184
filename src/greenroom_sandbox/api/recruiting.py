"""What a recruiter does: applications, *Send test*, take-home tests, the interview kit."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import AwareDatetime, Field

from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, query_number, query_seconds, shown
from greenroom_sandbox.services import results, sending, views
from greenroom_sandbox.services.sending import Wanted
from greenroom_sandbox.world import World

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0


class Dialog(Body):
    """Which stage's partner is meant."""

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
    """What to change when a test is sent again."""

    test_id: str | None = None
    to: str | None = None
    user_id: int | None = None


class Graders(Body):
    """Who grades a test."""

    grader_ids: list[int]


class Move(Body):
    """Where a candidate goes."""

    stage_id: int
    user_id: int | None = None


def _sent(world: World, answer: dict[str, Any]) -> dict[str, Any]:
    """A send's answer with the take-home as it is now."""
    test = world.take_homes.get(answer["take_home"]["id"]) if answer["take_home"] else None
    return {**answer, "take_home": views.take_home(world, test) if test else None}


@routes.get("/api/applications")
async def list_applications(request: web.Request) -> web.Response:
    """Applications, by job, stage and status."""
    job, stage = query_number(request, "job_id"), query_number(request, "stage_id")
    status = request.query.get("status") or None
    found = [
        one
        for one in request.app[SIMULATOR].world.applications.all()
        if job in (None, one.job_id) and stage in (None, one.stage_id) and status in (None, one.status)
    ]
    return listed(list(found))


@routes.get("/api/applications/{id}")
async def get_application(request: web.Request) -> web.Response:
    """The candidate's page."""
    return shown(views.candidate_page(request.app[SIMULATOR].world, number(request)))


@routes.post("/api/applications/{id}/move")
async def move(request: web.Request) -> web.Response:
    """Moves a candidate; a stage's rule may send a test."""
    simulator, given = request.app[SIMULATOR], await body(request, Move)
    rule = await sending.move(simulator, number(request), given.stage_id, given.user_id)
    page = views.candidate_page(simulator.world, number(request))
    return shown({**page, "rule": _sent(simulator.world, rule) if rule else None})


@routes.post("/api/applications/{id}/{action:hire|unhire|reject|unreject|delete}")
async def change_status(request: web.Request) -> web.Response:
    """Hires, rejects, takes either back, or deletes."""
    world, application_id = request.app[SIMULATOR].world, number(request)
    results.change_status(world, application_id, request.match_info["action"])
    return shown(views.candidate_page(world, application_id))


@routes.post("/api/applications/{id}/send-test/open")
async def open_dialog(request: web.Request) -> web.Response:
    """Opens *Send test*."""
    given = await body(request, Dialog)
    return shown(await sending.open_dialog(request.app[SIMULATOR], number(request), given.stage_id))


@routes.post("/api/applications/{id}/send-test")
async def send_test(request: web.Request) -> web.Response:
    """Clicks *Send test*."""
    simulator, given = request.app[SIMULATOR], await body(request, SendForm)
    answer = await sending.send(simulator, number(request), Wanted(**given.model_dump()))
    return shown(_sent(simulator.world, answer))


@routes.post("/api/stages/{id}/send-tests/open")
async def open_bulk_dialog(request: web.Request) -> web.Response:
    """Opens the bulk action's dialog."""
    return shown(await sending.open_bulk_dialog(request.app[SIMULATOR], number(request)))


@routes.post("/api/stages/{id}/send-tests")
async def send_many(request: web.Request) -> web.Response:
    """The bulk action."""
    given = await body(request, BulkForm)
    stage_id = number(request)
    form = given.model_dump(exclude={"application_ids", "concurrency"})
    wanted = Wanted(**form, stage_id=stage_id)
    simulator = request.app[SIMULATOR]
    return shown(await sending.send_many(simulator, stage_id, given.application_ids, given.concurrency, wanted))


@routes.get("/api/take-homes")
async def list_take_homes(request: web.Request) -> web.Response:
    """Take-home tests, newest last."""
    world = request.app[SIMULATOR].world
    application, partner = query_number(request, "application_id"), query_number(request, "partner_id")
    status = request.query.get("status") or None
    found = [
        views.take_home(world, one)
        for one in world.take_homes.all()
        if application in (None, one.application_id)
        and partner in (None, one.partner_id)
        and status in (None, one.status)
    ]
    return listed(found)


@routes.get("/api/take-homes/{id}")
async def get_take_home(request: web.Request) -> web.Response:
    """One; waits for a status when asked to."""
    world, test_id = request.app[SIMULATOR].world, number(request)
    world.take_homes.get(test_id)
    status = request.query.get("status") or None
    wait = query_seconds(request, "wait", LONGEST_WAIT_S)
    if status is not None and wait:
        await world.changes.until(lambda: world.take_homes.get(test_id).status == status, wait)
    return shown(views.take_home(world, world.take_homes.get(test_id)))


@routes.patch("/api/take-homes/{id}")
async def assign_graders(request: web.Request) -> web.Response:
    """Changes who grades it."""
    world, given = request.app[SIMULATOR].world, await body(request, Graders)
    return shown(views.take_home(world, sending.assign_graders(world, number(request), given.grader_ids)))


@routes.post("/api/take-homes/{id}/resend")
async def resend(request: web.Request) -> web.Response:
    """Sends a test again, as a new take-home."""
    simulator, given = request.app[SIMULATOR], await body(request, ResendForm)
    test = simulator.world.take_homes.get(number(request))
    wanted = Wanted(
        test_id=given.test_id or test.test_id,
        to=given.to or test.to,
        grader_ids=test.grader_ids,
        user_id=given.user_id or test.sender_id,
        stage_id=test.stage_id,
        resend_of=test.id,
    )
    return shown(_sent(simulator.world, await sending.send(simulator, test.application_id, wanted)))


@routes.post("/api/take-homes/{id}/poll")
async def poll(request: web.Request) -> web.Response:
    """Asks the partner now."""
    simulator = request.app[SIMULATOR]
    test = simulator.world.take_homes.get(number(request))
    heard = await results.check(simulator, test)
    answer = {"ok": heard.ok, "message": heard.message, "reasons": heard.reasons, "exchange_id": heard.exchange_id}
    return shown({**answer, "take_home": views.take_home(simulator.world, simulator.world.take_homes.get(test.id))})


@routes.get("/api/take-homes/{id}/kit")
async def kit(request: web.Request) -> web.Response:
    """The interview kit."""
    world = request.app[SIMULATOR].world
    return shown(views.kit(world, world.take_homes.get(number(request))))


@routes.get("/api/applications/{id}/stages/{stage_id}/kit")
async def stage_kit(request: web.Request) -> web.Response:
    """The interview kit of a candidate's stage, whatever was sent."""
    world = request.app[SIMULATOR].world
    return shown(views.stage_kit(world, number(request), number(request, "stage_id")))
