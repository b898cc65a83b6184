"""A customer's company: jobs, interview plans, candidates and applications."""

from __future__ import annotations

import random
from typing import Any

from greenroom_sandbox.errors import Conflict, Refused
from greenroom_sandbox.greenhouse.model.hiring import Application, Candidate, Job, Organization, Stage, StageKind, User
from greenroom_sandbox.greenhouse.services import hooks
from greenroom_sandbox.greenhouse.world import World

PLAN: list[tuple[StageKind, str]] = [
    ("application_review", "Application Review"),
    ("phone_interview", "Phone Interview"),
    ("face_to_face", "Face to Face"),
    ("offer", "Offer"),
]
KINDS: dict[str, str] = {
    "phone_interview": "Phone Interview",
    "face_to_face": "Face to Face",
    "reference_check": "Reference Check",
    "take_home_test": "Take Home Test",
}
PEOPLE = [
    (101, "Ada", "Okafor", "ada.okafor@example.test"),
    (101, "Zoë", "Nguyễn-O'Neill", "zoe.n@example.test"),
    (101, "Mateo", "Silva", "mateo.silva@example.test"),
    (101, "Priya", "Raman", "priya.raman@example.test"),
    (101, "Björk", "", "bjork@example.test"),
    (101, "Sam", "Lee", "sam.lee@example.test"),
    (102, "Nils", "Berg", "nils.berg@example.test"),
]
FIRST = ["Amara", "Ben", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Iker", "Jun", "Kofi", "Lena"]
LAST = ["Adeyemi", "Baker", "Costa", "Dvořák", "Engel", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kaya"]


def plant(world: World) -> None:
    """Adds the seed companies to empty tables."""
    for name in ("Hemlock & Rye", "Fjord Analytics"):
        world.organizations.save(Organization(id=world.organizations.next_id(), name=name))
    add_user(world, 101, "Rina", "Recruiter", "rina.recruiter@hemlock.example", "recruiter", site_admin=True)
    add_user(world, 101, "Hugo", "Hiring", "hugo.hiring@hemlock.example", "hiring_manager")
    add_user(world, 101, "Greta", "Grader", "greta.grader@hemlock.example", "grader")
    add_user(world, 102, "Ines", "Interview", "ines.interview@fjord.example", "recruiter", site_admin=True)
    jobs = [(101, "Data Engineer"), (101, "Support Specialist"), (102, "Analyst")]
    for organization_id, name in jobs:
        add_job(world, {"organization_id": organization_id, "name": name})
    of_job = [4001, 4001, 4001, 4001, 4002, 4002, 4003]
    for number, ((_, first, last, email), job_id) in enumerate(zip(PEOPLE, of_job, strict=True)):
        sparse = number == 4
        extra = {} if sparse else {"phone_number": f"+44 20 7946 0{number:03d}"}
        resume = {} if sparse else {"resume": f"{first} {last}\n{email}\n\nMade up for the simulator."}
        values = {"job_id": job_id, "first_name": first, "last_name": last, "email": email, **extra, **resume}
        add_candidate(world, values)


def add_user(
    world: World, organization_id: int, first: str, last: str, email: str, role: Any, *, site_admin: bool = False
) -> User:
    """Adds a user to a customer."""
    world.organizations.get(organization_id)
    user_id = world.users.next_id()
    person = {"first_name": first, "last_name": last, "email": email, "role": role, "site_admin": site_admin}
    return world.users.save(User(id=user_id, organization_id=organization_id, **person))


def add_job(world: World, values: dict[str, Any]) -> Job:
    """Opens a job with the usual four stages."""
    world.organizations.get(values["organization_id"])
    job = world.jobs.save(Job(id=world.jobs.next_id(), **values))
    for position, (kind, name) in enumerate(PLAN):
        world.stages.save(Stage(id=world.stages.next_id(), job_id=job.id, name=name, kind=kind, position=position))
    return job


def is_enabled(world: World, organization_id: int, partner_id: int) -> bool:
    """Whether a customer's recruiters may use a partner.

    They may once a key is set and support has enabled the integration.
    """
    found = world.find_connection(organization_id, partner_id)
    return found is not None and found.usable


def stage_options(world: World, job_id: int) -> list[dict[str, Any]]:
    """Returns the choices of the *Add stage* dialog.

    A partner is listed once a key is set and the integration is enabled.
    """
    job = world.jobs.get(job_id)
    options: list[dict[str, Any]] = [
        {"kind": kind, "partner_id": None, "name": name, "description": f"Add a {name.lower()} stage."}
        for kind, name in KINDS.items()
    ]
    for partner in world.partners.all():
        if is_enabled(world, job.organization_id, partner.id):
            description = partner.tagline or f"Send tests through {partner.name}."
            options.append(
                {"kind": "partner", "partner_id": partner.id, "name": partner.name, "description": description}
            )
    return options


def add_stage(
    world: World, job_id: int, kind: StageKind, partner_id: int | None, name: str | None, position: int | None
) -> Stage:
    """Adds a stage, by default before *Offer*.

    Raises: `Conflict` when the partner is not enabled for the customer.
    """
    job = world.jobs.get(job_id)
    title = name or KINDS.get(kind, kind)
    if kind == "partner":
        if partner_id is None:
            raise Refused("is needed for a partner's stage", "partner_id")
        partner = world.partners.get(partner_id)
        if not is_enabled(world, job.organization_id, partner_id):
            raise Conflict(f"{partner.name} is not enabled for this customer", "partner_id")
        title = name or partner.name
    plan = world.get_plan(job_id)
    offer = next((at for at, stage in enumerate(plan) if stage.kind == "offer"), len(plan))
    stage = Stage(
        id=world.stages.next_id(),
        job_id=job_id,
        name=title,
        kind=kind,
        position=0,
        partner_id=partner_id if kind == "partner" else None,
    )
    plan.insert(offer if position is None else max(0, min(position, len(plan))), stage)
    _renumber(world, plan)
    return world.stages.get(stage.id)


def copy_stage(world: World, job_id: int, stage_id: int) -> Stage:
    """Copies a stage of another job with its default test, graders and rule.

    The copy is placed before *Offer*. Raises: `Refused` for a stage of another customer.
    """
    source, job = world.stages.get(stage_id), world.jobs.get(job_id)
    if world.jobs.get(source.job_id).organization_id != job.organization_id:
        raise Refused("is a stage of another customer", "copy_of")
    made = add_stage(world, job_id, source.kind, source.partner_id, source.name, None)
    kept = source.model_dump(include={"default_test_id", "default_test_name", "grader_ids", "send_on_entry"})
    return world.stages.save(made.model_copy(update=kept))


def remove_stage(world: World, stage_id: int) -> None:
    """Removes a stage from its plan.

    Raises: `Conflict` while the stage has candidates or take-homes, or is the last one.
    """
    stage = world.stages.get(stage_id)
    if any(one.stage_id == stage_id and one.status != "deleted" for one in world.applications.all()):
        raise Conflict(f"there are candidates in {stage.name}: move them first")
    if any(test.stage_id == stage_id for test in world.take_homes.all()):
        raise Conflict(f"tests were sent from {stage.name}: it stays with their results")
    if len(world.get_plan(stage.job_id)) == 1:
        raise Conflict("an interview plan has at least one stage")
    world.stages.remove(stage_id)
    _renumber(world, world.get_plan(stage.job_id))


def change_stage(world: World, stage_id: int, changes: dict[str, Any]) -> Stage:
    """Changes a stage; ``position`` moves it within the plan."""
    stage = world.stages.get(stage_id)
    for user_id in changes.get("grader_ids") or []:
        world.users.get(user_id)
    position = changes.pop("position", None)
    if "default_test_id" in changes and stage.partner_id is not None:
        found = world.find_connection(world.jobs.get(stage.job_id).organization_id, stage.partner_id)
        names = found.listed if found else {}
        changes["default_test_name"] = names.get(str(changes["default_test_id"]))
    stage = world.stages.save(stage.model_copy(update=changes))
    if position is not None:
        plan = [one for one in world.get_plan(stage.job_id) if one.id != stage.id]
        plan.insert(max(0, min(position, len(plan))), stage)
        _renumber(world, plan)
    return world.stages.get(stage_id)


def _renumber(world: World, plan: list[Stage]) -> None:
    for position, stage in enumerate(plan):
        world.stages.save(stage.model_copy(update={"position": position}))


def add_candidate(world: World, values: dict[str, Any]) -> tuple[Candidate, Application]:
    """Adds a candidate with an application for a job, by default in its first stage."""
    values = dict(values)
    job = world.jobs.get(values.pop("job_id"))
    stage_id = values.pop("stage_id", None) or world.get_plan(job.id)[0].id
    if world.stages.get(stage_id).job_id != job.id:
        raise Refused("is a stage of another job", "stage_id")
    candidate = world.candidates.save(
        Candidate(id=world.candidates.next_id(), organization_id=job.organization_id, **values)
    )
    application = Application(
        id=world.applications.next_id(),
        candidate_id=candidate.id,
        job_id=job.id,
        stage_id=stage_id,
        stage_since=world.clock.now(),
    )
    world.applications.save(application)
    hooks.enqueue_application(world, "new_candidate_application", application)
    return candidate, application


def change_candidate(world: World, candidate_id: int, changes: dict[str, Any]) -> Candidate:
    """Changes a candidate's details."""
    candidate = world.candidates.save(world.candidates.get(candidate_id).model_copy(update=changes))
    hooks.enqueue_candidate(world, candidate)
    return candidate


def generate_candidates(world: World, job_id: int, count: int, stage_id: int | None) -> dict[str, list[int]]:
    """Adds many candidates with names derived from the seed."""
    names = random.Random(world.seed * 1_000_003 + len(world.candidates))  # noqa: S311 - names, repeatable
    made = []
    with world.transaction():
        for _ in range(count):
            first, last = names.choice(FIRST), names.choice(LAST)
            email = f"candidate{world.candidates.next_id()}@example.test"
            values = {"job_id": job_id, "first_name": first, "last_name": last, "email": email, "stage_id": stage_id}
            made.append(add_candidate(world, values))
    return {
        "candidate_ids": [candidate.id for candidate, _ in made],
        "application_ids": [application.id for _, application in made],
    }


def get_applications(world: World, candidate_id: int) -> list[Application]:
    """Returns a candidate's applications, oldest first."""
    return [one for one in world.applications.all() if one.candidate_id == candidate_id]


def set_status(world: World, application_id: int, *, old: str, new: str) -> Application:
    """Changes an application's status.

    Raises: `Conflict` when the present status is not ``old``.
    """
    application = world.applications.get(application_id)
    if application.status != old:
        raise Conflict(f"the application is {application.status}, not {old}")
    changed = world.applications.save(application.model_copy(update={"status": new}))
    hooks.enqueue_application(world, hooks.OF_STATUS[old, new], changed)
    return changed


def delete_application(world: World, application_id: int) -> Application:
    """Deletes an application and ends the polling of its tests."""
    hooks.enqueue_application(world, "delete_application", world.applications.get(application_id))
    return _end_application(world, application_id)


def _end_application(world: World, application_id: int) -> Application:
    application = world.applications.get(application_id)
    for test in world.get_take_homes(application_id):
        if test.polling_stopped is None:
            world.take_homes.save(
                test.model_copy(update={"polling_stopped": "deleted", "next_poll_at": None, "check_at": None})
            )
    return world.applications.save(application.model_copy(update={"status": "deleted"}))


def delete_candidate(world: World, candidate_id: int) -> Candidate:
    """Deletes a candidate and every application."""
    candidate = world.candidates.get(candidate_id)
    ended = [one.id for one in get_applications(world, candidate_id) if one.status != "deleted"]
    for application_id in ended:
        _end_application(world, application_id)
    hooks.enqueue_deleted(world, candidate, ended)
    return world.candidates.save(candidate.model_copy(update={"status": "deleted"}))


def anonymize(world: World, candidate_id: int) -> Candidate:
    """Removes a candidate's personal data.

    Source: Greenhouse webhooks, candidate_anonymized: last name = id.
    """
    changes: dict[str, Any] = dict.fromkeys(("preferred_name", "email", "phone_number", "resume_url", "resume"))
    changes |= {"first_name": "Anonymized", "last_name": str(candidate_id), "status": "anonymized"}
    candidate = world.candidates.save(world.candidates.get(candidate_id).model_copy(update=changes))
    hooks.enqueue_anonymized(world, candidate)
    return candidate


def merge(world: World, candidate_id: int, into: int) -> Candidate:
    """Merges a candidate into another one.

    An application for a job that the surviving candidate has applied for is deleted.
    """
    candidate, survivor = world.candidates.get(candidate_id), world.candidates.get(into)
    if candidate.id == survivor.id or candidate.organization_id != survivor.organization_id:
        raise Refused("must be another candidate of the same organization", "into")
    jobs = {one.job_id for one in get_applications(world, into) if one.status != "deleted"}
    for application in get_applications(world, candidate_id):
        if application.job_id in jobs:
            delete_application(world, application.id)
            continue
        world.applications.save(application.model_copy(update={"candidate_id": into}))
        for test in world.get_take_homes(application.id):
            world.take_homes.save(test.model_copy(update={"candidate_id": into}))
    hooks.enqueue_merged(world, candidate, into)
    return world.candidates.save(candidate.model_copy(update={"status": "merged", "merged_into": into}))
