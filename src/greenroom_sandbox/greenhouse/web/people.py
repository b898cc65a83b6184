"""The candidates' pages: the list, *Add a Candidate*, and one candidate."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.errors import NotFound, Refused
from greenroom_sandbox.greenhouse.model.hiring import Application, Candidate
from greenroom_sandbox.greenhouse.services import company, results, sending, views
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.greenhouse.web.sending import get_profile_path
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import MOST_ROWS, get_number, redirect

routes = web.RouteTableDef()
DETAILS = ("preferred_name", "email", "phone_number", "resume_url")


@routes.get("/people")
@page
async def list_people(request: web.Request) -> web.StreamResponse:
    """Lists the customer's candidates, by a part of the name."""
    who, search = get_visitor(request), forms.query(request).text("search")
    people = views.people(get_world(request), who.organization.id, search)
    return render(request, "people.html", who=who, people=people, search=search, most=MOST_ROWS)


@routes.get("/people/new")
@page
async def new_candidate(request: web.Request) -> web.StreamResponse:
    """Shows the form *Add a Candidate*."""
    return _new(request, forms.query(request), None)


@routes.post("/people/new")
@page
async def add_candidate(request: web.Request) -> web.StreamResponse:
    """Adds a candidate with an application."""
    given = await forms.read(request)
    try:
        job_id, stage_id = _place(given)
        values: dict[str, Any] = {name: given.optional(name) for name in DETAILS}
        values |= {"job_id": job_id, "stage_id": stage_id, "last_name": given.text("last_name")}
        values["first_name"] = given.required("first_name")
        _, application = company.add_candidate(get_world(request), values)
    except Refused as error:
        return _new(request, given, error)
    return redirect(get_profile_path(application), "candidate-added")


def _place(given: forms.Form) -> tuple[int, int | None]:
    """Returns the job's id and, when one was chosen, the stage's.

    Both are choices of the same list, as ``JOB`` or ``JOB:STAGE``.
    """
    job, _, stage = given.required("place").partition(":")
    chosen = forms.Form({"place": [job], "stage": [stage]})
    return chosen.number("place") or 0, chosen.number("stage")


def _new(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world, who = get_world(request), get_visitor(request)
    jobs = [(job, world.get_plan(job.id)) for job in world.jobs.all() if job.organization_id == who.organization.id]
    chosen = given.text("place") or given.text("job_id")
    status = error.status if error else 200
    return render(request, "person_new.html", status, who=who, jobs=jobs, chosen=chosen, given=given, error=error)


@routes.get("/people/{id}")
@page
async def show_candidate(request: web.Request) -> web.StreamResponse:
    """Shows the candidate's page for one of the applications.

    Its address is the ``greenhouse_profile_url`` that partners get.
    """
    world, candidate = get_world(request), _candidate(request)
    applications = [one for one in company.get_applications(world, candidate.id) if one.status != "deleted"]
    wanted = forms.query(request).number("application_id")
    chosen = next((one for one in applications if wanted in (None, one.id)), None)
    if wanted is not None and chosen is None:
        raise NotFound(f"there is no application {wanted} of this candidate")
    values: dict[str, Any] = {"candidate": candidate, "application": chosen, "plan": None, "people": []}
    values["applications"] = [(one, world.jobs.get(one.job_id)) for one in applications]
    if chosen is not None:
        values["plan"] = views.candidate_page(world, chosen.id)
        values["tests"] = {test.id: views.take_home(world, test) for test in world.get_take_homes(chosen.id)}
    return render(request, "person.html", who=get_visitor(request, candidate.organization_id), **values)


@routes.get("/people/{id}/edit")
@page
async def edit_candidate(request: web.Request) -> web.StreamResponse:
    """Shows the form with the candidate's details."""
    candidate = _candidate(request)
    known = {name: [value] for name, value in candidate.model_dump().items() if isinstance(value, str)}
    return _edit(request, forms.Form(known), None)


@routes.post("/people/{id}/edit")
@page
async def save_candidate(request: web.Request) -> web.StreamResponse:
    """Saves a candidate's details."""
    candidate, given = _candidate(request), await forms.read(request)
    try:
        changes: dict[str, Any] = {name: given.optional(name) for name in DETAILS}
        changes |= {"first_name": given.required("first_name"), "last_name": given.text("last_name")}
        company.change_candidate(get_world(request), candidate.id, changes)
    except Refused as error:
        return _edit(request, given, error)
    return redirect(f"/people/{candidate.id}", "saved")


def _edit(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    candidate = _candidate(request)
    who, status = get_visitor(request, candidate.organization_id), error.status if error else 200
    return render(request, "person_edit.html", status, who=who, candidate=candidate, given=given, error=error)


@routes.get("/applications/{id}/move")
@page
async def move_dialog(request: web.Request) -> web.StreamResponse:
    """Shows *Move … to another stage*, with a button for each stage."""
    world = get_world(request)
    application = world.applications.get(get_number(request))
    candidate, job = world.candidates.get(application.candidate_id), world.jobs.get(application.job_id)
    values: dict[str, Any] = {
        "candidate": candidate,
        "job": job,
        "stages": world.get_plan(job.id),
        "back": get_profile_path(application),
    }
    return render(
        request, "move.html", who=get_visitor(request, job.organization_id), application=application, **values
    )


@routes.post("/applications/{id}/move")
@page
async def move(request: web.Request) -> web.StreamResponse:
    """Moves the candidate; the stage's rule may send a test."""
    world, application, given = get_world(request), _application(request), await forms.read(request)
    stage_id = given.number("stage_id") or 0
    who = get_visitor(request, world.jobs.get(application.job_id).organization_id)
    await sending.move(request.app[SIMULATOR], application.id, stage_id, who.user_id)
    return redirect(get_profile_path(application), "moved", anchor=f"stage-{stage_id}")


@routes.post("/applications/{id}/{action:hire|unhire|reject|unreject|delete}")
@page
async def change_status(request: web.Request) -> web.StreamResponse:
    """Hires, unhires, rejects, unrejects, or removes from the job."""
    application, action = _application(request), request.match_info["action"]
    results.change_status(get_world(request), application.id, action)
    if action == "delete":
        return redirect(f"/people/{application.candidate_id}", action)
    return redirect(get_profile_path(application), action)


@routes.get("/people/{id}/{action:anonymize|delete|merge}")
@page
async def ask(request: web.Request) -> web.StreamResponse:
    """Asks for confirmation of an action that cannot be undone."""
    return _asked(request, None)


@routes.post("/people/{id}/{action:anonymize|delete|merge}")
@page
async def finish(request: web.Request) -> web.StreamResponse:
    """Anonymizes, deletes, or merges into another candidate."""
    world, candidate, given = get_world(request), _candidate(request), await forms.read(request)
    match request.match_info["action"]:
        case "anonymize":
            company.anonymize(world, candidate.id)
            return redirect(f"/people/{candidate.id}", "anonymized")
        case "delete":
            company.delete_candidate(world, candidate.id)
            return redirect("/people", "candidate-deleted")
    try:
        into = given.number("into")
        if into is None:
            raise Refused("is required", "into")
        company.merge(world, candidate.id, into)
    except Refused as error:
        return _asked(request, error)
    return redirect(f"/people/{into}", "merged")


def _asked(request: web.Request, error: Refused | None) -> web.Response:
    candidate = _candidate(request)
    everybody = views.people(get_world(request), candidate.organization_id, "")
    others = [one["candidate"] for one in everybody if one["candidate"].id != candidate.id]
    values: dict[str, Any] = {
        "action": request.match_info["action"],
        "candidate": candidate,
        "others": others,
        "error": error,
    }
    who = get_visitor(request, candidate.organization_id)
    return render(request, "person_end.html", error.status if error else 200, who=who, **values)


def _candidate(request: web.Request) -> Candidate:
    return get_world(request).candidates.get(get_number(request))


def _application(request: web.Request) -> Application:
    return get_world(request).applications.get(get_number(request))
