"""The recipes of the docs, run against one gateway and one simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from playwright.sync_api import Error, Page, expect, sync_playwright

from greenroom.demo.processes import Ports, Processes, first_free
from greenroom.security.signatures import webhook_headers
from greenroom.web import hub_snippets
from tests.docs.recipes import BIN, Stage, find_blocks
from tests.interop.sdk import HERE as SDK
from tests.support.tools import find_chromium, missing_chromium, missing_node, need, npm_install


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One gateway and one simulator for all recipes; each has a project of its own."""
    ports = {one: first_free((0,)) for one in (8000, 8100, 9000)}
    own = Ports(gateway=ports[8000], sandbox=ports[8100], vendor=ports[9000])
    with Processes(own, prefix="greenroom-recipes-") as running:
        running.start("gateway", "greenroom", "serve", "--port", str(ports[8000]), ready="Greenroom: http")
        running.start("sandbox", "greenroom_sandbox", "--port", str(ports[8100]), ready="Greenhouse simulator: http")
        yield Stage(running, ports)


def test_a_background_check_from_order_to_report(stage: Stage, tmp_path: Path) -> None:
    """The kit has the report's fields; the second order, without consent, has its outcome."""
    page = "recipes/background-checks.md"
    _, *steps = find_blocks(page, "sh")
    port = str(stage.ports[9000])
    stage.running.start("listen", "greenroom", "listen", "--project", "checks", "--port", port, ready="Listening on")
    said = stage.run(*steps, folder=tmp_path)

    assert "accepted\ninvited\nin_progress\n" in said
    assert said.count("received\n") == 2
    assert "acknowledged\n" in said
    assert "Identity confirmed. Both employers confirmed." in said
    assert "The candidate did not consent." in said
    assert "https://clearway.example.com/reports/2" in said
    heard = stage.running.log("listen")
    assert heard.count('"event": "ats_background_checks.created"') == 2
    assert "signature ok" in heard


def apply_diff(diff: str) -> str:
    """Returns the code after a change."""
    return "\n".join(line[1:] for line in diff.splitlines() if not line.startswith("-"))


def test_a_client_moves_over_from_stackone(stage: Stage, tmp_path: Path) -> None:
    """The steps run; the changed client lists packages, and the changed receiver accepts a signed event alone."""
    need(missing_node())
    npm_install(SDK)
    page = "from-stackone.md"
    client, receiver, hook, component = (apply_diff(one) for one in find_blocks(page, "diff"))
    said = stage.run(*find_blocks(page, "sh"), 'echo "key=$API_KEY"', folder=tmp_path)
    key = re.findall(r"key=(\S+)", said)[-1]
    secret = re.findall(r"whsec_[^\"]+", said)[0]
    account = httpx2.get(f"{stage.gateway}/accounts", auth=(key, ""), verify=False).json()[0]["id"]
    program = f"""{client}
    const answer = await stackone.ats.listAssessmentsPackages({{ xAccountId: {account!r} }});
    console.log(JSON.stringify(answer));"""
    (tmp_path / "node_modules").symlink_to(SDK / "node_modules")
    (tmp_path / "client.mjs").write_text(program)
    environment = {**os.environ, "GATEWAY_URL": stage.gateway, "API_KEY": key}
    done = subprocess.run(
        ["node", "client.mjs"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert '"id":"sql"' in done.stdout, done.stderr

    own: dict[str, object] = {}
    exec(receiver.replace('os.environ["WEBHOOK_SECRET"]', repr(secret)), own)
    body = b'{"event":"ats_assessments.created"}'
    is_genuine = own["is_genuine"]
    assert callable(is_genuine)
    headers = webhook_headers(event_id="evt_1", sent_at=1, body=body, secrets=[secret])
    assert is_genuine(body, headers)
    assert not is_genuine(body + b" ", headers)

    shown = hub_snippets.render(url="https://greenroom.example.com", script="/hub/v1/connect.js", integrity="")["page"]
    assert hook.strip() in shown[1].code
    assert "".join(component.split()) in "".join(shown[2].code.split())


@pytest.mark.browser
@pytest.mark.parametrize(("language", "command"), [("python", [sys.executable, "app.py"]), ("js", ["node", "app.mjs"])])
def test_a_customer_links_an_account_in_the_embedded_hub(
    stage: Stage, tmp_path: Path, language: str, command: list[str]
) -> None:
    """In a browser, with either backend; the page hears of the account, and so does the webhook."""
    need(missing_chromium() or missing_node())
    page = "recipes/embed-the-hub.md"
    (program,), (index,) = find_blocks(page, language), find_blocks(page, "html")
    (tmp_path / command[1]).write_text(program)
    (tmp_path / "index.html").write_text(index)
    stage.ports[3000] = port = first_free((0,))
    allow, _, subscribe = (one.replace("localhost:3000", f"localhost:{port}") for one in find_blocks(page, "sh"))
    allow = allow.replace("--project hub", f"--project hub-{language}")
    said = stage.run(allow, subscribe, 'echo "key=$API_KEY"', folder=tmp_path)
    key = re.findall(r"key=(\S+)", said)[-1]
    integration = {"tenant_id": f"hub-{language}", "package_id": "sql"}
    url = f"{stage.gateway}/v1/integrations/greenhouse"
    assert httpx2.put(url, json=integration, auth=(key, ""), verify=False).is_success
    environment = {**os.environ, "GATEWAY_URL": stage.gateway, "API_KEY": key, "PORT": str(port)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
            tab = browser.new_page()
            open_when_ready(tab, f"http://localhost:{port}/", process)
            tab.get_by_role("button", name="Link your ATS").click()
            hub = tab.frame_locator("iframe")
            hub.get_by_role("button", name="Connect").click()
            hub.get_by_role("button", name="Done").click()
            expect(tab.get_by_role("status")).to_have_text("Linked: greenhouse")
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
    accounts = httpx2.get(f"{stage.gateway}/accounts?status=active", auth=(key, ""), verify=False).json()
    assert [one["origin_owner_id"] for one in accounts] == ["cust_1042"]


def open_when_ready(tab: Page, url: str, process: subprocess.Popen[bytes]) -> None:
    """Opens a page of a server that is starting."""
    for _ in range(600):
        assert process.poll() is None
        try:
            tab.goto(url)
            return
        except Error:
            tab.wait_for_timeout(50)
    raise AssertionError(f"{url} is not served")


def test_the_react_component_is_the_dashboards() -> None:
    """tests/interop/hub runs it with the official package."""
    (code,) = find_blocks("recipes/embed-the-hub.md", "jsx")
    shown = hub_snippets.render(url="https://greenroom.example.com", script="/hub/v1/connect.js", integrity="")["page"]
    assert code.strip() == shown[1].code.strip()


def test_the_jobs_of_ci_run(stage: Stage, tmp_path: Path) -> None:
    """Each command but those that install runs, one after another in one shell; both services have the same."""
    need(missing_node())
    page = "sandbox-in-tests.md"
    github, gitlab = (yaml.safe_load(one) for one in find_blocks(page, "yaml"))
    # tests/sandbox/test_pytest_plugin.py runs the page's own suite
    (tmp_path / "test_vendor.py").write_text("def test_it(greenhouse):\n    assert greenhouse.candidate()\n")
    (tmp_path / "vendor.test.mjs").write_text(find_blocks(page, "js")[0])
    port = first_free((0,))
    for name, job in github["jobs"].items():
        commands = [
            one["run"] for one in job["steps"] if "run" in one and "if" not in one and "install" not in one["run"]
        ]
        assert commands == [one for one in gitlab[name]["script"] if "install" not in one]
        script = [f"PATH={BIN}:$PATH", "trap 'kill $(jobs -p) || true' EXIT", *commands]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(script).replace("8100", str(port))],
            cwd=tmp_path, env={**os.environ, "SANDBOX_URL": f"http://127.0.0.1:{port}"}, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
