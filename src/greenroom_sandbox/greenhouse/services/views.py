"""The candidate's page, the interview kit and the lists, in Greenhouse's words."""

from __future__ import annotations

from typing import Any

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.hiring import Application, Stage
from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.greenhouse.services.company import get_applications
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.wire.address import explain_private


def explain_hidden(world: World, test: TakeHome) -> str | None:
    """Returns why Greenhouse hides a result; None when it is shown or does not exist."""
    if test.result is None or world.settings.show_private_result_urls:
        return None
    return explain_private(test.result.profile_url)


def is_result_shown(world: World, test: TakeHome) -> bool:
    """Whether a test has a result that Greenhouse shows."""
    return test.result is not None and explain_hidden(world, test) is None


def take_home(world: World, test: TakeHome) -> dict[str, Any]:
    """Returns a take-home test as the API shows it."""
    shown = test.model_dump(mode="json", exclude={"held", "check_at", "sender_id"})
    states = {"received": "received", "sent": "sent"}
    shown["interview_status"] = states.get(test.status, "to_be_sent")
    shown["text"] = _text(world, test)
    shown["result_shown"] = is_result_shown(world, test)
    shown["not_shown_because"] = explain_hidden(world, test)
    return shown


def _text(world: World, test: TakeHome) -> str | None:
    if is_result_shown(world, test):
        return texts.scored(world.stages.get(test.stage_id).name, test.result.score if test.result else None)
    if test.sent_at is not None:
        return texts.awaiting(test.sent_at)
    return texts.SCHEDULED if test.status == "scheduled" else texts.TO_BE_SENT


def candidate_page(world: World, application_id: int) -> dict[str, Any]:
    """Returns the candidate's page of one application: stages and partners' tests."""
    application = world.applications.get(application_id)
    candidate = world.candidates.get(application.candidate_id)
    stages = []
    for stage in world.get_plan(application.job_id):
        current = stage.id == application.stage_id
        entry: dict[str, Any] = {"id": stage.id, "name": stage.name, "position": stage.position, "current": current}
        entry["since"] = application.stage_since.isoformat() if current else None
        if stage.partner_id is not None:
            tests = [test for test in world.get_take_homes(application_id) if test.stage_id == stage.id]
            entry["tests"] = _tests(world, stage, tests)
            entry["tests"]["error_exchange_id"] = _failed_exchange(world, tests)
        stages.append(entry)
    return {
        "id": application.id,
        "status": application.status,
        "candidate": {
            **candidate.model_dump(mode="json"),
            "name": candidate.name,
            "application_ids": [one.id for one in get_applications(world, candidate.id)],
        },
        "job": world.jobs.get(application.job_id).model_dump(mode="json"),
        "stage_id": application.stage_id,
        "stages": stages,
    }


def _tests(world: World, stage: Stage, tests: list[TakeHome]) -> dict[str, Any]:
    """Returns a partner's stage on the candidate's page.

    ``tests`` are the take-homes sent from the stage, oldest first.
    """
    shown = [test for test in tests if is_result_shown(world, test)]
    sent = [test for test in tests if test.sent_at is not None]
    rows = [
        {
            "take_home_id": test.id,
            "text": texts.scored(stage.name, test.result.score),
            "score": test.result.score,
            "link": texts.GO_TO_TEST,
            "url": test.result.profile_url,
        }
        for test in shown
        if test.result is not None
    ]
    latest = tests[-1] if tests else None
    graders = [world.users.get(user_id) for user_id in (latest.grader_ids if latest else stage.grader_ids)]
    waiting = texts.awaiting(sent[-1].sent_at) if sent and sent[-1].sent_at else texts.TO_BE_SENT
    return {
        "heading": texts.SUBMITTED_TESTS,
        "interview_status": "received" if shown else "sent" if sent else "to_be_sent",
        "text": None if rows else waiting,
        "rows": rows,
        "link": texts.SEND_TEST,
        "error": texts.ERROR if latest is not None and latest.status == "failed" else None,
        "not_shown_because": explain_hidden(world, latest) if latest else None,
        "graders": [{"id": user.id, "name": user.name} for user in graders],
        "graders_text": None if graders else texts.NO_GRADERS,
        "kit_take_home_id": shown[-1].id if shown else None,
        "take_home_ids": [test.id for test in tests],
    }


def _failed_exchange(world: World, tests: list[TakeHome]) -> int | None:
    """Returns the id of the exchange that made the latest send fail, or None."""
    if not tests or tests[-1].status != "failed":
        return None
    bad = [one.id for one in world.exchanges.all() if one.take_home_id == tests[-1].id and one.verdict != "ok"]
    return bad[0] if bad else None


def pipeline(world: World, job_id: int, stage_id: int | None = None) -> list[dict[str, Any]]:
    """Returns a job's stages with their active candidates.

    In a partner's stage each candidate has the status of the latest test.
    """
    world.jobs.get(job_id)
    sent: dict[tuple[int, int], list[TakeHome]] = {}
    for test in world.take_homes.all():
        sent.setdefault((test.application_id, test.stage_id), []).append(test)
    stages = []
    for stage in world.get_plan(job_id):
        if stage_id in (None, stage.id):
            here = [one for one in world.applications.all() if one.stage_id == stage.id and one.status == "active"]
            people = [_in_pipeline(world, stage, one, sent.get((one.id, stage.id), [])) for one in here]
            stages.append({"id": stage.id, "name": stage.name, "partner_id": stage.partner_id, "candidates": people})
    return stages


def _in_pipeline(world: World, stage: Stage, application: Application, sent: list[TakeHome]) -> dict[str, Any]:
    person: dict[str, Any] = {"application_id": application.id, "candidate_id": application.candidate_id}
    person["name"] = world.candidates.get(application.candidate_id).name
    person["since"] = application.stage_since.isoformat()
    if stage.partner_id is not None:
        tests = _tests(world, stage, sent)
        person |= {"status": texts.NEXT[tests["interview_status"]], "error": tests["error"]}
        person["score"] = tests["rows"][-1]["score"] if tests["rows"] else None
    return person


def stage_kit(world: World, application_id: int, stage_id: int) -> dict[str, Any]:
    """Returns the kit of the shown result, else of the latest test, else an empty one."""
    application, stage = world.applications.get(application_id), world.stages.get(stage_id)
    if stage.job_id != application.job_id:
        raise Refused("is a stage of another job", "stage_id")
    tests = [test for test in world.get_take_homes(application_id) if test.stage_id == stage_id]
    for test in reversed([one for one in tests if is_result_shown(world, one)] or tests):
        return kit(world, test)
    return _kit(world, application.candidate_id, stage) | {"sent_by": None, "text": texts.NO_REPORT, "rows": []}


def kit(world: World, test: TakeHome) -> dict[str, Any]:
    """Returns a test's interview kit, the tab *Grading Instructions*.

    The rows are Report, Score and the metadata, verbatim and in order.
    """
    rows: list[dict[str, Any]] = []
    if test.result is not None and is_result_shown(world, test):
        url = test.result.profile_url
        rows.append({"label": "Report", "value": url, "text": texts.VIEW_REPORT, "url": url})
        pairs = [("Score", test.result.score)] if test.result.score is not None else []
        rows += [
            {"label": label, "value": value, "text": texts.value(value), "url": None}
            for label, value in [*pairs, *test.result.metadata.items()]
        ]
    sender = world.users.get(test.sender_id).name
    return {
        **_kit(world, test.candidate_id, world.stages.get(test.stage_id)),
        "sent_by": f"Sent by {sender} on {texts.day(test.sent_at)}" if test.sent_at else None,
        "text": None if rows else texts.NO_REPORT,
        "rows": rows,
    }


def _kit(world: World, candidate_id: int, stage: Stage) -> dict[str, Any]:
    return {
        "job": world.jobs.get(stage.job_id).name,
        "stage": stage.name,
        "tabs": texts.KIT_TABS,
        "title": f"{stage.name} Report for {world.candidates.get(candidate_id).name}",
    }


def jobs(world: World, organization_id: int, search: str) -> list[dict[str, Any]]:
    """Returns a customer's jobs by a part of the name.

    Each has the number of its active candidates.
    """
    active = [one.job_id for one in world.applications.all() if one.status == "active"]
    return [
        {"job": job, "candidates": active.count(job.id)}
        for job in world.jobs.all()
        if job.organization_id == organization_id and search.casefold() in job.name.casefold()
    ]


def people(world: World, organization_id: int, search: str) -> list[dict[str, Any]]:
    """Returns a customer's candidates by a part of name or e-mail address.

    Each has the job and stage of every application.
    """
    places: dict[int, list[dict[str, Any]]] = {}
    for one in world.applications.all():
        if one.status != "deleted":
            place = {"job": world.jobs.get(one.job_id).name, "stage": world.stages.get(one.stage_id).name}
            places.setdefault(one.candidate_id, []).append({"application": one, **place})
    return [
        {"candidate": one, "applications": places.get(one.id, [])}
        for one in world.candidates.all()
        if one.organization_id == organization_id
        and one.status in ("present", "anonymized")
        and search.casefold() in f"{one.name} {one.email or ''}".casefold()
    ]
