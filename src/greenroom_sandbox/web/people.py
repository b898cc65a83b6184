"""Candidates: the list, *Add a Candidate*, each one's page, and what becomes of them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import NotFound, Refused
from greenroom_sandbox.model.hiring import Application, Candidate
from greenroom_sandbox.services import company, results, sending, views
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import MOST_ROWS, number, page, see, shown, visitor, world_of
from greenroom_sandbox.web.sending import profile

routes = web.RouteTableDef()
DETAILS = ("preferred_name", "email", "phone_number", "resume_url")


@routes.get("/people")
@page
async def list_people(request: web.Request) -> web.StreamResponse:
    """The customer's candidates, by a part of the name."""
    who, search = visitor(request), forms.query(request).text("search")
    people = views.people(world_of(request), who.organization.id, search)
    return shown(request, "people.html", who=who, people=people, search=search, most=MOST_ROWS)


@routes.get("/people/new")
@page
async def new_candidate(request: web.Request) -> web.StreamResponse:
    """*Add a Candidate*."""
    return _new(request, forms.query(request), None)


@routes.post("/people/new")
@page
async def add_candidate(request: web.Request) -> web.StreamResponse:
    """Adds one, with an application."""
    given = await forms.read(request)
    try:
        job_id, stage_id = _place(given)
        values: dict[str, Any] = {name: given.optional(name) for name in DETAILS}
        values |= {"job_id": job_id, "stage_id": stage_id, "last_name": given.text("last_name")}
        values["first_name"] = given.required("first_name")
        _, application = company.add_candidate(world_of(request), values)
    except Refused as error:
        return _new(request, given, error)
    return see(profile(application), "candidate-added")


def _place(given: forms.Form) -> tuple[int, int | None]:
    """The job, and the stage when one was chosen; both are in one list."""
    job, _, stage = given.required("place").partition(":")
    chosen = forms.Form({"place": [job], "stage": [stage]})
    return chosen.number("place") or 0, chosen.number("stage")


def _new(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, who = world_of(request), visitor(request)
    jobs = [(job, world.plan(job.id)) for job in world.jobs.all() if job.organization_id == who.organization.id]
    chosen = given.text("place") or given.text("job_id")
    status = error.status if error else 200
    return shown(request, "person_new.html", status, who=who, jobs=jobs, chosen=chosen, given=given, error=error)


@routes.get("/people/{id}")
@page
async def show_candidate(request: web.Request) -> web.StreamResponse:
    """The candidate's page for one of their applications. Its address is what partners get to know."""
    world, candidate = world_of(request), _candidate(request)
    applications = [one for one in company.applications_of(world, candidate.id) if one.status != "deleted"]
    wanted = forms.query(request).number("application_id")
    chosen = next((one for one in applications if wanted in (None, one.id)), None)
    if wanted is not None and chosen is None:
        raise NotFound(f"there is no application {wanted} of this candidate")
    values: dict[str, Any] = {"candidate": candidate, "application": chosen, "plan": None, "people": []}
    values["applications"] = [(one, world.jobs.get(one.job_id)) for one in applications]
    if chosen is not None:
        values["plan"] = views.candidate_page(world, chosen.id)
        values["tests"] = {test.id: views.take_home(world, test) for test in world.tests_of(chosen.id)}
    return shown(request, "person.html", who=visitor(request, candidate.organization_id), **values)


@routes.get("/people/{id}/edit")
@page
async def edit_candidate(request: web.Request) -> web.StreamResponse:
    """A person's details."""
    candidate = _candidate(request)
    known = {name: [value] for name, value in candidate.model_dump().items() if isinstance(value, str)}
    return _edit(request, forms.Form(known), None)


@routes.post("/people/{id}/edit")
@page
async def save_candidate(request: web.Request) -> web.StreamResponse:
    """Corrects them."""
    candidate, given = _candidate(request), await forms.read(request)
    try:
        changes: dict[str, Any] = {name: given.optional(name) for name in DETAILS}
        changes |= {"first_name": given.required("first_name"), "last_name": given.text("last_name")}
        company.change_candidate(world_of(request), candidate.id, changes)
    except Refused as error:
        return _edit(request, given, error)
    return see(f"/people/{candidate.id}", "saved")


def _edit(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    candidate = _candidate(request)
    who, status = visitor(request, candidate.organization_id), error.status if error else 200
    return shown(request, "person_edit.html", status, who=who, candidate=candidate, given=given, error=error)


@routes.get("/applications/{id}/move")
@page
async def move_dialog(request: web.Request) -> web.StreamResponse:
    """*Move … to another stage*: a button for each."""
    world = world_of(request)
    application = world.applications.get(number(request))
    candidate, job = world.candidates.get(application.candidate_id), world.jobs.get(application.job_id)
    values: dict[str, Any] = {
        "candidate": candidate,
        "job": job,
        "stages": world.plan(job.id),
        "back": profile(application),
    }
    return shown(request, "move.html", who=visitor(request, job.organization_id), application=application, **values)


@routes.post("/applications/{id}/move")
@page
async def move(request: web.Request) -> web.StreamResponse:
    """Moves the candidate; the stage's rule may send a test."""
    world, application, given = world_of(request), _application(request), await forms.read(request)
    stage_id = given.number("stage_id") or 0
    who = visitor(request, world.jobs.get(application.job_id).organization_id)
    await sending.move(request.app[SIMULATOR], application.id, stage_id, who.user_id)
    return see(profile(application), "moved", anchor=f"stage-{stage_id}")


@routes.post("/applications/{id}/{action:hire|unhire|reject|unreject|delete}")
@page
async def change_status(request: web.Request) -> web.StreamResponse:
    """Hires, rejects, takes either back, or removes from the job."""
    application, action = _application(request), request.match_info["action"]
    results.change_status(world_of(request), application.id, action)
    if action == "delete":
        return see(f"/people/{application.candidate_id}", action)
    return see(profile(application), action)


@routes.get("/people/{id}/{action:anonymize|delete|merge}")
@page
async def ask(request: web.Request) -> web.StreamResponse:
    """What cannot be taken back is asked about first."""
    return _asked(request, None)


@routes.post("/people/{id}/{action:anonymize|delete|merge}")
@page
async def finish(request: web.Request) -> web.StreamResponse:
    """Anonymizes, deletes, or merges into another candidate."""
    world, candidate, given = world_of(request), _candidate(request), await forms.read(request)
    match request.match_info["action"]:
        case "anonymize":
            company.anonymize(world, candidate.id)
            return see(f"/people/{candidate.id}", "anonymized")
        case "delete":
            company.delete_candidate(world, candidate.id)
            return see("/people", "candidate-deleted")
    try:
        into = given.number("into")
        if into is None:
            raise Refused("is required", "into")
        company.merge(world, candidate.id, into)
    except Refused as error:
        return _asked(request, error)
    return see(f"/people/{into}", "merged")


def _asked(request: web.Request, error: Refused | None) -> web.Response:
    candidate = _candidate(request)
    everybody = views.people(world_of(request), candidate.organization_id, "")
    others = [one["candidate"] for one in everybody if one["candidate"].id != candidate.id]
    values: dict[str, Any] = {
        "action": request.match_info["action"],
        "candidate": candidate,
        "others": others,
        "error": error,
    }
    who = visitor(request, candidate.organization_id)
    return shown(request, "person_end.html", error.status if error else 200, who=who, **values)


def _candidate(request: web.Request) -> Candidate:
    return world_of(request).candidates.get(number(request))


def _application(request: web.Request) -> Application:
    return world_of(request).applications.get(number(request))
