"""The complete vendor of docs/receivers.md, between a gateway and the simulated Greenhouse."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from greenroom.demo.processes import Processes, first_free

FILE = Path(__file__).parent.parent.parent / "docs" / "examples" / "vendor" / "vendor.py"


def test_a_recruiter_sees_the_vendors_score(tmp_path: Path) -> None:
    """The packages are in the recruiter's dialog, an order reaches the vendor, and its result the interview kit."""
    assert len(FILE.read_text().splitlines()) < 150
    ports = {name: first_free((0,)) for name in ("gateway", "sandbox", "vendor")}
    gateway, sandbox, vendor = (f"http://127.0.0.1:{port}" for port in ports.values())
    with Processes(prefix="greenroom-vendor-") as running, httpx2.Client(timeout=30, verify=False) as client:
        own = {"GREENROOM_PUBLIC_URL": gateway}
        running.start(
            "gateway", "greenroom", "serve", "--port", str(ports["gateway"]), ready="Greenroom: http", extra=own
        )
        running.start(
            "sandbox", "greenroom_sandbox", "--port", str(ports["sandbox"]), ready="Greenhouse simulator: http"
        )
        key = running.run("greenroom", "keys", "create", "--name", "vendor")

        def api(method: str, path: str, content: Any = None) -> Any:
            answer = client.request(method, gateway + path, json=content, auth=(key, ""))
            assert answer.is_success, answer.text
            return answer.json()

        def simulator(method: str, path: str, content: Any = None) -> Any:
            answer = client.request(method, f"{sandbox}/api{path}", json=content)
            assert answer.is_success, answer.text
            return answer.json()

        calls = ("list_tests", "send_test", "test_status", "response_error")
        urls = {f"{call}_url": f"{gateway}/external-trigger/greenhouse/{call}?tenant-id=acme" for call in calls}
        partner = simulator("POST", "/partners", {"name": "Acme", **urls})
        integration = {
            "tenant_id": "acme",
            "packages_url": f"{vendor}/packages",
            "partner_username": partner["username"],
            "partner_password": partner["password"],
            "callback_hosts": ["127.0.0.1"],
        }
        api("PUT", "/v1/integrations/greenhouse", integration)
        signing = api("GET", "/v1/integrations/greenhouse?reveal=true")["signing_secret"]
        events = {"name": "vendor", "url": f"{vendor}/webhook", "events": ["ats_assessments.created"]}
        secret = api("POST", "/v1/webhooks", events)["secret"]
        environment = {
            **os.environ, "GATEWAY_URL": gateway, "API_KEY": key, "PORT": str(ports["vendor"]),
            "WEBHOOK_SECRET": secret, "SIGNING_SECRET": signing,
        }  # fmt: skip
        log = tmp_path / "vendor.log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, FILE], env=environment, stdout=output, stderr=output)
        try:
            wait_for(client, f"{vendor}/packages", process, log)
            kit = play(api, simulator, partner["id"])
        finally:
            process.terminate()
            process.wait(timeout=30)
        assert "82.5" in str(kit), log.read_text()
        assert "result sent" in log.read_text()


def play(api: Any, simulator: Any, partner: int) -> Any:
    """Links a customer, sends a test as the recruiter, and returns the interview kit with its result."""
    account = api("POST", "/v1/accounts", {"provider": "greenhouse", "origin_owner_id": "1", "origin_owner_name": "H"})
    organization = simulator("GET", "/organizations")["data"][0]["id"]
    job = simulator("GET", f"/jobs?organization_id={organization}")["data"][0]["id"]
    application = simulator("GET", f"/applications?job_id={job}&status=active")["data"][0]["id"]
    token = {"key": account["external_trigger_token"]}
    simulator("PUT", f"/organizations/{organization}/partners/{partner}", token)
    stage = simulator("POST", f"/jobs/{job}/stages", {"kind": "partner", "partner_id": partner})["id"]
    simulator("POST", f"/applications/{application}/move", {"stage_id": stage})
    test = simulator("POST", f"/applications/{application}/send-test", {"test_id": "sql"})["take_home"]["id"]
    simulator("GET", f"/take-homes/{test}?status=received&wait=30")
    return simulator("GET", f"/take-homes/{test}/kit")


def wait_for(client: httpx2.Client, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the vendor answers; it refuses a request that is not signed."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            assert client.post(url).status_code == 401
            return
        except httpx2.ConnectError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
