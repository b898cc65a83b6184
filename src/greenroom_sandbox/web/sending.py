"""*Send test*: the dialog, for one candidate and for many, and what else is done with tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from greenroom_sandbox import texts
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.hiring import Application
from greenroom_sandbox.model.take_home import TakeHome
from greenroom_sandbox.services import results, sending
from greenroom_sandbox.services.sending import Wanted
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import Visitor, number, page, see, shown, visitor, world_of
from greenroom_sandbox.world import World

routes = web.RouteTableDef()
#: how many of a bulk action's tests are on their way at once
CONCURRENCY = 8


@routes.get("/applications/{id}/send-test")
@page
async def open_dialog(request: web.Request) -> web.StreamResponse:
    """Opens it: the partner is asked for its tests now."""
    return await _dialog(request, forms.query(request), None)


@routes.post("/applications/{id}/send-test")
@page
async def send_test(request: web.Request) -> web.StreamResponse:
    """Sends the test. When that fails, the candidate's page says so."""
    world, application, given = world_of(request), _application(request), await forms.read(request)
    try:
        who = visitor(request, world.jobs.get(application.job_id).organization_id)
        asked = _wanted(given, who, to=given.required("to"))
        answer = await sending.send(request.app[SIMULATOR], application.id, asked)
    except Refused as error:
        return await _dialog(request, given, error)
    said = {texts.SUBMITTED_TESTS: "submitted-tests", texts.SCHEDULED: "scheduled"}.get(answer["message"])
    return see(profile(application), said, anchor=f"stage-{asked.stage_id or application.stage_id}")


async def _dialog(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, application = world_of(request), _application(request)
    stage = world.stages.get(given.number("stage_id") or application.stage_id)
    dialog = await sending.open_dialog(request.app[SIMULATOR], application.id, stage.id)
    candidate = world.candidates.get(application.candidate_id)
    place = {"stage": stage, "back": profile(application), "people": [candidate], "action": request.path}
    return _opened(request, dialog, given, error, **place)


@routes.get("/stages/{id}/send-tests")
@page
async def open_bulk_dialog(request: web.Request) -> web.StreamResponse:
    """Opens it for those that were chosen in the pipeline, or for everybody in the stage."""
    return await _bulk_dialog(request, forms.query(request), None)


@routes.post("/stages/{id}/send-tests")
@page
async def send_tests(request: web.Request) -> web.StreamResponse:
    """Sends to each of them; the pipeline says how many it worked for."""
    world, stage_id, given = world_of(request), number(request), await forms.read(request)
    stage = world.stages.get(stage_id)
    who = visitor(request, world.jobs.get(stage.job_id).organization_id)
    try:
        asked = _wanted(given, who, to=None)
    except Refused as error:
        return await _bulk_dialog(request, given, error)
    chosen = given.numbers("application_id") or None
    done = await sending.send_many(request.app[SIMULATOR], stage_id, chosen, CONCURRENCY, asked)
    counts = {"sent": done["sent"], "failed": done["failed"]}
    return see(f"/jobs/{stage.job_id}/candidates", stage_id=stage_id, **counts)


async def _bulk_dialog(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, stage = world_of(request), world_of(request).stages.get(number(request))
    chosen = set(given.numbers("application_id"))
    here = [one for one in world.applications.all() if one.stage_id == stage.id and one.status == "active"]
    here = [one for one in here if not chosen or one.id in chosen]
    dialog = await sending.open_bulk_dialog(request.app[SIMULATOR], stage.id)
    people = [world.candidates.get(one.candidate_id) for one in here]
    back = f"/jobs/{stage.job_id}/candidates?stage_id={stage.id}"
    place = {"stage": stage, "back": back, "people": people, "action": request.path}
    return _opened(request, dialog, given, error, chosen=sorted(chosen), **place)


def _opened(
    request: web.Request, dialog: dict[str, Any], given: forms.Form, error: Refused | None, **place: Any
) -> web.Response:
    world = world_of(request)
    who = visitor(request, world.jobs.get(place["stage"].job_id).organization_id)
    sent = request.method == "POST"
    graders = given.numbers("grader_ids") if sent else dialog["grader_ids"] or [who.user_id]
    values: dict[str, Any] = {"to": given.text("to") if sent else dialog.get("to") or "", "grader_ids": graders}
    values["test_id"] = given.text("test_id") if sent else dialog["default_test_id"] or ""
    values |= {"when": given.text("when") or "now", "send_at": given.text("send_at")}
    frame: dict[str, Any] = {
        "dialog": dialog,
        "values": values,
        "error": error,
        "chosen": [],
        "bulk": "to" not in dialog,
    }
    return shown(request, "send_test.html", error.status if error else 200, who=who, **(frame | place))


def _wanted(given: forms.Form, who: Visitor, *, to: str | None) -> Wanted:
    test_id, graders = given.required("test_id"), given.numbers("grader_ids")
    if not graders:
        raise Refused("must be at least one person", "grader_ids")
    later = given.text("when") == "later"
    return Wanted(
        test_id=test_id,
        to=to,
        grader_ids=graders,
        user_id=who.user_id,
        send_at=_time(given.required("send_at")) if later else None,
        stage_id=given.number("stage_id"),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused("must be a date and a time, like 2026-11-24T10:00", "send_at") from None


@routes.get("/take-homes/{id}/graders")
@page
async def choose_graders(request: web.Request) -> web.StreamResponse:
    """Who grades a test that was sent."""
    return _graders(request, None)


@routes.post("/take-homes/{id}/graders")
@page
async def assign_graders(request: web.Request) -> web.StreamResponse:
    """Changes who does."""
    given, test = await forms.read(request), _test(request)
    try:
        sending.assign_graders(world_of(request), test.id, given.numbers("grader_ids"))
    except Refused as error:
        return _graders(request, error)
    return see(_profile_of(world_of(request), test), "saved", anchor=f"stage-{test.stage_id}")


def _graders(request: web.Request, error: Refused | None) -> web.Response:
    world, test = world_of(request), _test(request)
    people = [one for one in world.users.all() if one.organization_id == test.organization_id]
    values = {"test": test, "people": people, "error": error, "back": _profile_of(world, test)}
    who = visitor(request, test.organization_id)
    candidate = world.candidates.get(test.candidate_id)
    return shown(request, "graders.html", error.status if error else 200, who=who, candidate=candidate, **values)


@routes.post("/take-homes/{id}/poll")
@page
async def poll(request: web.Request) -> web.StreamResponse:
    """Asks the partner now, as Greenhouse does once it was told of a completion."""
    test = _test(request)
    await results.check(request.app[SIMULATOR], test)
    return see(_profile_of(world_of(request), test), "polled", anchor=f"stage-{test.stage_id}")


def profile(application: Application) -> str:
    """The address of a candidate's page for one application, as partners are told it."""
    return f"/people/{application.candidate_id}?application_id={application.id}"


def _profile_of(world: World, test: TakeHome) -> str:
    return profile(world.applications.get(test.application_id))


def _application(request: web.Request) -> Application:
    return world_of(request).applications.get(number(request))


def _test(request: web.Request) -> TakeHome:
    return world_of(request).take_homes.get(number(request))
