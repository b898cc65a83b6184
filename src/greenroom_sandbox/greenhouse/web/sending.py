"""The pages of *Send test*, for one candidate and in bulk, and of sent tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.hiring import Application
from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.greenhouse.services import results, sending
from greenroom_sandbox.greenhouse.services.sending import SendRequest
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.pages import Visitor, get_visitor, get_world, page, render
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number, redirect

routes = web.RouteTableDef()
#: concurrency limit of a bulk action, in sends
CONCURRENCY = 8


@routes.get("/applications/{id}/send-test")
@page
async def open_dialog(request: web.Request) -> web.StreamResponse:
    """Shows *Send test*, for which the partner's ``list_tests`` is called."""
    return await _dialog(request, forms.query(request), None)


@routes.post("/applications/{id}/send-test")
@page
async def send_test(request: web.Request) -> web.StreamResponse:
    """Sends the test.

    The candidate's page shows a failed call to the partner.
    """
    world, application, given = get_world(request), _application(request), await forms.read(request)
    try:
        who = get_visitor(request, world.jobs.get(application.job_id).organization_id)
        asked = _wanted(given, who, to=given.required("to"))
        answer = await sending.send(request.app[SIMULATOR], application.id, asked)
    except Refused as error:
        return await _dialog(request, given, error)
    said = {texts.SUBMITTED_TESTS: "submitted-tests", texts.SCHEDULED: "scheduled"}.get(answer["message"])
    return redirect(get_profile_path(application), said, anchor=f"stage-{asked.stage_id or application.stage_id}")


async def _dialog(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, application = get_world(request), _application(request)
    stage = world.stages.get(given.number("stage_id") or application.stage_id)
    dialog = await sending.open_dialog(request.app[SIMULATOR], application.id, stage.id)
    candidate = world.candidates.get(application.candidate_id)
    place = {"stage": stage, "back": get_profile_path(application), "people": [candidate], "action": request.path}
    return _opened(request, dialog, given, error, **place)


@routes.get("/stages/{id}/send-tests")
@page
async def open_bulk_dialog(request: web.Request) -> web.StreamResponse:
    """Shows *Send tests* for the chosen candidates, by default for all of the stage."""
    return await _bulk_dialog(request, forms.query(request), None)


@routes.post("/stages/{id}/send-tests")
@page
async def send_tests(request: web.Request) -> web.StreamResponse:
    """Sends to each candidate; the pipeline then shows how many sends worked."""
    world, stage_id, given = get_world(request), get_number(request), await forms.read(request)
    stage = world.stages.get(stage_id)
    who = get_visitor(request, world.jobs.get(stage.job_id).organization_id)
    try:
        asked = _wanted(given, who, to=None)
    except Refused as error:
        return await _bulk_dialog(request, given, error)
    chosen = given.numbers("application_id") or None
    done = await sending.send_many(request.app[SIMULATOR], stage_id, chosen, CONCURRENCY, asked)
    counts = {"sent": done["sent"], "failed": done["failed"]}
    return redirect(f"/jobs/{stage.job_id}/candidates", stage_id=stage_id, **counts)


async def _bulk_dialog(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, stage = get_world(request), get_world(request).stages.get(get_number(request))
    chosen = set(given.numbers("application_id"))
    in_stage = [one for one in world.applications.all() if one.stage_id == stage.id and one.status == "active"]
    in_stage = [one for one in in_stage if not chosen or one.id in chosen]
    dialog = await sending.open_bulk_dialog(request.app[SIMULATOR], stage.id)
    people = [world.candidates.get(one.candidate_id) for one in in_stage]
    back = f"/jobs/{stage.job_id}/candidates?stage_id={stage.id}"
    place = {"stage": stage, "back": back, "people": people, "action": request.path}
    return _opened(request, dialog, given, error, chosen=sorted(chosen), **place)


def _opened(
    request: web.Request, dialog: dict[str, Any], given: forms.Form, error: Refused | None, **place: Any
) -> web.Response:
    world = get_world(request)
    who = get_visitor(request, world.jobs.get(place["stage"].job_id).organization_id)
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
    return render(request, "send_test.html", error.status if error else 200, who=who, **(frame | place))


def _wanted(given: forms.Form, who: Visitor, *, to: str | None) -> SendRequest:
    test_id, graders = given.required("test_id"), given.numbers("grader_ids")
    if not graders:
        raise Refused("must be at least one person", "grader_ids")
    later = given.text("when") == "later"
    return SendRequest(
        test_id=test_id,
        to=to,
        grader_ids=graders,
        user_id=who.user_id,
        send_at=_parse_time(given.required("send_at")) if later else None,
        stage_id=given.number("stage_id"),
    )


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused("must be a date and a time, like 2026-11-24T10:00", "send_at") from None


@routes.get("/take-homes/{id}/graders")
@page
async def choose_graders(request: web.Request) -> web.StreamResponse:
    """Shows the form with a sent test's graders."""
    return _graders(request, None)


@routes.post("/take-homes/{id}/graders")
@page
async def assign_graders(request: web.Request) -> web.StreamResponse:
    """Assigns a test's graders."""
    given, test = await forms.read(request), _test(request)
    try:
        sending.assign_graders(get_world(request), test.id, given.numbers("grader_ids"))
    except Refused as error:
        return _graders(request, error)
    return redirect(_get_test_profile_path(get_world(request), test), "saved", anchor=f"stage-{test.stage_id}")


def _graders(request: web.Request, error: Refused | None) -> web.Response:
    world, test = get_world(request), _test(request)
    people = [one for one in world.users.all() if one.organization_id == test.organization_id]
    values = {"test": test, "people": people, "error": error, "back": _get_test_profile_path(world, test)}
    who = get_visitor(request, test.organization_id)
    candidate = world.candidates.get(test.candidate_id)
    return render(request, "graders.html", error.status if error else 200, who=who, candidate=candidate, **values)


@routes.post("/take-homes/{id}/poll")
@page
async def poll(request: web.Request) -> web.StreamResponse:
    """Calls the partner's ``test_status`` now, as Greenhouse does after a completion."""
    test = _test(request)
    await results.check_status(request.app[SIMULATOR], test)
    return redirect(_get_test_profile_path(get_world(request), test), "polled", anchor=f"stage-{test.stage_id}")


def get_profile_path(application: Application) -> str:
    """Returns the path of the candidate's page for one application.

    Partners get its address as ``greenhouse_profile_url``.
    """
    return f"/people/{application.candidate_id}?application_id={application.id}"


def _get_test_profile_path(world: World, test: TakeHome) -> str:
    return get_profile_path(world.applications.get(test.application_id))


def _application(request: web.Request) -> Application:
    return get_world(request).applications.get(get_number(request))


def _test(request: web.Request) -> TakeHome:
    return get_world(request).take_homes.get(get_number(request))
