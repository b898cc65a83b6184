"""Customers of Ashby: users, jobs, candidates and applications."""

from __future__ import annotations

from typing import Any

from greenroom_sandbox.ashby.model import Application, Candidate, Job, Organization, TeamMember, User
from greenroom_sandbox.ashby.state import Ashby
from greenroom_sandbox.errors import Refused

PEOPLE = [
    (1, "Amina", "Haddad", "amina.haddad@example.test"),
    (1, "Zoë", "Nguyễn-O'Neill", "zoe.n@example.test"),
    (1, "Tomás", "Rivera", "tomas.rivera@example.test"),
    (2, "Ingrid", "Solberg", "ingrid.solberg@example.test"),
    (3, "Kenji", "Mori", "kenji.mori@example.test"),
]


def plant(ashby: Ashby) -> None:
    """Adds the seed companies to empty tables."""
    for name in ("Juniper Labs", "Sable Systems"):
        add_organization(ashby, name)
    add_user(ashby, 1, "Rosa", "Recruiter", "rosa.recruiter@juniper.example")
    add_user(ashby, 1, "Hal", "Hiring", "hal.hiring@juniper.example")
    add_user(ashby, 2, "Sven", "Sourcer", "sven.sourcer@sable.example")
    team = [TeamMember(user_id=2, role="Hiring Manager"), TeamMember(user_id=1, role="Recruiter")]
    add_job(ashby, 1, "Platform Engineer", "ENG-7", team)
    add_job(ashby, 1, "Support Engineer", None, team[1:])
    add_job(ashby, 2, "Data Analyst", None, [TeamMember(user_id=3, role="Sourcer")])
    for job_id, first_name, last_name, email in PEOPLE:
        add_candidate(ashby, job_id, {"first_name": first_name, "last_name": last_name, "email": email})


def add_organization(ashby: Ashby, name: str) -> Organization:
    """Adds a customer."""
    return ashby.organizations.save(Organization(id=ashby.organizations.next_id(), name=name))


def add_user(ashby: Ashby, organization_id: int, first_name: str, last_name: str, email: str) -> User:
    """Adds a user to a customer."""
    ashby.organizations.get(organization_id)
    names = {"first_name": first_name, "last_name": last_name, "email": email}
    return ashby.users.save(User(id=ashby.users.next_id(), organization_id=organization_id, **names))


def add_job(ashby: Ashby, organization_id: int, name: str, req_id: str | None, team: list[TeamMember]) -> Job:
    """Opens a job. Raises: `Refused` for a member of the team that another customer has."""
    ashby.organizations.get(organization_id)
    if any(ashby.users.get(member.user_id).organization_id != organization_id for member in team):
        raise Refused("must be users of the same organization", "hiring_team")
    values: dict[str, Any] = {"name": name, "req_id": req_id, "hiring_team": team}
    return ashby.jobs.save(Job(id=ashby.jobs.next_id(), organization_id=organization_id, **values))


def add_candidate(ashby: Ashby, job_id: int, values: dict[str, Any]) -> tuple[Candidate, Application]:
    """Adds a candidate with an active application for a job."""
    job = ashby.jobs.get(job_id)
    candidate = Candidate(id=ashby.candidates.next_id(), organization_id=job.organization_id, **values)
    application = Application(id=ashby.applications.next_id(), candidate_id=candidate.id, job_id=job_id)
    return ashby.candidates.save(candidate), ashby.applications.save(application)


def get_applications(ashby: Ashby, candidate_id: int) -> list[Application]:
    """Returns a candidate's applications, oldest first."""
    return [one for one in ashby.applications.all() if one.candidate_id == candidate_id]
