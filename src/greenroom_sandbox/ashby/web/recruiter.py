"""The recruiter's pages: candidates, New Activity → Assessment → type → Start, and running assessments."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox.ashby import assessments, company
from greenroom_sandbox.ashby.model import (
    OPEN_STATES,
    Application,
    ApplicationStatus,
    Candidate,
    Connection,
    CustomField,
    Partner,
    make_uuid,
    parse_uuid,
)
from greenroom_sandbox.ashby.web.frame import get_ashby, get_id, get_visitor, page, render
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import MOST_ROWS, redirect

routes = web.RouteTableDef()


@routes.get("/ashby/candidates")
@page
async def list_candidates(request: web.Request) -> web.StreamResponse:
    """Lists the customer's candidates, by a part of the name."""
    ashby, who, search = get_ashby(request), get_visitor(request), forms.query(request).text("search")
    ours = [one for one in ashby.candidates.all() if one.organization_id == who.organization.id]
    rows = []
    for candidate in (one for one in ours if search.casefold() in one.name.casefold()):
        applications = company.get_applications(ashby, candidate.id)
        running = [one for one in ashby.assessments.all() if one.candidate_id == candidate.id]
        jobs = ", ".join(ashby.jobs.get(one.job_id).name for one in applications)
        rows.append((candidate, jobs, running[-1] if running else None))
    shown: dict[str, Any] = {"rows": rows[:MOST_ROWS], "more": max(0, len(rows) - MOST_ROWS)}
    return render(request, "ashby_candidates.html", who=who, search=search, **shown)


@routes.get("/ashby/candidates/new")
@page
async def new_candidate(request: web.Request) -> web.StreamResponse:
    """Shows the form *Add Candidate*."""
    return _new(request, forms.query(request), None)


@routes.post("/ashby/candidates/new")
@page
async def add_candidate(request: web.Request) -> web.StreamResponse:
    """Adds a candidate with an application."""
    given = await forms.read(request)
    try:
        values = {"first_name": given.required("first_name"), "last_name": given.text("last_name")}
        values["email"] = given.required("email")
        if "@" not in values["email"]:
            raise Refused("must be an e-mail address", "email")
        job_id = parse_uuid("job", given.required("job_id"))
        candidate, _ = company.add_candidate(get_ashby(request), job_id, values)
    except Refused as error:
        return _new(request, given, error)
    return redirect(get_candidate_path(candidate.id), "candidate-added")


def _new(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    who = get_visitor(request)
    jobs = [one for one in get_ashby(request).jobs.all() if one.organization_id == who.organization.id]
    choices = [(make_uuid("job", one.id), one.name) for one in jobs]
    status = error.status if error else 200
    return render(request, "ashby_candidate_new.html", status, who=who, choices=choices, given=given, error=error)


@routes.get("/ashby/candidates/{id}")
@page
async def show_candidate(request: web.Request) -> web.StreamResponse:
    """Shows a candidate's activity. Its address is the ``ashby_profile_url`` that partners get."""
    ashby = get_ashby(request)
    candidate = ashby.candidates.get(get_id(request, "candidate"))
    applications = [(one, ashby.jobs.get(one.job_id)) for one in company.get_applications(ashby, candidate.id)]
    activity = [
        (one, ashby.partners.get(one.partner_id), one.state in OPEN_STATES)
        for one in reversed(ashby.assessments.all())
        if one.candidate_id == candidate.id
    ]
    values: dict[str, Any] = {"candidate": candidate, "applications": applications, "activity": activity[:MOST_ROWS]}
    values["statuses"] = [(word, word) for word in get_args(ApplicationStatus)]
    return render(request, "ashby_candidate.html", who=get_visitor(request, candidate.organization_id), **values)


@routes.get("/ashby/jobs/{id}")
@page
async def show_job(request: web.Request) -> web.StreamResponse:
    """Shows a job with its hiring team. Its address is the ``ashby_job_url`` that partners get."""
    ashby = get_ashby(request)
    job = ashby.jobs.get(get_id(request, "job"))
    team = [(ashby.users.get(member.user_id), member.role) for member in job.hiring_team]
    applying = [one.candidate_id for one in ashby.applications.all() if one.job_id == job.id]
    people = [ashby.candidates.get(one) for one in applying][:MOST_ROWS]
    who = get_visitor(request, job.organization_id)
    return render(request, "ashby_job.html", who=who, job=job, team=team, people=people)


@routes.post("/ashby/applications/{id}/status")
@page
async def change_status(request: web.Request) -> web.StreamResponse:
    """Changes an application's status, which the next start has."""
    (application, candidate), given = _application(request), await forms.read(request)
    status = given.one_of("status", get_args(ApplicationStatus))
    get_ashby(request).applications.save(application.model_copy(update={"status": status}))
    return redirect(get_candidate_path(candidate.id), "status-changed")


@routes.get("/ashby/applications/{id}/activities/new")
@page
async def new_activity(request: web.Request) -> web.StreamResponse:
    """Shows *New Activity* with the customer's integrations; unlaunched ones on request."""
    ashby, (application, candidate) = get_ashby(request), _application(request)
    unlaunched = forms.query(request).on("unlaunched")
    ours = [one for one in ashby.connections.all() if one.organization_id == candidate.organization_id and one.usable]
    usable = [ashby.partners.get(one.partner_id) for one in ours]
    partners = [one for one in usable if one.launched or unlaunched]
    values: dict[str, Any] = {"candidate": candidate, "partners": partners, "hidden": len(usable) - len(partners)}
    who = get_visitor(request, candidate.organization_id)
    return render(request, "ashby_activity.html", who=who, application=application, **values)


@routes.get("/ashby/applications/{id}/assessments/new")
@page
async def start_dialog(request: web.Request) -> web.StreamResponse:
    """Shows *Start Assessment*, for which the partner's ``assessment.list`` is called."""
    return await _dialog(request, forms.query(request), None, None)


@routes.post("/ashby/applications/{id}/assessments/new")
@page
async def start(request: web.Request) -> web.StreamResponse:
    """Starts the assessment; a refusal leads back to the dialog with the partner's message."""
    ashby, (application, candidate), given = get_ashby(request), _application(request), await forms.read(request)
    connection, partner = _integration(request, given, candidate)
    who = get_visitor(request, candidate.organization_id)
    try:
        wanted = assessments.StartRequest(
            partner.id,
            given.required("assessment_type_id"),
            _read_fields(connection.custom_fields, given),
            who.user.id if who.user else None,
        )
        answer, _ = await assessments.start(ashby, application.id, wanted)
    except Refused as error:
        return await _dialog(request, given, error, None)
    if not answer["ok"]:
        return await _dialog(request, given, None, answer)
    return redirect(get_candidate_path(candidate.id), "started")


def _read_fields(fields: list[CustomField], given: forms.Form) -> dict[str, Any]:
    """Returns the custom fields that are filled in, with JSON types that fit theirs."""
    values: dict[str, Any] = {}
    for one in fields:
        name = f"field:{one.id}"
        text = given.text(name)
        if one.type == "MultiValueSelect":
            values[one.id] = given.texts(name)
        elif one.type == "Boolean":
            values[one.id] = given.on(name)
        elif one.type in ("Number", "Score", "Currency") and text:
            try:
                values[one.id] = float(text)
            except ValueError:
                raise Refused("must be a number", name) from None
        elif text:
            values[one.id] = text
    return {name: value for name, value in values.items() if value != []}


async def _dialog(
    request: web.Request, given: forms.Form, error: Refused | None, refusal: dict[str, Any] | None
) -> web.Response:
    ashby, (application, candidate) = get_ashby(request), _application(request)
    _, partner = _integration(request, given, candidate)
    dialog = await assessments.open_dialog(ashby, application.id, partner.id)
    values: dict[str, Any] = {"candidate": candidate, "application": application, "partner": partner, "dialog": dialog}
    values["types"] = [(one["assessment_type_id"], one["name"]) for one in dialog["assessment_types"]]
    values["fields"] = [
        (one, [(choice["key"], choice["value"]) for choice in one["possible_values"]]) for one in dialog["fields"]
    ]
    values |= {"given": given, "error": error, "refusal": refusal}
    status = error.status if error else 200
    return render(request, "ashby_start.html", status, who=get_visitor(request, candidate.organization_id), **values)


@routes.post("/ashby/assessments/{id}/cancel")
@page
async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancels an assessment; the candidate's page shows why when the partner refuses."""
    answer, assessment = await assessments.cancel(get_ashby(request), get_id(request, "assessment"))
    said = "cancelled" if answer["ok"] else "not-cancelled"
    anchor = make_uuid("assessment", assessment.id)
    return redirect(get_candidate_path(assessment.candidate_id), said, anchor=f"assessment-{anchor}")


def get_candidate_path(candidate_id: int) -> str:
    """Returns the path of a candidate's page."""
    return f"/ashby/candidates/{make_uuid('candidate', candidate_id)}"


def _application(request: web.Request) -> tuple[Application, Candidate]:
    ashby = get_ashby(request)
    application = ashby.applications.get(get_id(request, "application"))
    return application, ashby.candidates.get(application.candidate_id)


def _integration(request: web.Request, given: forms.Form, candidate: Candidate) -> tuple[Connection, Partner]:
    partner_id = parse_uuid("partner", given.required("partner_id"))
    return assessments.get_integration(get_ashby(request), candidate.organization_id, partner_id)
