"""The demo's story, as `make demo` plays it, and its vendor with hostile requests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import httpx2
import pytest
from starlette.testclient import TestClient

from greenroom.demo import vendor as demo_vendor

COMMAND = [sys.executable, "-m", "greenroom", "demo", "--port", "0", "--sandbox-port", "0", "--vendor-port", "0"]


def test_the_story_reaches_the_scored_interview_kit() -> None:
    """Real processes reach the last step, and a script can read the outcome."""
    done = subprocess.run([*COMMAND, "--once", "--json"], capture_output=True, text=True)

    story = json.loads(done.stdout)
    assert done.returncode == 0, story
    assert story["ok"]
    assert all(step["ok"] for step in story["steps"])
    assert set(story) == {"ok", "steps", "urls", "ids", "keys"}
    assert [step["name"] for step in story["steps"]][-2:] == [
        "Interview kit shows the scored result",
        "The order's flight recorder is complete",
    ]


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
