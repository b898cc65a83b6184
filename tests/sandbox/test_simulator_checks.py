"""The checks of the contract, by number."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from tests.sandbox.conftest import KEY, STATUS, Greenhouse, simulator

ERROR = "Sorry, we encountered an error. Please try again."


async def test_g01_urls_and_credentials_per_partner_one_key_per_customer(connected: Greenhouse) -> None:
    """Query strings are kept, and the password is shown once."""
    partner = await connected.call("GET", f"/partners/{connected.partner_id}")

    assert partner["list_tests_url"] == f"{connected.partner.url}/list_tests?tenant-id=acme"
    assert "password" not in partner
    connection = await connected.call("GET", f"/organizations/101/partners/{connected.partner_id}")
    assert connection == {"organization_id": 101, "partner_id": connected.partner_id, "key_set": True, "key_hint": "…_key", "enabled": True}  # fmt: skip


@pytest.mark.parametrize("key", ["k" * 171, "a:b", "", "a b", "é"])
async def test_g02_a_key_that_greenhouse_could_not_send_is_refused(connected: Greenhouse, key: str) -> None:
    """An invalid key is refused with the name of the field."""
    path = f"/organizations/101/partners/{connected.partner_id}"
    assert (await connected.call("PUT", path, {"key": key}, status=422))["error"]["field"] == "key"
    assert (await connected.call("PUT", path, {"key": "k" * 170}))["key_set"]


async def test_g02_plain_http_is_for_loopback_only(greenhouse: Greenhouse) -> None:
    """Plain http works for loopback hosts, unless the setting says otherwise."""
    urls = dict.fromkeys(
        ("list_tests_url", "send_test_url", "test_status_url", "response_error_url"), "http://x.example.com/"
    )
    refused = await greenhouse.call("POST", "/partners", {"name": "X", **urls}, status=422)
    assert refused["error"]["field"] == "list_tests_url"
    await greenhouse.call("PATCH", "/settings", {"http": "allowed"})
    assert (await greenhouse.call("POST", "/partners", {"name": "X", **urls}, status=201))["name"] == "X"


async def test_g03_every_call_carries_the_key_and_no_password(connected: Greenhouse) -> None:
    """Every call has Basic authentication with the customer's key as user name."""
    take_home = await connected.sent()
    await connected.call("POST", "/applications/26234702/send-test/open", {})
    await connected.call("POST", f"/take-homes/{take_home}/poll")

    expected = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    assert {headers["authorization"] for _, _, headers, _ in connected.partner.requests} == {expected}
    assert [method for method, *_ in connected.partner.requests] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    ("placement", "query"),
    [
        ("last", "/test_status?tenant-id=acme&partner_interview_id=int%2F1"),
        ("first", "/test_status?partner_interview_id=int%2F1&tenant-id=acme"),
        ("naive", "/test_status?tenant-id=acme?partner_interview_id=int%2F1"),
    ],
)
async def test_g04_how_the_id_joins_a_query(connected: Greenhouse, placement: str, query: str) -> None:
    """The interview id is encoded once in each placement."""
    await connected.call("PATCH", "/settings", {"interview_id": placement})
    await connected.call("POST", f"/take-homes/{await connected.sent()}/poll")

    assert [path for _, path, *_ in connected.partner.get_requests("test_status")] == [query]


async def test_g05_the_stage_appears_with_the_key_and_the_dialog_is_live(greenhouse: Greenhouse) -> None:
    """The stage needs a key; a failing list_tests is the recruiter's generic error."""
    options = await greenhouse.call("GET", "/jobs/4001/stage-options")
    assert "partner" not in {option["kind"] for option in options["data"]}
    await greenhouse.connect()
    dialog = await greenhouse.call("POST", "/applications/26234702/send-test/open", {})
    assert dialog["tests"] == [{"partner_test_id": "sql", "partner_test_name": "SQL"}]
    assert (dialog["to"], dialog["message"]) == ("zoe.n@example.test", None)
    greenhouse.partner.replies["list_tests"] = web.Response(status=503)

    dialog = await greenhouse.call("POST", "/applications/26234702/send-test/open", {})

    assert (dialog["ok"], dialog["message"], dialog["reasons"]) == (False, ERROR, ["status 503"])
    del greenhouse.partner.replies["list_tests"]
    assert (await greenhouse.call("POST", "/applications/26234702/send-test/open", {}))["ok"]


async def test_g06_send_test_has_the_documented_fields(connected: Greenhouse) -> None:
    """Missing values are null, and settings remove some fields."""
    await connected.call("POST", "/applications/26234701/move", {"stage_id": connected.stage_id})
    answer = await connected.send(26234701, to="other@example.test")
    body = json.loads(connected.partner.get_requests("send_test")[0][3])

    assert list(body) == ["partner_test_id", "candidate", "application", "sent_by", "url"]
    assert body["candidate"]["email"] == "other@example.test"
    assert body["candidate"]["preferred_name"] is None
    assert (body["candidate"]["id"], body["application"]) == (17681501, {"id": 26234701})
    assert body["url"].endswith(f"/integrations/testing_partners/take_home_tests/{answer['take_home']['id']}")
    assert body["candidate"]["greenhouse_profile_url"].endswith("/people/17681501?application_id=26234701")
    changes = {"send_ids": False, "send_preferred_name": False, "send_sent_by": False, "callback_url": "candidate"}
    await connected.call("PATCH", "/settings", changes)
    await connected.send()
    body = json.loads(connected.partner.get_requests("send_test")[1][3])
    assert set(body) == {"partner_test_id", "candidate"}
    assert "url" in body["candidate"]
    assert "preferred_name" not in body["candidate"]


async def test_g07_every_send_has_an_id_of_its_own(connected: Greenhouse) -> None:
    """A resend has a new id, too."""
    first = await connected.sent()
    again = await connected.call("POST", f"/take-homes/{first}/resend", {})

    assert again["take_home"]["id"] == first + 1
    assert again["take_home"]["resend_of"] == first
    assert again["take_home"]["url"] != (await connected.take_home(first))["url"]


async def test_g08_after_a_good_reply_the_candidate_is_awaited(connected: Greenhouse) -> None:
    """The candidate's page has Greenhouse's texts."""
    page = await connected.call("GET", "/applications/26234702")
    (before,) = [stage["tests"] for stage in page["stages"] if "tests" in stage]
    answer = await connected.send()
    page = await connected.call("GET", "/applications/26234702")
    (after,) = [stage["tests"] for stage in page["stages"] if "tests" in stage]

    assert before["text"] == "Test needs to be sent to candidate"
    assert answer["message"] == "Submitted tests"
    assert after["text"] == "Awaiting candidate's submission. Test last sent Nov 24, 2026"
    assert after["interview_status"] == "sent"


MALFORMED: list[tuple[str, Any]] = [
    ("list_tests", {"tests": []}),
    ("list_tests", [{"partner_test_id": "a"}]),
    ("list_tests", [{"partner_test_id": 1, "partner_test_name": "x"}]),
    ("list_tests", b"not json"),
    ("send_test", {}),
    ("send_test", {"partner_interview_id": None}),
    ("send_test", {"partner_interview_id": 7}),
    ("send_test", []),
    ("test_status", {}),
    ("test_status", {"partner_status": "complete"}),
    ("test_status", {**STATUS, "partner_score": "82"}),
    ("test_status", {**STATUS, "metadata": {"a": [1]}}),
    ("test_status", {**STATUS, "partner_profile_url": "/relative"}),
    ("test_status", b'{"partner_status": "complete", "partner_score": NaN}'),
]


@pytest.mark.parametrize(("call", "reply"), MALFORMED)
async def test_g09_a_malformed_reply_changes_nothing_and_is_reported_once(
    connected: Greenhouse, call: str, reply: Any
) -> None:
    """The report has every known id; for list_tests only the call and the errors."""
    partner = connected.partner
    take_home = await connected.sent() if call == "test_status" else 0
    partner.requests.clear()
    partner.replies[call] = reply
    if call == "list_tests":
        answer = await connected.call("POST", "/applications/26234702/send-test/open", {})
        assert answer["message"] == ERROR
    elif call == "send_test":
        answer = await connected.send()
        assert (answer["ok"], answer["message"], answer["take_home"]["status"]) == (False, ERROR, "failed")
    else:
        answer = await connected.call("POST", f"/take-homes/{take_home}/poll")
        assert (await connected.take_home(take_home))["status"] == "sent"

    (complaint,) = partner.get_requests("response_error")
    body = json.loads(complaint[3])
    assert body["api_call"] == call
    assert body["errors"] == answer["reasons"] != []
    known = {"list_tests": set(), "send_test": {"partner_test_id", "partner_test_name", "candidate_email"}}
    expected = known.get(call, {"partner_test_id", "partner_test_name", "candidate_email", "partner_interview_id"})
    assert set(body) - {"api_call", "errors"} == expected
    del partner.replies[call]
    assert (await connected.send())["ok"]


async def test_g10_nothing_is_reported_about_response_error(connected: Greenhouse) -> None:
    """An error of response_error itself is reported nowhere."""
    connected.partner.replies |= {"list_tests": {}, "response_error": web.Response(status=500)}

    await connected.call("POST", "/applications/26234702/send-test/open", {})

    assert len(connected.partner.get_requests("response_error")) == 1


@pytest.mark.parametrize(
    ("mode", "partner_pair", "org_key"), [("partner", 200, 401), ("org_key", 401, 200), ("either", 200, 200)]
)
async def test_g11_who_may_complete(connected: Greenhouse, mode: str, partner_pair: int, org_key: int) -> None:
    """The setting decides on the credentials; wrong ones are 401, unknown tests 404."""
    await connected.call("PATCH", "/settings", {"completion_auth": mode})
    take_home = await connected.sent()

    assert await connected.complete(take_home) == partner_pair
    assert await connected.complete(take_home, KEY, "") == org_key
    assert await connected.complete(take_home, "nobody", "x") == 401
    good = (None, None) if partner_pair == 200 else (KEY, "")
    assert await connected.complete(999, *good) == 404


@pytest.mark.parametrize("when", ["before_answer", "after_answer", "delayed", "never"])
async def test_g12_the_patch_leads_to_a_status_check(connected: Greenhouse, when: str) -> None:
    """The check runs before the answer, after it, later on the clock, or never."""
    await connected.call("PATCH", "/settings", {"status_check": when})
    take_home = await connected.sent()
    connected.partner.replies["test_status"] = STATUS

    assert await connected.complete(take_home) == 200
    asked = len(connected.partner.get_requests("test_status"))
    if when == "delayed":
        assert asked == 0
        assert (await connected.call("POST", "/clock/advance", {"seconds": 5}))["checked"] == 1
    elif when == "before_answer":
        assert asked == 1
    shown = await connected.call("GET", f"/take-homes/{take_home}?status=received&wait={0 if when == 'never' else 20}")
    assert shown["status"] == ("sent" if when == "never" else "received")


async def test_g13_hourly_polling_on_the_virtual_clock(greenhouse: Greenhouse) -> None:
    """There are 1,344 polls in eight weeks; a failed one is followed by the next."""
    await greenhouse.connect(polling=True)
    take_home = await greenhouse.sent()
    assert (await greenhouse.call("POST", "/clock/advance", {"minutes": 59}))["polled"] == 0
    greenhouse.partner.replies["test_status"] = web.Response(status=500)
    assert (await greenhouse.call("POST", "/clock/advance", {"minutes": 1}))["polled"] == 1
    del greenhouse.partner.replies["test_status"]
    assert (await greenhouse.call("POST", "/clock/advance", {"hours": 2}))["polled"] == 2

    done = await greenhouse.call("POST", "/clock/advance", {"weeks": 9})

    assert done["polled"] == 1344 - 3
    assert (await greenhouse.take_home(take_home))["polling_stopped"] == "eight_weeks"


async def test_g13_polling_ends_with_the_result_or_the_hire(greenhouse: Greenhouse) -> None:
    """A result or a hire ends the polling, and an unhire resumes it."""
    await greenhouse.connect(polling=True)
    first, second = await greenhouse.sent(), await greenhouse.sent()
    await greenhouse.call("POST", "/applications/26234702/hire")
    await greenhouse.call("POST", "/clock/advance", {"hours": 3})
    assert (await greenhouse.take_home(first))["polling_stopped"] == "hired"
    await greenhouse.call("POST", "/applications/26234702/unhire")
    greenhouse.partner.replies["test_status"] = STATUS
    done = await greenhouse.call("POST", "/clock/advance", {"hours": 5})

    assert done["polled"] == 2
    assert {(await greenhouse.take_home(one))["polling_stopped"] for one in (first, second)} == {"complete"}


async def test_g14_the_result_as_people_see_it(connected: Greenhouse) -> None:
    """The rows are verbatim, and final unless later updates are accepted."""
    take_home = await connected.sent()
    connected.partner.replies["test_status"] = STATUS
    await connected.complete(take_home)

    page = await connected.call("GET", "/applications/26234702")
    (tests,) = [stage["tests"] for stage in page["stages"] if "tests" in stage]
    assert [(row["text"], row["link"], row["url"]) for row in tests["rows"]] == [
        ("Codely (score: 82.5)", "Go to test", STATUS["partner_profile_url"])
    ]
    rows = await connected.kit_rows(take_home)
    assert list(rows.items()) == [("Report", "View Report"), ("Score", "82.5"), ("Started At", "09:05 AM"), ("Completed At", "09:51 AM"), ("Notes", "fine"), ("Rank", "3")]  # fmt: skip
    connected.partner.replies["test_status"] = {**STATUS, "partner_score": 90}
    assert await connected.complete(take_home) == 200
    assert (await connected.kit_rows(take_home))["Score"] == "82.5"
    await connected.call("PATCH", "/settings", {"accept_later_updates": True})
    await connected.complete(take_home)
    assert (await connected.kit_rows(take_home))["Score"] == "90"


async def test_g15_no_score_no_metadata_no_private_links(connected: Greenhouse) -> None:
    """A result with a private link is hidden, unless the setting shows it."""
    take_home = await connected.sent()
    connected.partner.replies["test_status"] = {
        "partner_status": "complete",
        "partner_profile_url": "http://localhost/r",
    }
    await connected.complete(take_home)

    seen = await connected.take_home(take_home)
    assert (seen["result_shown"], await connected.kit_rows(take_home)) == (False, {})
    assert "localhost" in seen["not_shown_because"]
    await connected.call("PATCH", "/settings", {"show_private_result_urls": True})
    assert await connected.kit_rows(take_home) == {"Report": "View Report"}
    page = await connected.call("GET", "/applications/26234702")
    assert [stage["tests"]["rows"][0]["text"] for stage in page["stages"] if "tests" in stage] == ["Codely"]


@pytest.mark.parametrize(("action", "back"), [("hire", "unhire"), ("reject", "unreject")])
async def test_g16_no_update_for_a_candidate_who_is_not_active(connected: Greenhouse, action: str, back: str) -> None:
    """The PATCH is accepted; the result shows once the candidate is active again."""
    take_home = await connected.sent()
    connected.partner.replies["test_status"] = STATUS
    await connected.call("POST", f"/applications/26234702/{action}")
    assert await connected.complete(take_home) == 200
    assert (await connected.take_home(take_home))["status"] == "sent"
    await connected.call("POST", f"/applications/26234702/{back}")
    assert await connected.complete(take_home) == 200
    assert (await connected.take_home(take_home))["status"] == "received"


async def test_g16_deleted_merged_anonymised(connected: Greenhouse) -> None:
    """A deleted test is 404; a merged one follows its application."""
    take_home = await connected.sent()
    merged = await connected.call("POST", "/candidates/17681502/merge", {"into": 17681505})
    assert merged["merged_into"] == 17681505
    assert (await connected.take_home(take_home))["candidate_id"] == 17681505
    gone = await connected.call("POST", "/candidates/17681505/anonymize")
    assert (gone["first_name"], gone["last_name"], gone["email"]) == ("Anonymized", "17681505", None)
    await connected.call("POST", "/candidates/17681505/delete")
    assert await connected.complete(take_home) == 404


async def test_g17_bulk_rule_and_schedule(connected: Greenhouse) -> None:
    """A bulk send of a hundred, a stage's rule and a scheduled send all work."""
    made = await connected.call("POST", "/candidates/generate", {"job_id": 4001, "count": 100, "stage_id": connected.stage_id}, status=201)  # fmt: skip
    bulk = await connected.call("POST", f"/stages/{connected.stage_id}/send-tests", {"test_id": "sql", "application_ids": made["application_ids"], "concurrency": 20})  # fmt: skip
    assert (bulk["sent"], bulk["failed"], len(set(bulk["take_homes"]))) == (100, 0, 100)
    await connected.call("PATCH", f"/stages/{connected.stage_id}", {"default_test_id": "sql", "send_on_entry": True})
    moved = await connected.call("POST", "/applications/26234703/move", {"stage_id": connected.stage_id})
    assert moved["rule"]["take_home"]["status"] == "sent"
    later = await connected.send(send_at="2026-11-24T12:00:00Z")
    assert later["take_home"]["status"] == "scheduled"
    assert (await connected.call("POST", "/clock/advance", {"hours": 3}))["sent"] == 1
    assert (await connected.take_home(later["take_home"]["id"]))["sent_at"].startswith("2026-11-24T12:00:00")


async def test_g18_faults_on_its_own_calls(connected: Greenhouse) -> None:
    """Each fault hits as often as its count; then calls work again."""
    for fault, reason in (
        ({"kind": "timeout", "target": "list_tests"}, "no complete reply"),
        ({"kind": "reset", "target": "list_tests"}, "reset"),
    ):
        if fault["kind"] == "timeout":
            fault["seconds"] = 0
        await connected.call("POST", "/faults", {**fault, "count": 1}, status=201)
        answer = await connected.call("POST", "/applications/26234702/send-test/open", {})
        assert reason in answer["reasons"][0]
        assert (await connected.call("POST", "/applications/26234702/send-test/open", {}))["ok"]
    await connected.call("POST", "/faults", {"kind": "wrong_credentials", "count": 1}, status=201)
    await connected.call("POST", "/applications/26234702/send-test/open", {})
    assert connected.partner.requests[-1][2]["authorization"] != connected.partner.requests[-2][2]["authorization"]


async def test_g18_duplicates_and_malformed_sends(connected: Greenhouse) -> None:
    """Duplicated and malformed send_test calls reach the partner as configured."""
    await connected.call("POST", "/faults", {"kind": "duplicate", "count": 1}, status=201)
    assert (await connected.send())["ok"]
    bodies = [body for *_, body in connected.partner.get_requests("send_test")]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    for variant in (
        "invalid_json",
        "empty",
        "array",
        "missing_email",
        "null_email",
        "missing_candidate",
        "missing_test",
    ):
        fault = {"kind": "malformed", "variant": variant, "count": 1}
        await connected.call("POST", "/faults", fault, status=201)
        await connected.send()
        assert connected.partner.get_requests("send_test")[-1][3] != bodies[0]


async def test_g18_faults_of_the_completion_endpoint(connected: Greenhouse) -> None:
    """An error with Retry-After and a reset are followed by an accepted PATCH."""
    take_home = await connected.sent()
    fault = {"kind": "status", "status": 429, "retry_after": 7, "count": 1}
    await connected.call("POST", "/faults", fault, status=201)
    path = f"/integrations/testing_partners/take_home_tests/{take_home}"
    answer = await connected.client.patch(path, auth=(connected.username, connected.password))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    await connected.call("POST", "/faults", {"kind": "reset", "target": "completion", "count": 1}, status=201)
    with pytest.raises(httpx2.TransportError):
        await connected.complete(take_home)
    assert await connected.complete(take_home) == 200


async def test_g18_reordered_replies(greenhouse: Greenhouse) -> None:
    """An older "not yet" that arrives after "complete" changes nothing."""
    await greenhouse.connect(polling=True)
    take_home = await greenhouse.sent()
    await greenhouse.call("POST", "/faults", {"kind": "reorder", "count": 1}, status=201)
    await greenhouse.call("POST", "/clock/advance", {"hours": 1})
    greenhouse.partner.replies["test_status"] = STATUS
    await greenhouse.call("POST", "/clock/advance", {"hours": 1})

    assert (await greenhouse.take_home(take_home))["status"] == "received"


async def test_g19_traffic_with_masked_secrets_reset_and_seed(connected: Greenhouse) -> None:
    """Both directions are logged with masked secrets; a reset restarts the ids."""
    take_home = await connected.sent()
    await connected.complete(take_home)
    exported = await connected.call("GET", f"/traffic/export?take_home_id={take_home}")

    calls = [(one["direction"], one["call"], one["status"], one["verdict"]) for one in exported["data"]]
    assert calls == [
        ("to_partner", "send_test", 200, "ok"),
        ("to_partner", "test_status", 200, "ok"),
        ("from_partner", "completion", 200, "ok"),
    ]
    text = json.dumps(exported)
    for secret in (KEY, connected.password, base64.b64encode(f"{KEY}:".encode()).decode()):
        assert secret not in text
    people = await connected.call("GET", "/candidates")
    await connected.call("POST", "/reset", {"now": "2026-11-24T10:00:00Z"})
    assert (await connected.call("GET", "/traffic"))["data"] == []
    assert await connected.call("GET", "/candidates") == people


async def test_g23_redirects_are_not_followed(connected: Greenhouse) -> None:
    """The simulator calls only the hosts in the partner's URLs."""
    connected.partner.replies["list_tests"] = web.Response(
        status=302, headers={"location": f"{connected.partner.url}/x"}
    )

    answer = await connected.call("POST", "/applications/26234702/send-test/open", {})

    assert answer["reasons"] == ["status 302"]
    assert connected.partner.get_requests("x") == []


async def test_g24_an_integration_from_before_2019(greenhouse: Greenhouse) -> None:
    """The old profile has integer ids, no call-back URL and hourly polls."""
    await greenhouse.connect(polling=True)
    await greenhouse.call("POST", "/settings/profile", {"profile": "old_partner"})
    greenhouse.partner.replies["list_tests"] = [{"partner_test_id": 7, "partner_test_name": "Seven"}]
    greenhouse.partner.replies["send_test"] = {"partner_interview_id": 42}
    assert (await greenhouse.call("POST", "/applications/26234702/send-test/open", {}))["ok"]
    answer = await greenhouse.send(test_id="7")
    body = json.loads(greenhouse.partner.get_requests("send_test")[0][3])
    assert (answer["ok"], body["partner_test_id"], "url" in body) == (True, 7, False)
    greenhouse.partner.replies["test_status"] = STATUS
    await greenhouse.call("POST", "/clock/advance", {"hours": 1})
    assert (await greenhouse.take_home(answer["take_home"]["id"]))["status"] == "received"


async def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    """With a data directory a restarted simulator still knows the sent test."""
    for attempt in range(2):
        async with simulator("--data", str(tmp_path)) as url, httpx2.AsyncClient(base_url=url) as client:
            if attempt == 0:
                body = {"job_id": 4001, "first_name": "Lasting", "last_name": ""}
                assert (await client.post("/api/candidates", json=body)).status_code == 201
            found = (await client.get("/api/candidates?search=lasting")).json()["data"]
            assert [one["id"] for one in found] == [17681508]


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "field"),
    [
        ("POST", "/partners", b"{", 400, None),
        ("POST", "/partners", b"[]", 422, None),
        ("POST", "/partners", b"{}", 422, "name"),
        ("POST", "/partners", b'{"nme": 1}', 422, None),
        ("POST", "/reset", b"x" * (2**20 + 1), 413, None),
        ("GET", "/take-homes/1", b"", 404, None),
        ("GET", "/take-homes/x", b"", 404, "id"),
        ("GET", "/nowhere", b"", 404, None),
        ("DELETE", "/health", b"", 405, None),
        ("POST", "/clock/advance", b'{"hours": -1}', 422, "hours"),
        ("PATCH", "/clock", b'{"now": "0001-01-01T00:00:00+14:00"}', 422, "now"),
        ("POST", "/reset", b'{"now": "9999-12-31T23:59:59-14:00"}', 422, "now"),
        ("POST", "/faults", b'{"kind": "status", "target": "send_test"}', 422, "target"),
        ("GET", "/traffic?verdict=x", b"", 422, "verdict"),
        ("POST", "/applications/26234701/send-test", b'{"test_id": "sql"}', 409, None),
        ("POST", "/candidates", b'{"job_id": 4001, "first_name": "\\ud800", "last_name": ""}', 400, None),
    ],
)
async def test_bad_input_is_named(
    greenhouse: Greenhouse, method: str, path: str, content: bytes, status: int, field: str | None
) -> None:
    """Bad input is answered with a status, the field and a message, never with 5xx."""
    answer = await greenhouse.client.request(method, f"/api{path}", content=content)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert field is None or answer.json()["error"]["field"] == field


async def test_a_reset_that_is_refused_leaves_everything(connected: Greenhouse) -> None:
    """A reset to an impossible time changes nothing."""
    await connected.call("POST", "/reset", {"now": "1999-01-01T00:00:00Z"}, status=422)
    assert (await connected.send())["ok"]


async def test_waiting_for_a_status_ends_when_it_comes(connected: Greenhouse) -> None:
    """The call returns as soon as the test has the status."""
    take_home = await connected.sent()
    connected.partner.replies["test_status"] = STATUS
    waiting = asyncio.create_task(connected.call("GET", f"/take-homes/{take_home}?status=received&wait=30"))
    await asyncio.sleep(0)
    await connected.complete(take_home)

    assert (await waiting)["status"] == "received"
