"""The calls for customers, candidates and assessments."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.ashby import assessments, company
from greenroom_sandbox.ashby.model import (
    Application,
    ApplicationStatus,
    Assessment,
    Candidate,
    Job,
    TeamMember,
    User,
    make_uuid,
    parse_uuid,
)
from greenroom_sandbox.ashby.state import ASHBY, Ashby
from greenroom_sandbox.http.reading import Body, get_query_seconds, read_body, respond, respond_list

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Email = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]


class NewOrganization(Body):
    """A customer to add."""

    name: Name


class NewUser(Body):
    """A user to add."""

    organization_id: str
    first_name: Name
    last_name: str = Field("", max_length=200)
    email: Email


class Member(Body):
    """A member of a hiring team."""

    user_id: str
    role: Name


class NewJob(Body):
    """A job to open."""

    organization_id: str
    name: Name
    req_id: str | None = Field(None, max_length=200)
    hiring_team: list[Member] = Field(default_factory=list, max_length=100)


class NewCandidate(Body):
    """A candidate to add, with an application."""

    job_id: str
    first_name: Name
    last_name: str = Field("", max_length=200)
    email: Email


class StatusChange(Body):
    """The new status of an application."""

    status: ApplicationStatus


class Dialog(Body):
    """The partner whose types are listed."""

    partner_id: str


class StartForm(Body):
    """The form *Start Assessment*."""

    partner_id: str
    assessment_type_id: str = Field(min_length=1, max_length=500)
    additional_fields: dict[str, Any] = Field(default_factory=dict)
    user_id: str | None = None


def _user(user: User) -> dict[str, Any]:
    ids = {"id": make_uuid("user", user.id), "organization_id": make_uuid("organization", user.organization_id)}
    return {**user.model_dump(), **ids}


def _job(job: Job) -> dict[str, Any]:
    team = [{"user_id": make_uuid("user", member.user_id), "role": member.role} for member in job.hiring_team]
    ids = {"id": make_uuid("job", job.id), "organization_id": make_uuid("organization", job.organization_id)}
    return {**job.model_dump(), **ids, "hiring_team": team}


def _candidate(ashby: Ashby, candidate: Candidate) -> dict[str, Any]:
    ids = [make_uuid("application", one.id) for one in company.get_applications(ashby, candidate.id)]
    organization_id = make_uuid("organization", candidate.organization_id)
    shown = {**candidate.model_dump(), "id": make_uuid("candidate", candidate.id), "organization_id": organization_id}
    return {**shown, "application_ids": ids}


def _application(application: Application) -> dict[str, Any]:
    return {
        "id": make_uuid("application", application.id),
        "candidate_id": make_uuid("candidate", application.candidate_id),
        "job_id": make_uuid("job", application.job_id),
        "status": application.status,
    }


def describe_assessment(assessment: Assessment) -> dict[str, Any]:
    """Returns an assessment as the API shows it."""
    shown = assessment.model_dump(mode="json")
    for kind in ("organization", "partner", "candidate", "application", "user"):
        number = shown[f"{kind}_id"]
        shown[f"{kind}_id"] = None if number is None else make_uuid(kind, number)
    url = assessment.profile_url
    renamed = {"assessment_type_id": shown.pop("type_id"), "assessment_type_name": shown.pop("type_name")}
    return {
        **shown,
        **renamed,
        "id": make_uuid("assessment", assessment.id),
        "status_text": None if assessment.status is None else str(assessment.status.value),
        "full_report_url": None if url is None else url.value,
    }


@routes.get("/api/ashby/organizations")
async def list_organizations(request: web.Request) -> web.Response:
    """Lists the customers."""
    found = request.app[ASHBY].organizations.all()
    return respond_list([{"id": make_uuid("organization", one.id), "name": one.name} for one in found])


@routes.post("/api/ashby/organizations")
async def add_organization(request: web.Request) -> web.Response:
    """Adds a customer."""
    made = company.add_organization(request.app[ASHBY], (await read_body(request, NewOrganization)).name)
    return respond({"id": make_uuid("organization", made.id), "name": made.name}, 201)


@routes.get("/api/ashby/users")
async def list_users(request: web.Request) -> web.Response:
    """Lists the users."""
    return respond_list([_user(one) for one in request.app[ASHBY].users.all()])


@routes.post("/api/ashby/users")
async def add_user(request: web.Request) -> web.Response:
    """Adds a user."""
    given = await read_body(request, NewUser)
    organization_id = parse_uuid("organization", given.organization_id)
    names = given.first_name, given.last_name, given.email
    return respond(_user(company.add_user(request.app[ASHBY], organization_id, *names)), 201)


@routes.get("/api/ashby/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """Lists the jobs."""
    return respond_list([_job(one) for one in request.app[ASHBY].jobs.all()])


@routes.post("/api/ashby/jobs")
async def add_job(request: web.Request) -> web.Response:
    """Opens a job."""
    given = await read_body(request, NewJob)
    team = [TeamMember(user_id=parse_uuid("user", one.user_id), role=one.role) for one in given.hiring_team]
    organization_id = parse_uuid("organization", given.organization_id)
    return respond(_job(company.add_job(request.app[ASHBY], organization_id, given.name, given.req_id, team)), 201)


@routes.get("/api/ashby/candidates")
async def list_candidates(request: web.Request) -> web.Response:
    """Lists the candidates."""
    ashby = request.app[ASHBY]
    return respond_list([_candidate(ashby, one) for one in ashby.candidates.all()])


@routes.post("/api/ashby/candidates")
async def add_candidate(request: web.Request) -> web.Response:
    """Adds a candidate with an application."""
    ashby, values = request.app[ASHBY], (await read_body(request, NewCandidate)).model_dump()
    candidate, _ = company.add_candidate(ashby, parse_uuid("job", values.pop("job_id")), values)
    return respond(_candidate(ashby, candidate), 201)


@routes.get("/api/ashby/candidates/{id}")
async def get_candidate(request: web.Request) -> web.Response:
    """Returns a candidate."""
    ashby = request.app[ASHBY]
    return respond(_candidate(ashby, ashby.candidates.get(parse_uuid("candidate", request.match_info["id"]))))


@routes.get("/api/ashby/applications/{id}")
async def get_application(request: web.Request) -> web.Response:
    """Returns an application."""
    return respond(_application(request.app[ASHBY].applications.get(_application_id(request))))


@routes.patch("/api/ashby/applications/{id}")
async def change_application(request: web.Request) -> web.Response:
    """Changes an application's status."""
    ashby, given = request.app[ASHBY], await read_body(request, StatusChange)
    changed = ashby.applications.get(_application_id(request)).model_copy(update={"status": given.status})
    return respond(_application(ashby.applications.save(changed)))


@routes.post("/api/ashby/applications/{id}/assessments/open")
async def open_dialog(request: web.Request) -> web.Response:
    """Opens *Start Assessment*, which calls the partner's ``assessment.list``."""
    given = await read_body(request, Dialog)
    partner_id = parse_uuid("partner", given.partner_id)
    return respond(await assessments.open_dialog(request.app[ASHBY], _application_id(request), partner_id))


@routes.post("/api/ashby/applications/{id}/assessments")
async def start(request: web.Request) -> web.Response:
    """Starts an assessment."""
    given = await read_body(request, StartForm)
    wanted = assessments.StartRequest(
        parse_uuid("partner", given.partner_id),
        given.assessment_type_id,
        given.additional_fields,
        None if given.user_id is None else parse_uuid("user", given.user_id),
    )
    answer, assessment = await assessments.start(request.app[ASHBY], _application_id(request), wanted)
    return respond({**answer, "assessment": describe_assessment(assessment)})


@routes.get("/api/ashby/assessments")
async def list_assessments(request: web.Request) -> web.Response:
    """Lists assessments, by application, candidate and state."""
    wanted = {name: request.query.get(name) for name in ("application_id", "candidate_id", "state")}
    shown = [describe_assessment(one) for one in request.app[ASHBY].assessments.all()]
    return respond_list([one for one in shown if all(text in (None, "", one[name]) for name, text in wanted.items())])


@routes.get("/api/ashby/assessments/{id}")
async def get_assessment(request: web.Request) -> web.Response:
    """Returns an assessment; with ``state`` and ``wait`` once it has that state or the time is over."""
    ashby, assessment_id = request.app[ASHBY], parse_uuid("assessment", request.match_info["id"])
    state, wait = request.query.get("state"), get_query_seconds(request, "wait", LONGEST_WAIT_S)
    ashby.assessments.get(assessment_id)
    if state and wait:
        await ashby.kernel.changes.wait_until(lambda: ashby.assessments.get(assessment_id).state == state, wait)
    return respond(describe_assessment(ashby.assessments.get(assessment_id)))


@routes.post("/api/ashby/assessments/{id}/cancel")
async def cancel(request: web.Request) -> web.Response:
    """Cancels an assessment at the partner."""
    await read_body(request, Body)
    assessment_id = parse_uuid("assessment", request.match_info["id"])
    answer, assessment = await assessments.cancel(request.app[ASHBY], assessment_id)
    return respond({**answer, "assessment": describe_assessment(assessment)})


def _application_id(request: web.Request) -> int:
    return parse_uuid("application", request.match_info["id"])
