"""The demo's story, as `make demo` plays it, and its vendor with hostile requests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from greenroom.demo import story as demo
from greenroom.demo import vendor as demo_vendor
from greenroom.demo.play import STORIES
from greenroom.demo.processes import Ports, Processes, first_free

COMMAND = [sys.executable, "-m", "greenroom", "demo", "--port", "0", "--sandbox-port", "0", "--vendor-port", "0"]


@pytest.mark.parametrize(
    ("options", "scored"),
    [
        ([], "Interview kit shows the scored result"),
        (["--ats", "ashby"], "Candidate's page shows the scored result"),
    ],
)
def test_the_story_reaches_the_scored_result(options: list[str], scored: str) -> None:
    """Real processes reach the last step, and a script can read the outcome."""
    done = subprocess.run([*COMMAND, *options, "--once", "--json"], capture_output=True, text=True)

    story = json.loads(done.stdout)
    assert done.returncode == 0, story
    assert story["ok"]
    assert all(step["ok"] for step in story["steps"])
    assert set(story) == {"ok", "steps", "urls", "ids", "keys"}
    assert [step["name"] for step in story["steps"]][-2:] == [scored, "The order's flight recorder is complete"]


def test_it_keeps_serving_until_it_is_stopped() -> None:
    """The links work afterwards; one signal ends all processes with status 0."""
    with subprocess.Popen([*COMMAND, "--json"], stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        story = json.loads(process.stdout.readline())
        kit = story["steps"][-2]["url"]
        with urllib.request.urlopen(kit) as answer:
            rows = dict(re.findall(r"<dt>(.*?)</dt><dd>(?:<a.*?>)?(.*?)<", answer.read().decode()))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0

    assert (rows["Report"], rows["Score"]) == ("View Report", "82.5")
    assert "/sign-in/" in story["urls"]["sign_in"]
    for url in story["urls"].values():
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url)


def test_the_vendor_gets_webhooks_of_the_same_shape_from_every_ats() -> None:
    """Every ATS's order has the same keys, and neither side objects to a call of the other."""
    bodies = {name: play_and_record(name) for name in STORIES}

    for body in bodies.values():
        assert set(body.pop("raw_event")) == {"body"}  # the ATS's own request, which no two ATSs share
    assert_same_shape(bodies["ashby"], bodies["greenhouse"])


def play_and_record(name: str) -> dict[str, Any]:
    """Plays a story, and returns the body of the order's webhook as a second endpoint of the vendor receives it."""
    ports = Ports(gateway=first_free((0,)), sandbox=first_free((0,)), vendor=first_free((0,)))
    with record_requests() as (url, received), Processes(ports) as processes:
        story = demo.Story(processes, STORIES[name], quiet=True)
        for _, step in story.ats.steps:
            step(story)
            if step is demo.add_webhook:
                hook = {"name": "Recorder", "url": url, "events": ["ats_assessments.created"]}
                story.api.call("POST", "/v1/webhooks", hook)
        demo.until(lambda: bool(received), "the webhook at the recorder")
        exchanges = story.simulator.call("GET", "/traffic")["data"]
    assert {exchange["verdict"] for exchange in exchanges} == {"ok"}
    assert [exchange["problems"] + exchange["remarks"] for exchange in exchanges if exchange["ats"] == "ashby"] == (
        [[], [], []] if name == "ashby" else []
    )
    return received[0]


@contextmanager
def record_requests() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Runs a server that accepts every POST; yields its URL and the bodies so far."""
    received: list[dict[str, Any]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", received
        finally:
            server.shutdown()
            thread.join()


def assert_same_shape(one: object, other: object, path: str = "body") -> None:
    """Asserts that two bodies have the same keys at every level; null may stand for an object or an array."""
    if one is None or other is None:
        return
    assert isinstance(one, dict) == isinstance(other, dict), path
    assert isinstance(one, list) == isinstance(other, list), path
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_same_shape(one[key], other[key], f"{path}.{key}")
    if isinstance(one, list) and isinstance(other, list):
        for number, (mine, yours) in enumerate(zip(one, other, strict=False)):
            assert_same_shape(mine, yours, f"{path}[{number}]")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-signature": "garbage", "webhook-id": "x", "webhook-timestamp": "1"},
        {"webhook-signature": "v1,a,b", "webhook-id": "x", "webhook-timestamp": "1"},
        {"webhook-signature": "v1,%%%", "webhook-id": "x", "webhook-timestamp": "99999999999"},
        {"webhook-signature": "v1,AAAA", "webhook-id": "x", "webhook-timestamp": "x"},
    ],
)
@pytest.mark.parametrize("path", ["/webhook", "/packages"])
def test_the_vendor_refuses_unsigned_requests(path: str, headers: dict[str, str]) -> None:
    """Any headers without a valid signature are answered 401, never 500."""
    client = TestClient(demo_vendor.app)
    assert client.post(path, content=b"\xff{}", headers=headers).status_code == 401
