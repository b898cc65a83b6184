"""Recruiting webhooks: configuration, events and delivery attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.model.hiring import Application, Candidate
from greenroom_sandbox.greenhouse.model.hook import Action, Hook, HookDelivery
from greenroom_sandbox.greenhouse.services.harvest import format_time
from greenroom_sandbox.greenhouse.simulator import Simulator
from greenroom_sandbox.greenhouse.wire import hooks as wire
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.wire.address import check_partner_url

MOST_DELIVERIES = 2_000
OF_STATUS: dict[tuple[str, str], Action] = {
    ("active", "hired"): "hire_candidate",
    ("hired", "active"): "unhire_candidate",
    ("active", "rejected"): "reject_candidate",
    ("rejected", "active"): "unreject_candidate",
}
#: Greenhouse's names of the fields that `company.anonymize` empties
ANONYMIZED = ["full_name", "email_addresses", "phone_numbers", "attachments"]


async def configure(simulator: Simulator, hook_id: int | None, values: dict[str, Any]) -> Hook:
    """Creates or changes a webhook and pings it.

    It is enabled only when the ping is answered 200.
    """
    world = simulator.world
    if "url" in values:
        check_partner_url("url", values["url"], world.settings.http)
    reserved = [name for name in values.get("headers") or {} if name.lower() in wire.RESERVED]
    if reserved:
        raise Refused(f"may not have {reserved[0]}: Greenhouse sets it itself", "headers")
    if hook_id is None:
        world.organizations.get(values["organization_id"])
        hook = Hook(id=world.hooks.next_id(), **values)
    else:
        hook = world.hooks.get(hook_id).model_copy(update=values)
    world.hooks.save(hook.model_copy(update={"enabled": False}))
    described = {"id": hook.id, "name": hook.name, "url": hook.url, "action": hook.action}
    pinged = await simulator.deliver(hook, world.generate_secret(24), wire.encode("ping", {"web_hook": described}))
    return world.hooks.save(world.hooks.get(hook.id).model_copy(update={"enabled": hook.enabled and pinged}))


def remove(world: World, hook_id: int) -> None:
    """Removes a webhook and its deliveries."""
    for delivery in get_deliveries(world, world.hooks.get(hook_id).id):
        world.deliveries.remove(delivery.id)
    world.hooks.remove(hook_id)


def get_deliveries(world: World, hook_id: int) -> list[HookDelivery]:
    """Returns a webhook's deliveries, oldest first."""
    return [one for one in world.deliveries.all() if one.hook_id == hook_id]


async def attempt(simulator: Simulator, delivery_id: int) -> None:
    """Makes one delivery attempt.

    A failure schedules the next attempt; after the seventh the delivery is `failed`.
    """
    world = simulator.world
    delivery = world.deliveries.find(delivery_id)
    if delivery is None:  # the webhook was removed in the meantime
        return
    hook = world.hooks.get(delivery.hook_id)
    changes: dict[str, Any] = {"attempts": delivery.attempts + 1, "next_at": None}
    if await simulator.deliver(hook, delivery.event_id, delivery.body):
        changes["state"] = "delivered"
    elif delivery.attempts < len(wire.WAITS):
        changes["next_at"] = world.clock.now() + timedelta(minutes=wire.WAITS[delivery.attempts])
    else:
        changes["state"] = "failed"
    if world.deliveries.find(delivery_id) is not None:
        world.deliveries.save(delivery.model_copy(update=changes))


def enqueue_application(world: World, action: Action, application: Application) -> None:
    """Enqueues an application's event."""
    organization_id = world.jobs.get(application.job_id).organization_id
    if action == "delete_application":
        _enqueue(world, organization_id, action, {"application": _deleted(application)})
    else:
        _enqueue(world, organization_id, action, {"application": _application(world, application)})


def enqueue_candidate(world: World, candidate: Candidate) -> None:
    """Enqueues ``update_candidate``."""
    _enqueue(world, candidate.organization_id, "update_candidate", {"candidate": _candidate(candidate)})


def enqueue_anonymized(world: World, candidate: Candidate) -> None:
    """Enqueues ``candidate_anonymized``."""
    payload = {"candidate_id": candidate.id, "anonymized_fields": ANONYMIZED}
    _enqueue(world, candidate.organization_id, "candidate_anonymized", payload)


def enqueue_deleted(world: World, candidate: Candidate, application_ids: list[int]) -> None:
    """Enqueues ``delete_candidate`` with the applications that were deleted."""
    person = {**_person(candidate), "deleted_application_ids": application_ids}
    _enqueue(world, candidate.organization_id, "delete_candidate", {"person": person})


def enqueue_merged(world: World, candidate: Candidate, into: int) -> None:
    """Enqueues ``merge_candidate``, or ``delete_candidate`` when no webhook has it."""
    payload = {"person": {**_person(candidate), "new_candidate_id": into}}
    if not _enqueue(world, candidate.organization_id, "merge_candidate", payload):
        enqueue_deleted(world, candidate, [])


def _enqueue(world: World, organization_id: int, action: Action, payload: dict[str, Any]) -> bool:
    """Creates a delivery for every enabled webhook of this event.

    Also removes the oldest ended deliveries above the limit. Returns whether there was such a webhook.
    """
    subscribed = False
    for hook in world.hooks.all():
        if hook.enabled and (hook.organization_id, hook.action) == (organization_id, action):
            subscribed = True
            made = HookDelivery(
                id=world.deliveries.next_id(),
                hook_id=hook.id,
                event_id=world.generate_secret(24),
                action=action,
                body=wire.encode(action, payload),
                next_at=world.clock.now(),
            )
            world.deliveries.save(made)
    ended = [one.id for one in world.deliveries.all() if one.next_at is None]
    for delivery_id in ended[: max(0, len(world.deliveries) - MOST_DELIVERIES)]:
        world.deliveries.remove(delivery_id)
    return subscribed


def _application(world: World, application: Application) -> dict[str, Any]:
    job, stage = world.jobs.get(application.job_id), world.stages.get(application.stage_id)
    candidate = world.candidates.get(application.candidate_id)
    interview = {
        "id": stage.id,
        "name": stage.name,
        "status": _interview_status(world, application),
        "interviewers": [],
    }
    return {
        "id": application.id,
        "rejected_at": format_time(application.updated_at) if application.status == "rejected" else None,
        "prospect": False,
        "status": application.status,
        "applied_at": format_time(application.created_at),
        "last_activity_at": format_time(application.updated_at),
        "source": None,
        "credited_to": None,
        "rejection_reason": None,
        "rejection_details": None,
        "current_stage": {"id": stage.id, "name": stage.name, "interviews": [interview]},
        "custom_fields": {},
        "candidate": _candidate(candidate),
        "jobs": [
            {
                "id": job.id,
                "name": job.name,
                "requisition_id": job.requisition_id,
                "notes": None,
                "confidential": False,
                "job_post_id": None,
                "status": "open",
                "created_at": format_time(job.created_at),
                "opened_at": format_time(job.created_at),
                "closed_at": None,
                "departments": [],
                "offices": [],
                "custom_fields": {},
            }
        ],
    }


def _interview_status(world: World, application: Application) -> str:
    stage = world.stages.get(application.stage_id)
    if stage.kind not in ("partner", "take_home_test"):
        return "to_be_scheduled"
    tests = [test for test in world.get_take_homes(application.id) if test.stage_id == stage.id]
    if any(test.result is not None for test in tests):
        return "received"
    return "sent" if any(test.sent_at is not None for test in tests) else "to_be_sent"


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "first_name": candidate.first_name,
        "last_name": candidate.last_name,
        "title": None,
        "company": None,
        "created_at": format_time(candidate.created_at),
        "external_id": None,
        "photo_url": None,
        "is_private": False,
        "can_email": True,
        "phone_numbers": [{"value": candidate.phone_number, "type": "mobile"}] if candidate.phone_number else [],
        "email_addresses": [{"value": candidate.email, "type": "personal"}] if candidate.email else [],
        "addresses": [],
        "website_addresses": [],
        "social_media_addresses": [],
        "educations": [],
        "employments": [],
        "recruiter": None,
        "coordinator": None,
        "attachments": [],
        "tags": [],
        "custom_fields": {},
    }


def _person(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "first_name": candidate.first_name,
        "last_name": candidate.last_name,
        "company": None,
        "title": None,
        "created_at": format_time(candidate.created_at),
        "headline": None,
        "is_private": False,
        "recruiter_user_id": None,
        "coordinator_user_id": None,
        "can_email": True,
    }


def _deleted(application: Application) -> dict[str, Any]:
    return {
        "id": application.id,
        "candidate_id": application.candidate_id,
        "job_id": application.job_id,
        "created_at": format_time(application.created_at),
        "source_id": None,
        "candidate_rejection_reason_id": None,
        "rejection_note_id": None,
        "rejected_at": format_time(application.updated_at) if application.status == "rejected" else None,
        "referrer_id": None,
        "prospect": False,
        "rejected_by_user_id": None,
    }
