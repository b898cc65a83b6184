"""Faults: how often they hit, that runs repeat, and that calls work afterwards."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from aiohttp import web

from tests.sandbox.conftest import Greenhouse, open_dialog


async def open_dialogs(greenhouse: Greenhouse, times: int) -> list[bool]:
    """Opens the dialog several times and returns whether each call worked."""
    return [(await open_dialog(greenhouse))["ok"] for _ in range(times)]


async def test_a_fault_skips_calls_then_hits_and_ends(connected: Greenhouse) -> None:
    """A fault stays in the list with its counts until it is removed."""
    await connected.inject("timeout", target="list_tests", seconds=0, skip=2, count=3)

    assert await open_dialogs(connected, 7) == [True, True, False, False, False, True, True]
    (fault,) = (await connected.call("GET", "/faults"))["data"]
    assert (fault["count"], fault["hits"], fault["seen"]) == (0, 3, 5)
    await connected.call("DELETE", f"/faults/{fault['id']}")
    assert (await connected.call("GET", "/faults"))["data"] == []


async def test_a_probable_fault_is_repeatable_by_seed(greenhouse: Greenhouse) -> None:
    """The same seed gives the same hits; another seed gives others."""

    async def run(seed: int) -> list[bool]:
        await greenhouse.call("POST", "/reset", {"seed": seed, "now": "2026-11-24T10:00:00Z"})
        await greenhouse.connect()
        await greenhouse.inject("timeout", target="list_tests", seconds=0, probability=0.5, count=None)
        return await open_dialogs(greenhouse, 30)

    first = await run(7)
    assert 5 < first.count(False) < 25
    assert await run(7) == first
    assert await run(8) != first
    await greenhouse.call("DELETE", "/faults")
    assert all(await open_dialogs(greenhouse, 10))


async def test_a_reset_clears_faults(connected: Greenhouse) -> None:
    """A reset removes the faults, and their ids start again."""
    assert (await connected.inject("reset"))["id"] == 1
    await connected.call("POST", "/reset", {})
    assert (await connected.call("GET", "/faults"))["data"] == []
    assert (await connected.inject("reset"))["id"] == 1


async def test_wrong_credentials_are_in_the_log(connected: Greenhouse) -> None:
    """The recruiter gets the usual error, and the next call has the right key."""
    await connected.inject("wrong_credentials", target="send_test")
    connected.partner.replies["send_test"] = web.Response(status=401)
    assert (await connected.send())["reasons"] == ["status 401"]
    del connected.partner.replies["send_test"]
    assert (await connected.send())["ok"]
    sent = (await connected.call("GET", "/traffic?call=send_test"))["data"]
    assert [(one["fault"], one["verdict"]) for one in sent] == [("wrong_credentials", "failed"), (None, "ok")]


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_the_same_send_test_twice(connected: Greenhouse, seconds: float) -> None:
    """Both calls have the same body; the first id counts, a second one is a remark."""
    await connected.inject("duplicate", seconds=seconds)
    answer = await connected.send()
    bodies = [body for *_, body in connected.partner.get_requests("send_test")]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    sent = (await connected.call("GET", "/traffic?call=send_test"))["data"]
    assert {one["fault"] for one in sent} == {"duplicate"}
    assert sum(bool(one["remarks"]) for one in sent) == 1
    ids = {json.loads(one["reply_body"])["partner_interview_id"] for one in sent if not one["remarks"]}
    assert ids == {answer["take_home"]["partner_interview_id"]}
    await connected.send()
    assert len(connected.partner.get_requests("send_test")) == 3


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
async def test_the_completion_endpoint_answers_the_injected_status(connected: Greenhouse, status: int) -> None:
    """The fault's status is answered without a status check; the next PATCH works."""
    take_home = await connected.sent()
    await connected.inject("status", status=status, retry_after=3)
    path = f"/integrations/testing_partners/take_home_tests/{take_home}"

    answer = await connected.client.patch(path, auth=(connected.username, connected.password))

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    assert ("location" in answer.headers) == (status == 302)
    assert connected.partner.get_requests("test_status") == []
    assert await connected.complete(take_home) == 200
    log = (await connected.call("GET", "/traffic?call=completion"))["data"]
    assert [(one["status"], one["fault"]) for one in log] == [(status, "status"), (200, None)]


async def test_the_completion_endpoint_does_not_answer(connected: Greenhouse) -> None:
    """The connection closes without an answer, and the exchange has no status."""
    take_home = await connected.sent()
    await connected.inject("timeout", target="completion", seconds=0)
    with pytest.raises(httpx2.TransportError):
        await connected.complete(take_home)
    assert await connected.complete(take_home) == 200
    log = (await connected.call("GET", "/traffic?call=completion"))["data"]
    assert [(one["status"], one["fault"]) for one in log] == [(None, "timeout"), (200, None)]


async def resume_url(connected: Greenhouse) -> str:
    await connected.sent()
    url: str = json.loads(connected.partner.get_requests("send_test")[-1][3])["candidate"]["resume_url"]
    return url


async def test_a_resume_opens_for_a_week(connected: Greenhouse) -> None:
    """A link is valid for seven days of the virtual clock; a changed link never is."""
    url = await resume_url(connected)
    found = await connected.client.get(url)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/pdf")
    assert found.content.startswith(b"%PDF-")
    assert (await connected.client.get(url.replace("17681502", "17681501"))).status_code == 403
    await connected.call("POST", "/clock/advance", {"days": 6, "hours": 23})
    assert (await connected.client.get(url)).status_code == 200
    await connected.call("POST", "/clock/advance", {"hours": 1})
    gone = await connected.client.get(url)
    assert (gone.status_code, gone.text) == (403, "the link has expired")


async def test_an_expired_resume_is_sent_by_a_fault(connected: Greenhouse) -> None:
    """The fault's link has expired; the link of the next send is valid."""
    await connected.inject("expired_resume")
    assert (await connected.client.get(await resume_url(connected))).status_code == 403
    assert (await connected.client.get(await resume_url(connected))).status_code == 200
    await connected.inject("status", target="resume", status=503)
    url = await resume_url(connected)
    assert [(await connected.client.get(url)).status_code for _ in range(2)] == [503, 200]


async def test_resume_urls(connected: Greenhouse) -> None:
    """A given URL is sent unchanged, a text is served as a PDF, no résumé is null."""
    for given, expected in (
        ({"resume_url": "https://cv.example/1"}, "https://cv.example/1"),
        ({"resume": "Lena (Engineer) \\ ✓"}, "/resumes/"),
        ({}, None),
    ):
        person = {"job_id": 4001, "first_name": "Lena", "last_name": "", "email": "l@example.test"}
        made: Any = await connected.call("POST", "/candidates", {**person, **given, "stage_id": connected.stage_id})
        await connected.send(made["application_ids"][0])
        sent = json.loads(connected.partner.get_requests("send_test")[-1][3])["candidate"]["resume_url"]
        assert sent == expected if expected is None else expected in sent
        if "resume" in given:
            assert (await connected.client.get(sent)).status_code == 200
            await connected.call("POST", f"/candidates/{made['id']}/anonymize")
            assert (await connected.client.get(sent)).status_code == 404


async def test_polling_is_switched_on_and_off(greenhouse: Greenhouse) -> None:
    """Nothing is asked while it is off; on again, the polls of the next hours come."""
    await greenhouse.connect(polling=True)
    await greenhouse.sent()
    assert (await greenhouse.call("POST", "/clock/advance", {"hours": 2}))["polled"] == 2
    await greenhouse.call("PATCH", f"/partners/{greenhouse.partner_id}", {"polling": False})
    assert (await greenhouse.call("POST", "/clock/advance", {"days": 2}))["polled"] == 0
    await greenhouse.call("PATCH", f"/partners/{greenhouse.partner_id}", {"polling": True})
    assert (await greenhouse.call("POST", "/clock/advance", {"hours": 3}))["polled"] == 3
