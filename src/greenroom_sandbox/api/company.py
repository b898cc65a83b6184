"""Organizations, users, jobs, stages, candidates."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, query_number, shown
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.hiring import Candidate, Organization, Role, StageKind
from greenroom_sandbox.services import company, sending, views
from greenroom_sandbox.world import World

routes = web.RouteTableDef()


class NewOrganization(Body):
    """A customer."""

    name: str = Field(min_length=1)


class NewUser(Body):
    """Somebody who works there."""

    organization_id: int
    first_name: str
    last_name: str
    email: str
    role: Role = "recruiter"
    site_admin: bool = False


class UserChange(Body):
    """Fields of somebody to change."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    role: Role = "recruiter"
    site_admin: bool = False
    deactivated: bool = False


class NewJob(Body):
    """An opening."""

    organization_id: int
    name: str = Field(min_length=1)
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

    name: str = ""
    position: int = 0
    default_test_id: str | None = None
    grader_ids: list[int] = Field(default_factory=list)
    send_on_entry: bool = False


class NewCandidate(Body):
    """A person with an application."""

    job_id: int
    first_name: str
    last_name: str
    email: str | None = None
    preferred_name: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    resume: str | None = Field(None, max_length=20_000)
    stage_id: int | None = None


class CandidateChange(Body):
    """Fields of a person to change."""

    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    preferred_name: str | None = None
    phone_number: str | None = None
    resume_url: str | None = None
    resume: str | None = Field(None, max_length=20_000)


class Generated(Body):
    """How many people to add."""

    job_id: int
    count: int = Field(ge=1, le=5000)
    stage_id: int | None = None


class Survivor(Body):
    """Who stays after a merge."""

    into: int


def _candidate(world: World, candidate: Candidate) -> dict[str, Any]:
    ids = [one.id for one in company.applications_of(world, candidate.id)]
    return {**candidate.model_dump(mode="json"), "application_ids": ids}


def _job(world: World, job_id: int) -> dict[str, Any]:
    stages = [stage.model_dump(mode="json") for stage in world.plan(job_id)]
    return {**world.jobs.get(job_id).model_dump(mode="json"), "stages": stages}


@routes.get("/api/organizations")
async def list_organizations(request: web.Request) -> web.Response:
    """Every customer."""
    return listed(list(request.app[SIMULATOR].world.organizations.all()))


@routes.post("/api/organizations")
async def add_organization(request: web.Request) -> web.Response:
    """A new customer."""
    world, given = request.app[SIMULATOR].world, await body(request, NewOrganization)
    return shown(world.organizations.save(Organization(id=world.organizations.next_id(), name=given.name)), 201)


@routes.get("/api/users")
async def list_users(request: web.Request) -> web.Response:
    """People, of one customer or all."""
    wanted = query_number(request, "organization_id")
    found = request.app[SIMULATOR].world.users.all()
    return listed([one for one in found if wanted in (None, one.organization_id)])


@routes.post("/api/users")
async def add_user(request: web.Request) -> web.Response:
    """Somebody new."""
    given = await body(request, NewUser)
    world = request.app[SIMULATOR].world
    names = given.first_name, given.last_name, given.email
    user = company.add_user(world, given.organization_id, *names, given.role, site_admin=given.site_admin)
    return shown(user, 201)


@routes.patch("/api/users/{id}")
async def change_user(request: web.Request) -> web.Response:
    """Changes what somebody is or may."""
    world, changes = request.app[SIMULATOR].world, (await body(request, UserChange)).given()
    return shown(world.users.save(world.users.get(number(request)).model_copy(update=changes)))


@routes.get("/api/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """Jobs, of one customer or all."""
    wanted = query_number(request, "organization_id")
    found = request.app[SIMULATOR].world.jobs.all()
    return listed([one for one in found if wanted in (None, one.organization_id)])


@routes.post("/api/jobs")
async def add_job(request: web.Request) -> web.Response:
    """A new job with the usual four stages."""
    world = request.app[SIMULATOR].world
    job = company.add_job(world, (await body(request, NewJob)).model_dump())
    return shown(_job(world, job.id), 201)


@routes.get("/api/jobs/{id}")
async def get_job(request: web.Request) -> web.Response:
    """A job with its plan."""
    return shown(_job(request.app[SIMULATOR].world, number(request)))


@routes.get("/api/jobs/{id}/stage-options")
async def stage_options(request: web.Request) -> web.Response:
    """The *Add stage* dialog."""
    return listed(company.stage_options(request.app[SIMULATOR].world, number(request)))


@routes.post("/api/jobs/{id}/stages")
async def add_stage(request: web.Request) -> web.Response:
    """Adds a stage."""
    given = await body(request, NewStage)
    world = request.app[SIMULATOR].world
    if given.copy_of is not None:
        return shown(company.copy_stage(world, number(request), given.copy_of), 201)
    if given.kind is None:
        raise Refused("is required", "kind")
    stage = company.add_stage(world, number(request), given.kind, given.partner_id, given.name, given.position)
    return shown(stage, 201)


@routes.patch("/api/stages/{id}")
async def change_stage(request: web.Request) -> web.Response:
    """Changes a stage."""
    changes = (await body(request, StageChange)).given()
    return shown(company.change_stage(request.app[SIMULATOR].world, number(request), changes))


@routes.delete("/api/stages/{id}")
async def remove_stage(request: web.Request) -> web.Response:
    """Takes a stage out of the plan."""
    company.remove_stage(request.app[SIMULATOR].world, number(request))
    return shown({"ok": True})


@routes.get("/api/jobs/{id}/pipeline")
async def pipeline(request: web.Request) -> web.Response:
    """The job's candidates by stage, with the state of each one's test."""
    world = request.app[SIMULATOR].world
    return listed(views.pipeline(world, number(request), query_number(request, "stage_id")))


@routes.post("/api/stages/{id}/tests")
async def stage_tests(request: web.Request) -> web.Response:
    """The *Edit Take Home Test* dialog: the partner's tests, now."""
    return shown(await sending.stage_tests(request.app[SIMULATOR], number(request)))


@routes.get("/api/candidates")
async def list_candidates(request: web.Request) -> web.Response:
    """People, of one customer or all, by a part of the name."""
    wanted, search = query_number(request, "organization_id"), request.query.get("search", "").casefold()
    world = request.app[SIMULATOR].world
    found = [one for one in world.candidates.all() if wanted in (None, one.organization_id)]
    return listed([_candidate(world, one) for one in found if search in one.name.casefold()])


@routes.post("/api/candidates")
async def add_candidate(request: web.Request) -> web.Response:
    """Somebody applies."""
    world = request.app[SIMULATOR].world
    candidate, _ = company.add_candidate(world, (await body(request, NewCandidate)).model_dump())
    return shown(_candidate(world, candidate), 201)


@routes.post("/api/candidates/generate")
async def generate(request: web.Request) -> web.Response:
    """Many people apply."""
    given = await body(request, Generated)
    world = request.app[SIMULATOR].world
    return shown(company.generate_candidates(world, given.job_id, given.count, given.stage_id), 201)


@routes.get("/api/candidates/{id}")
async def get_candidate(request: web.Request) -> web.Response:
    """One person."""
    world = request.app[SIMULATOR].world
    return shown(_candidate(world, world.candidates.get(number(request))))


@routes.patch("/api/candidates/{id}")
async def change_candidate(request: web.Request) -> web.Response:
    """Corrects a person's details."""
    world, changes = request.app[SIMULATOR].world, (await body(request, CandidateChange)).given()
    return shown(_candidate(world, company.change_candidate(world, number(request), changes)))


@routes.post("/api/candidates/{id}/delete")
async def delete_candidate(request: web.Request) -> web.Response:
    """Deletes a person."""
    world = request.app[SIMULATOR].world
    return shown(_candidate(world, company.delete_candidate(world, number(request))))


@routes.post("/api/candidates/{id}/anonymize")
async def anonymize(request: web.Request) -> web.Response:
    """Removes what identifies a person."""
    world = request.app[SIMULATOR].world
    return shown(_candidate(world, company.anonymize(world, number(request))))


@routes.post("/api/candidates/{id}/merge")
async def merge(request: web.Request) -> web.Response:
    """Merges a duplicate."""
    world, given = request.app[SIMULATOR].world, await body(request, Survivor)
    return shown(_candidate(world, company.merge(world, number(request), given.into)))
