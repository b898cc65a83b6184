"""Each receiver of docs/receivers.md takes a request that the gateway signed, and refuses any other."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from greenroom.demo.processes import first_free
from greenroom.security.signatures import webhook_headers

FOLDER = Path(__file__).parent.parent.parent / "docs" / "examples" / "receivers"
BODY = '{"event":"ats_assessments.created","record_id":"ord_1","event_data":{"first_name":"Zoë"}}'.encode()
#: the program of each receiver, and the arguments that run it; the first start compiles where there is a compiler
RUNS = {
    "receiver.py": [sys.executable, "receiver.py"],
    "receiver.js": ["node", "receiver.js"],
    "receiver.go": ["go", "run", "receiver.go"],
    "Receiver.java": ["java", "Receiver.java"],
    "receiver.rb": ["ruby", "receiver.rb"],
    "receiver.php": ["php", "-S", "127.0.0.1:{port}", "receiver.php"],
}


def new_secret() -> str:
    """Returns a webhook secret."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def needs(program: str) -> None:
    """Skips the test where a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if program == "ruby" and subprocess.run(["ruby", "-e", "require 'webrick'"], capture_output=True).returncode:
        pytest.skip("the gem webrick is not installed")


@contextmanager
def running(name: str, secret: str, log: Path) -> Iterator[str]:
    """Runs a receiver and yields its address once it accepts connections."""
    port = first_free((0,))
    command = [argument.format(port=port) for argument in RUNS[name]]
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret, "GO111MODULE": "off"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=FOLDER, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until = time.monotonic() + 120  # a compiler on a busy machine
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        os.killpg(process.pid, 15)  # `go run` has a child
        process.wait(timeout=30)


@pytest.mark.parametrize("name", RUNS)
def test_it_takes_what_the_gateway_signed_and_nothing_else(name: str, tmp_path: Path) -> None:
    """
    204 for a genuine event, also under a rotated secret and a second time; 401 for any other request.

    The event is handled once.
    """
    needs(RUNS[name][0])
    secret, older, other = new_secret(), new_secret(), new_secret()
    now = int(time.time())

    def sign(*live: str, at: int = now) -> dict[str, str]:
        return webhook_headers(event_id="evt_1", sent_at=at, body=BODY, secrets=live)

    log = tmp_path / "log"
    with running(name, secret, log) as url, httpx2.Client(timeout=30, trust_env=False, verify=False) as client:

        def post(headers: dict[str, str], body: bytes = BODY) -> int:
            return client.post(url, content=body, headers=headers).status_code

        assert post(sign(secret)) == 204
        assert post(sign(secret)) == 204
        assert post(sign(older, secret)) == 204
        assert post(sign(other)) == 401
        assert post(sign(secret), BODY.replace(b"ord_1", b"ord_2")) == 401
        assert post(sign(secret, at=now - 3600)) == 401
        assert post({**sign(secret), "webhook-id": "evt_2"}) == 401
        assert post({**sign(secret), "webhook-timestamp": "soon"}) == 401
        assert post({}) == 401
    if name != "receiver.php":  # its events are kept in a database that the example leaves to the reader
        assert log.read_text().count("received") == 1
