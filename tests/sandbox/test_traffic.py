"""The traffic log: broken rules, curl commands, replays and limits."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Any

import pytest
from aiohttp import web

from greenroom_sandbox import kernel as limits
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.model.wire import Exchange
from tests.sandbox.conftest import KEY, STATUS, Greenhouse, open_dialog

BROKEN: list[tuple[str, Any, list[str]]] = [
    ("list_tests", b"nonsense", ["reply.json"]),
    ("list_tests", {}, ["list_tests.array"]),
    ("list_tests", [1], ["list_tests.item"]),
    ("list_tests", [{"partner_test_id": 1}, {}], ["list_tests.partner_test_id", "list_tests.partner_test_name"]),
    ("list_tests", web.Response(status=500), ["status.2xx"]),
    ("send_test", [], ["send_test.object"]),
    ("send_test", {"partner_interview_id": 1}, ["send_test.partner_interview_id"]),
    ("test_status", 1, ["test_status.object"]),
    ("test_status", {"partner_status": None}, ["test_status.partner_status"]),
    ("test_status", {"partner_status": "complete"}, ["test_status.partner_profile_url"]),
    (
        "test_status",
        {**STATUS, "partner_score": "1", "metadata": {"a": {}}},
        ["test_status.partner_score", "test_status.metadata"],
    ),
]


@pytest.mark.parametrize(("call", "reply", "rules"), BROKEN)
async def test_the_rule_that_a_reply_broke(connected: Greenhouse, call: str, reply: Any, rules: list[str]) -> None:
    """Every rule's name is in the list of rules, and a good reply breaks none."""
    take_home = await connected.sent()
    connected.partner.replies[call] = reply
    await open_dialog(connected)
    await connected.send()
    await connected.call("POST", f"/take-homes/{take_home}/poll")

    exchange = (await connected.call("GET", f"/traffic?call={call}"))["data"][-1]
    assert exchange["rules"] == rules
    known = {rule["rule"] for rule in (await connected.call("GET", "/rules"))["data"]}
    assert set(rules) <= known
    del connected.partner.replies[call]
    await connected.call("DELETE", "/traffic")
    await open_dialog(connected)
    await connected.sent()
    await connected.call("POST", f"/take-homes/{take_home}/poll")
    assert [one["rules"] for one in (await connected.call("GET", "/traffic"))["data"]] == [[], [], []]


async def test_an_injected_fault_breaks_no_rule(connected: Greenhouse) -> None:
    """An exchange with an injected fault names no broken rule."""
    await connected.inject("reset", target="list_tests")
    await open_dialog(connected)
    (exchange,) = (await connected.call("GET", "/traffic"))["data"]
    assert (exchange["verdict"], exchange["fault"], exchange["rules"]) == ("failed", "reset", [])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl to run it with")
async def test_a_request_as_curl_is_the_same_request(connected: Greenhouse) -> None:
    """The command sends the same bytes and contains no secret."""
    body = {"first_name": 'O\'Hara "$HOME" `id`\n', "last_name": "\\ 雪", "email": "o@example.test"}
    made = await connected.call("POST", "/candidates", {"job_id": 4001, "stage_id": connected.stage_id, **body})
    answer = await connected.send(made["application_ids"][0])
    await connected.complete(answer["take_home"]["id"])
    before = {call: connected.partner.get_requests(call)[-1] for call in ("send_test", "test_status")}
    environment = {"API_KEY": KEY, "PARTNER_USERNAME": connected.username, "PARTNER_PASSWORD": connected.password}
    log = (await connected.call("GET", "/traffic"))["data"]
    assert [one["call"] for one in log] == ["send_test", "test_status", "completion"]

    for exchange in log:
        command = (await connected.client.get(f"/api/traffic/{exchange['id']}/curl")).text
        assert not {KEY, connected.password} & set(command.split())
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert b"200 OK" in (await shell.communicate())[0]

    for call, (method, path, headers, sent) in before.items():
        again = connected.partner.get_requests(call)[-1]
        assert (method, path, sent) == (again[0], again[1], again[3])
        assert headers["authorization"] == again[2]["authorization"]
    assert (await connected.call("GET", "/traffic?call=completion"))["data"][-1]["status"] == 200


async def test_a_call_is_repeated(connected: Greenhouse) -> None:
    """A replay sends the same bytes and changes nothing; a second id is remarked on."""
    take_home = await connected.sent()
    (sent,) = (await connected.call("GET", "/traffic"))["data"]

    again = await connected.call("POST", f"/traffic/{sent['id']}/replay", {}, status=201)

    first, second = connected.partner.get_requests("send_test")
    assert (first[0], first[1], first[3]) == (second[0], second[1], second[3])
    assert first[2]["authorization"] == second[2]["authorization"]
    assert (again["replay_of"], again["verdict"], again["id"]) == (sent["id"], "ok", sent["id"] + 1)
    assert again["remarks"] == ["the same send_test got another partner_interview_id: int/2"]
    assert (await connected.take_home(take_home))["partner_interview_id"] == "int/1"
    connected.partner.replies["send_test"] = {"partner_interview_id": "int/1"}
    assert (await connected.call("POST", f"/traffic/{sent['id']}/replay"))["remarks"] == []
    connected.partner.replies["send_test"] = {}
    again = await connected.call("POST", f"/traffic/{sent['id']}/replay")
    assert (again["verdict"], again["rules"]) == ("malformed", ["send_test.partner_interview_id"])
    assert connected.partner.get_requests("response_error") == []


async def test_calls_that_cannot_be_repeated(connected: Greenhouse) -> None:
    """The partner's own calls and calls with a removed key are refused."""
    await connected.complete(await connected.sent())
    log = (await connected.call("GET", "/traffic"))["data"]
    (completion,) = [one for one in log if one["direction"] == "from_partner"]
    refused = await connected.call("POST", f"/traffic/{completion['id']}/replay", {}, status=409)
    assert "own calls" in refused["error"]["message"]
    await connected.call("DELETE", f"/organizations/101/partners/{connected.partner_id}")
    refused = await connected.call("POST", f"/traffic/{log[0]['id']}/replay", {}, status=409)
    assert "no key" in refused["error"]["message"]
    assert len(connected.partner.get_requests("send_test")) == 1
    await connected.call("POST", "/traffic/999999/replay", {}, status=404)


async def test_a_long_body_is_cut_and_not_repeated(connected: Greenhouse) -> None:
    """The log says that the body is cut, also with multi-byte characters."""
    body = {"first_name": "雪" * 30_000, "last_name": "", "email": "long@example.test"}
    made = await connected.call("POST", "/candidates", {"job_id": 4001, "stage_id": connected.stage_id, **body})
    await connected.send(made["application_ids"][0])
    (exchange,) = (await connected.call("GET", "/traffic"))["data"]
    assert exchange["request_cut"] is True
    assert len(connected.partner.get_requests("send_test")[0][3]) > 90_000
    assert "the whole body" in (await connected.call("POST", "/traffic/1/replay", {}, status=409))["error"]["message"]
    assert (await connected.client.get("/api/traffic/1/curl")).text.startswith("# the log has the first 65536 bytes")


def test_the_log_stays_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest exchanges above either limit are removed, and ids go on."""
    monkeypatch.setattr(limits, "MOST_EXCHANGES", 10)
    monkeypatch.setattr(limits, "MOST_LOGGED_CHARACTERS", 100)
    world = World(Journal(None))

    def kept(body: str, times: int) -> list[int]:
        for _ in range(times):
            about: dict[str, Any] = {"id": 0, "at": world.clock.now(), "direction": "to_partner", "call": "send_test"}
            ids: dict[str, Any] = dict.fromkeys(("partner_id", "organization_id", "take_home_id"))
            call = {"method": "POST", "url": "http://x/", "request_headers": {}, "request_body": body}
            world.log_exchange(Exchange(**about, **ids, **call))
        return [exchange.id for exchange in world.exchanges.all()]

    assert kept("x", 15) == list(range(6, 16))
    assert kept("x" * 40, 3) == [17, 18]
    world.clear_traffic()
    assert kept("x" * 60, 1) == [19]
    assert json.dumps(kept("", 5)) == "[19, 20, 21, 22, 23, 24]"
