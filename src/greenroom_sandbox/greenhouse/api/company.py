"""The calls for organizations, users, jobs, stages and candidates."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.model.hiring import Candidate, Organization, Role, StageKind
from greenroom_sandbox.greenhouse.services import company, sending, views
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http.reading import Body, get_number, get_query_number, read_body, respond, respond_list

#: a name that is not empty or white space; the last name may be ""
Name = Annotated[str, Field(min_length=1, pattern=r"\S")]

routes = web.RouteTableDef()


class NewOrganization(Body):
    """A customer to add."""

    name: Name


class NewUser(Body):
    """A user to add."""

    organization_id: int
    first_name: Name
    last_name: str
    email: str
    role: Role = "recruiter"
    site_admin: bool = False


class UserChange(Body):
    """Fields of a user to change."""

    first_name: Name = ""
    last_name: str = ""
    email: str = ""
    role: Role = "recruiter"
    site_admin: bool = False
    deactivated: bool = False


class NewJob(Body):
    """A job to open."""

    organization_id: int
    name: Name
    requisition_id: str | None = None
    department: str | None = None
    office: str | None = None


class NewStage(Body):
    """A stage to add: of a kind, or a copy of another job's."""

    kind: StageKind | None = None
    copy_of: int | None = None
    partner_id: int | None = None
    name: str | None = None
    position: int | None = None


class StageChange(Body):
    """Fields of a stage to change."""

    name: Name = ""
    position: int = 0
    default_test_id: str | None = None
    grader_ids: list[int] = Field(default_factory=list)
    send_on_entry: bool = False


class NewCandidate(Body):
    """A candidate to add, with an application."""

    job_id: int
    first_name: Name
    last_name: str
    email: str | None = None
    preferred_name: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    resume: str | None = Field(None, max_length=20_000)
    stage_id: int | None = None


class CandidateChange(Body):
    """Fields of a candidate to change."""

    first_name: Name = ""
    last_name: str = ""
    email: str | None = None
    preferred_name: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    resume: str | None = Field(None, max_length=20_000)


class GenerateForm(Body):
    """The number of candidates to add."""

    job_id: int
    count: int = Field(ge=1, le=5000)
    stage_id: int | None = None


class MergeForm(Body):
    """The candidate that remains after a merge."""

    into: int


def _candidate(world: World, candidate: Candidate) -> dict[str, Any]:
    ids = [one.id for one in company.get_applications(world, candidate.id)]
    return {**candidate.model_dump(mode="json"), "application_ids": ids}


def _job(world: World, job_id: int) -> dict[str, Any]:
    stages = [stage.model_dump(mode="json") for stage in world.get_plan(job_id)]
    return {**world.jobs.get(job_id).model_dump(mode="json"), "stages": stages}


@routes.get("/api/organizations")
async def list_organizations(request: web.Request) -> web.Response:
    """Lists the customers."""
    return respond_list(list(request.app[SIMULATOR].world.organizations.all()))


@routes.post("/api/organizations")
async def add_organization(request: web.Request) -> web.Response:
    """Adds a customer."""
    world, given = request.app[SIMULATOR].world, await read_body(request, NewOrganization)
    return respond(world.organizations.save(Organization(id=world.organizations.next_id(), name=given.name)), 201)


@routes.get("/api/users")
async def list_users(request: web.Request) -> web.Response:
    """Lists the users of one customer or of all."""
    wanted = get_query_number(request, "organization_id")
    found = request.app[SIMULATOR].world.users.all()
    return respond_list([one for one in found if wanted in (None, one.organization_id)])


@routes.post("/api/users")
async def add_user(request: web.Request) -> web.Response:
    """Adds a user."""
    given = await read_body(request, NewUser)
    world = request.app[SIMULATOR].world
    names = given.first_name, given.last_name, given.email
    user = company.add_user(world, given.organization_id, *names, given.role, site_admin=given.site_admin)
    return respond(user, 201)


@routes.patch("/api/users/{id}")
async def change_user(request: web.Request) -> web.Response:
    """Changes a user."""
    world, changes = request.app[SIMULATOR].world, (await read_body(request, UserChange)).get_given()
    return respond(world.users.save(world.users.get(get_number(request)).model_copy(update=changes)))


@routes.get("/api/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """Lists the jobs of one customer or of all."""
    wanted = get_query_number(request, "organization_id")
    found = request.app[SIMULATOR].world.jobs.all()
    return respond_list([one for one in found if wanted in (None, one.organization_id)])


@routes.post("/api/jobs")
async def add_job(request: web.Request) -> web.Response:
    """Opens a job with the usual four stages."""
    world = request.app[SIMULATOR].world
    job = company.add_job(world, (await read_body(request, NewJob)).model_dump())
    return respond(_job(world, job.id), 201)


@routes.get("/api/jobs/{id}")
async def get_job(request: web.Request) -> web.Response:
    """Returns a job with its interview plan."""
    return respond(_job(request.app[SIMULATOR].world, get_number(request)))


@routes.get("/api/jobs/{id}/stage-options")
async def stage_options(request: web.Request) -> web.Response:
    """Returns the choices of the *Add stage* dialog."""
    return respond_list(company.stage_options(request.app[SIMULATOR].world, get_number(request)))


@routes.post("/api/jobs/{id}/stages")
async def add_stage(request: web.Request) -> web.Response:
    """Adds a stage."""
    given = await read_body(request, NewStage)
    world = request.app[SIMULATOR].world
    if given.copy_of is not None:
        return respond(company.copy_stage(world, get_number(request), given.copy_of), 201)
    if given.kind is None:
        raise Refused("is required", "kind")
    stage = company.add_stage(world, get_number(request), given.kind, given.partner_id, given.name, given.position)
    return respond(stage, 201)


@routes.patch("/api/stages/{id}")
async def change_stage(request: web.Request) -> web.Response:
    """Changes a stage."""
    changes = (await read_body(request, StageChange)).get_given()
    return respond(company.change_stage(request.app[SIMULATOR].world, get_number(request), changes))


@routes.delete("/api/stages/{id}")
async def remove_stage(request: web.Request) -> web.Response:
    """Removes a stage from its plan."""
    company.remove_stage(request.app[SIMULATOR].world, get_number(request))
    return respond({"ok": True})


@routes.get("/api/jobs/{id}/pipeline")
async def pipeline(request: web.Request) -> web.Response:
    """Returns a job's candidates by stage, with the status of their tests."""
    world = request.app[SIMULATOR].world
    return respond_list(views.pipeline(world, get_number(request), get_query_number(request, "stage_id")))


@routes.post("/api/stages/{id}/tests")
async def stage_tests(request: web.Request) -> web.Response:
    """Opens *Edit Take Home Test*: calls the partner's ``list_tests``."""
    return respond(await sending.stage_tests(request.app[SIMULATOR], get_number(request)))


@routes.get("/api/candidates")
async def list_candidates(request: web.Request) -> web.Response:
    """Lists the candidates of one customer or of all, by a part of the name."""
    wanted, search = get_query_number(request, "organization_id"), request.query.get("search", "").casefold()
    world = request.app[SIMULATOR].world
    found = [one for one in world.candidates.all() if wanted in (None, one.organization_id)]
    return respond_list([_candidate(world, one) for one in found if search in one.name.casefold()])


@routes.post("/api/candidates")
async def add_candidate(request: web.Request) -> web.Response:
    """Adds a candidate with an application."""
    world = request.app[SIMULATOR].world
    candidate, _ = company.add_candidate(world, (await read_body(request, NewCandidate)).model_dump())
    return respond(_candidate(world, candidate), 201)


@routes.post("/api/candidates/generate")
async def generate(request: web.Request) -> web.Response:
    """Adds many candidates with applications."""
    given = await read_body(request, GenerateForm)
    world = request.app[SIMULATOR].world
    return respond(company.generate_candidates(world, given.job_id, given.count, given.stage_id), 201)


@routes.get("/api/candidates/{id}")
async def get_candidate(request: web.Request) -> web.Response:
    """Returns a candidate."""
    world = request.app[SIMULATOR].world
    return respond(_candidate(world, world.candidates.get(get_number(request))))


@routes.patch("/api/candidates/{id}")
async def change_candidate(request: web.Request) -> web.Response:
    """Changes a candidate's details."""
    world, changes = request.app[SIMULATOR].world, (await read_body(request, CandidateChange)).get_given()
    return respond(_candidate(world, company.change_candidate(world, get_number(request), changes)))


@routes.post("/api/candidates/{id}/delete")
async def delete_candidate(request: web.Request) -> web.Response:
    """Deletes a candidate."""
    world = request.app[SIMULATOR].world
    return respond(_candidate(world, company.delete_candidate(world, get_number(request))))


@routes.post("/api/candidates/{id}/anonymize")
async def anonymize(request: web.Request) -> web.Response:
    """Removes a candidate's personal data."""
    world = request.app[SIMULATOR].world
    return respond(_candidate(world, company.anonymize(world, get_number(request))))


@routes.post("/api/candidates/{id}/merge")
async def merge(request: web.Request) -> web.Response:
    """Merges a candidate into another one."""
    world, given = request.app[SIMULATOR].world, await read_body(request, MergeForm)
    return respond(_candidate(world, company.merge(world, get_number(request), given.into)))
