"""The guide's story, from the application to the scored kit, over real HTTP."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from greenroom.demo.client import Client, Unexpected
from greenroom.demo.processes import Ports, Processes, ProcessFailed, new_secret

TENANT = "proctor"
ORGANIZATION, JOB, APPLICATION = 101, 4001, 26234702
PACKAGE = "pkg_core_sql"
SCORE = "82.5"


@dataclass
class Story:
    """The state of the story: processes, steps so far, and the ids and keys found."""

    processes: Processes
    quiet: bool
    steps: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.processes.ports.gateway}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.processes.ports.sandbox}"

    @property
    def vendor(self) -> str:
        return f"http://127.0.0.1:{self.processes.ports.vendor}"

    @property
    def sign_in_link(self) -> str:
        """Returns the link that the gateway printed at its first start; "" before that."""
        found = re.search(r"^Sign in: (\S+)", self.processes.log("gateway"), re.MULTILINE)
        return found[1] if found else ""

    @property
    def api(self) -> Client:
        """Returns a client of the gateway's API, as the vendor calls it."""
        return Client(self.gateway, self.keys.get("api_key"))

    @property
    def greenhouse(self) -> Client:
        """Returns a client of the simulator's API, for recruiter, admin and support desk."""
        return Client(f"{self.sandbox}/api")

    def play(self) -> bool:
        """Runs the steps up to the first that fails; returns whether all succeeded."""
        return all(self._step(name, step) for name, step in STEPS)

    def _step(self, name: str, step: Callable[[Story], str | None]) -> bool:
        started = time.monotonic()
        problem, url, fine = "", None, True
        try:
            url = step(self)
        except (Unexpected, ProcessFailed) as error:
            fine, problem = False, str(error)
        entry: dict[str, Any] = {"name": name, "ok": fine, "ms": round((time.monotonic() - started) * 1000)}
        if url:
            entry["url"] = url
        if problem:
            entry["problem"] = problem
        self.steps.append(entry)
        if not self.quiet:
            print(f"{'✓' if fine else '✗'} {name:<62} {entry['ms']:>5} ms  {url or ''}".rstrip(), flush=True)
            if problem:
                print(f"\n{problem}\n", flush=True)
        return fine

    def result(self) -> dict[str, Any]:
        """Returns the whole story for a script."""
        urls = {"gateway": self.gateway, "sandbox": self.sandbox, "vendor": self.vendor, "sign_in": self.sign_in_link}
        fine = len(self.steps) == len(STEPS) and all(step["ok"] for step in self.steps)
        return {"ok": fine, "steps": self.steps, "urls": urls, "ids": self.ids, "keys": self.keys}


def start_servers(story: Story) -> str:
    """Starts the gateway, the Greenhouse simulator and the vendor."""
    ports = story.processes.ports
    story.keys["api_key"] = story.processes.run("greenroom", "keys", "create", "--name", "demo", "--project", "proctor")
    story.keys["packages_api_key"] = new_secret()
    story.processes.start("gateway", "greenroom", "serve", "--port", str(ports.gateway), ready="Greenroom: http")
    story.processes.start(
        "sandbox", "greenroom_sandbox", "--port", str(ports.sandbox), ready="Greenhouse simulator: http"
    )
    settings = {"GATEWAY_URL": story.gateway, "API_KEY": story.keys["api_key"]}
    settings["PACKAGES_API_KEY"] = story.keys["packages_api_key"]
    story.processes.start(
        "vendor", "greenroom.demo.vendor", "--port", str(ports.vendor), ready="Demo vendor is ready", extra=settings
    )
    # the demo's vendor is on loopback, and Greenhouse shows no result URLs of private addresses
    story.greenhouse.call("PATCH", "/settings", {"show_private_result_urls": True})
    return story.gateway


def apply_for_partnership(story: Story) -> str:
    """Submits the application with four URLs; Greenhouse issues credentials."""
    base = f"{story.gateway}/external-trigger/greenhouse"
    calls = ("list_tests", "send_test", "test_status", "response_error")
    urls = {f"{call}_url": f"{base}/{call}?tenant-id={TENANT}" for call in calls}
    partner = story.greenhouse.call("POST", "/partners", {"name": "Proctor", "category": "assessments", **urls})
    story.ids["partner"] = partner["id"]
    story.keys |= {"partner_username": partner["username"], "partner_password": partner["password"]}
    story.greenhouse.call("POST", f"/partners/{partner['id']}/publish")
    return f"{story.sandbox}/support/partners/{partner['id']}"


def configure_integration(story: Story) -> str:
    """Configures Greenhouse: category, list endpoint, partner credentials."""
    integration = {
        "enabled": True,
        "authentication_type": "partner",
        "partner_category": "assessments",
        "tenant_id": TENANT,
        "packages_url": f"{story.vendor}/packages",
        "packages_api_key": story.keys["packages_api_key"],
        "partner_username": story.keys["partner_username"],
        "partner_password": story.keys["partner_password"],
        "callback_hosts": ["127.0.0.1"],
    }
    story.api.call("PUT", "/v1/integrations/greenhouse", integration)
    shown = story.api.call("GET", "/v1/integrations/greenhouse?reveal=true")
    Client(story.vendor).call("POST", "/configure", {"SIGNING_SECRET": shown["signing_secret"]})
    return f"{story.gateway}/v1/integrations/greenhouse"


def add_webhook(story: Story) -> str:
    """Adds the vendor's webhook for orders, and sends it a signed test event."""
    hook = {"name": "Orders", "url": f"{story.vendor}/webhook", "events": ["ats_assessments.created"]}
    made = story.api.call("POST", "/v1/webhooks", hook)
    story.ids["webhook"] = made["id"]
    Client(story.vendor).call("POST", "/configure", {"WEBHOOK_SECRET": made["secret"]})
    tried = story.api.call("POST", f"/v1/webhooks/{made['id']}/test")
    expect(tried["ok"], "the vendor to take the test event", tried)
    return f"{story.gateway}/v1/webhooks/{made['id']}"


def link_account(story: Story) -> str:
    """Links a customer's Greenhouse, which creates its External Trigger Token."""
    customer = {"provider": "greenhouse", "origin_owner_id": "hemlock-rye", "origin_owner_name": "Hemlock & Rye"}
    account = story.api.call("POST", "/v1/accounts", customer)
    story.ids["account"] = account["id"]
    story.keys["external_trigger_token"] = account["external_trigger_token"]
    Client(story.vendor).call("POST", "/configure", {"ACCOUNT_ID": account["id"]})
    probe = story.api.call("POST", "/v1/integrations/greenhouse/probe")
    expect(probe["ok"], "the vendor's list endpoint to answer with packages", probe)
    return f"{story.gateway}/v1/accounts"


def hand_token_to_support(story: Story) -> str:
    """Gives the token to Greenhouse Support, which enables the integration."""
    path = f"/organizations/{ORGANIZATION}/partners/{story.ids['partner']}"
    story.greenhouse.call("PUT", path, {"key": story.keys["external_trigger_token"], "enabled": True})
    return f"{story.sandbox}/support/partners/{story.ids['partner']}/customers/{ORGANIZATION}"


def add_stage(story: Story) -> str:
    """Adds the integration to an interview plan, and moves a candidate into it."""
    asked = {"kind": "partner", "partner_id": story.ids["partner"]}
    stage = story.greenhouse.call("POST", f"/jobs/{JOB}/stages", asked)
    story.ids["stage"] = stage["id"]
    story.greenhouse.call("POST", f"/applications/{APPLICATION}/move", {"stage_id": stage["id"]})
    return f"{story.sandbox}/jobs/{JOB}/plan"


def open_dialog(story: Story) -> str:
    """Opens *Send test*: Greenhouse calls the gateway, which calls the vendor."""
    dialog = story.greenhouse.call("POST", f"/applications/{APPLICATION}/send-test/open")
    tests = [test["partner_test_id"] for test in dialog["tests"]] if dialog["ok"] else []
    expect(PACKAGE in tests, f"{PACKAGE} in the drop-down", dialog)
    return f"{story.sandbox}/applications/{APPLICATION}/send-test"


def send_test(story: Story) -> str:
    """Clicks *Send test*: the order is stored before Greenhouse gets its answer."""
    sent = story.greenhouse.call("POST", f"/applications/{APPLICATION}/send-test", {"test_id": PACKAGE})
    expect(sent["ok"], "Submitted tests", sent)
    story.ids["take_home"] = sent["take_home"]["id"]
    story.ids["order"] = sent["take_home"]["partner_interview_id"]
    return f"{story.sandbox}/people/{sent['take_home']['candidate_id']}?application_id={APPLICATION}"


def receive_webhook(story: Story) -> str:
    """Waits for the signed webhook at the vendor."""

    def arrived() -> bool:
        orders = Client(story.vendor).call("GET", "/orders")["data"]
        return story.ids["order"] in {order["id"] for order in orders}

    story.processes.check()
    until(arrived, "the order at the vendor's webhook")
    return f"{story.vendor}/take/{story.ids['order']}"


def take_test(story: Story) -> str:
    """Hands in the test: the vendor sends the result, the gateway pushes it."""
    handed_in = Client(story.vendor).call("POST", f"/take/{story.ids['order']}", {"score": SCORE})
    expect(handed_in["status"] == 200, "200 from the unified result endpoint", handed_in)
    return f"{story.vendor}/result/{story.ids['order']}"


def check_kit(story: Story) -> str:
    """Checks that the interview kit shows report, score, times and notes."""
    take_home = f"/take-homes/{story.ids['take_home']}"
    waited = story.greenhouse.call("GET", f"{take_home}?status=received&wait=20")
    expect(waited["status"] == "received", "the take-home test received", waited)
    kit = story.greenhouse.call("GET", f"{take_home}/kit")
    rows = {row["label"]: row["text"] for row in kit["rows"]}
    wanted = {"Report": "View Report", "Score": SCORE}
    expect(wanted.items() <= rows.items() and {"Started At", "Completed At", "Notes"} <= rows.keys(), str(wanted), kit)
    if not story.quiet:
        print("\n".join(f"      {label:<14} {text}" for label, text in rows.items()), flush=True)
    return f"{story.sandbox}{take_home}/kit"


def check_timeline(story: Story) -> str:
    """Checks that the gateway's timeline of the order is complete."""

    def acknowledged() -> bool:
        order = story.api.call("GET", f"/v1/orders/{story.ids['order']}")
        return bool(order["delivery"] == "acknowledged")

    until(acknowledged, "delivery: acknowledged")
    timeline = story.api.call("GET", f"/v1/orders/{story.ids['order']}/timeline")["data"]
    kinds = [entry["kind"] for entry in timeline]
    expect({"received", "attempt", "result", "acknowledged"} <= set(kinds), "a complete timeline", kinds)
    return f"{story.gateway}/orders/{story.ids['order']}"


def expect(fine: bool, wanted: str, found: object) -> None:
    """Raises `Unexpected` unless `fine`."""
    if not fine:
        raise Unexpected(f"Expected {wanted}, but got: {json.dumps(found)[:1500]}")


def until(holds: Callable[[], bool], what: str, *, patience_s: float = 20.0) -> None:
    """
    Waits until a condition holds.

    Raises:
        Unexpected: the condition did not hold within `patience_s` seconds.
    """
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            raise Unexpected(f"Waited {patience_s:.0f} s for {what}.")
        threading.Event().wait(0.05)


STEPS: list[tuple[str, Callable[[Story], str | None]]] = [
    ("Gateway, Greenhouse simulator and demo vendor are running", start_servers),
    ("Partner application: Greenhouse issues credentials", apply_for_partnership),
    ("Greenhouse is configured in Greenroom", configure_integration),
    ("Webhook added, test event taken", add_webhook),
    ("Customer linked, package list answers", link_account),
    ("External Trigger Token handed to Greenhouse Support", hand_token_to_support),
    ("Stage added to the interview plan, candidate moved into it", add_stage),
    ("Recruiter opens Send test: packages are listed", open_dialog),
    ("Recruiter clicks Send test: Submitted tests", send_test),
    ("Vendor received the signed order webhook", receive_webhook),
    ("Candidate took the test, vendor sent the result", take_test),
    ("Interview kit shows the scored result", check_kit),
    ("The order's flight recorder is complete", check_timeline),
]


def run(*, once: bool, as_json: bool, ports: Ports) -> int:
    """
    Plays the story; unless `once`, keeps serving until Ctrl-C.

    Returns the exit status: 0 when every step succeeded. `as_json` prints `{ok, steps: [{name, ok, ms, url?}], urls,
    ids, keys}` and nothing else.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: _stop(stopped, _frame))
    try:
        with Processes(ports) as processes:
            story = Story(processes, quiet=as_json)
            fine = story.play()
            if as_json:
                print(json.dumps(story.result()), flush=True)
            elif fine:
                print(f"\nThe recruiter sees the score, in a Greenhouse to click through: {story.sandbox}", flush=True)
                print(f"API key: {story.keys['api_key']}", flush=True)
                print(f"The dashboard, once: {story.sign_in_link}", flush=True)
                again = f"GREENROOM_DATA_DIR={processes.data_dir} {sys.executable} -m greenroom sign-in-link"
                print(f"Another link into it: {again}", flush=True)
            if once or not fine:
                return 0 if fine else 1
            print("\nStill serving. Ctrl-C stops everything.", file=sys.stderr, flush=True)
            while not stopped.wait(0.5):
                processes.check()
    except ProcessFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _stop(stopped: threading.Event, _: FrameType | None) -> None:
    if stopped.is_set():
        return
    stopped.set()
    raise KeyboardInterrupt
