"""The story of one order over real HTTP: its state, and the steps that are the same for every ATS."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenroom.demo.client import Client, Unexpected
from greenroom.demo.processes import Processes, ProcessFailed, new_secret

TENANT = "proctor"
PACKAGE = "pkg_core_sql"
SCORE = "82.5"


@dataclass(frozen=True)
class Ats:
    """The story at one ATS: its name, the path of its first page in the simulator, and the steps by name."""

    name: str
    start_page: str
    steps: list[tuple[str, Callable[[Story], str | None]]]


@dataclass
class Story:
    """The state of the story: processes, steps so far, and the ids and keys found."""

    processes: Processes
    ats: Ats
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
    def simulator(self) -> Client:
        """Returns a client of the simulator's API, which acts for the people at the ATS."""
        return Client(f"{self.sandbox}/api")

    def play(self) -> bool:
        """Runs the steps up to the first that fails; returns whether all succeeded."""
        return all(self._step(name, step) for name, step in self.ats.steps)

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
        fine = len(self.steps) == len(self.ats.steps) and all(step["ok"] for step in self.steps)
        return {"ok": fine, "steps": self.steps, "urls": urls, "ids": self.ids, "keys": self.keys}


def start_servers(story: Story) -> str:
    """Starts the gateway, the simulator and the vendor."""
    ports = story.processes.ports
    story.keys["api_key"] = story.processes.run("greenroom", "keys", "create", "--name", "demo", "--project", "proctor")
    story.keys["packages_api_key"] = new_secret()
    urls = {"GREENROOM_ATS_URLS": f"ashby.api={story.sandbox}/ashby/api"}
    story.processes.start(
        "gateway", "greenroom", "serve", "--port", str(ports.gateway), ready="Greenroom: http", extra=urls
    )
    story.processes.start(
        "sandbox", "greenroom_sandbox", "--port", str(ports.sandbox), ready="Greenhouse simulator: http"
    )
    settings = {"GATEWAY_URL": story.gateway, "API_KEY": story.keys["api_key"]}
    settings["PACKAGES_API_KEY"] = story.keys["packages_api_key"]
    story.processes.start(
        "vendor", "greenroom.demo.vendor", "--port", str(ports.vendor), ready="Demo vendor is ready", extra=settings
    )
    return story.gateway


def configure_integration(story: Story, provider: str, integration: dict[str, Any]) -> str:
    """Configures an integration, and gives the vendor its signing secret."""
    path = f"/v1/integrations/{provider}"
    story.api.call("PUT", path, integration)
    shown = story.api.call("GET", f"{path}?reveal=true")
    Client(story.vendor).call("POST", "/configure", {"SIGNING_SECRET": shown["signing_secret"]})
    return f"{story.gateway}{path}"


def link_account(story: Story, customer: dict[str, Any]) -> str:
    """Links a customer, which creates its External Trigger Token, and probes the vendor's list endpoint."""
    account = story.api.call("POST", "/v1/accounts", customer)
    story.ids["account"] = account["id"]
    story.keys["external_trigger_token"] = account["external_trigger_token"]
    Client(story.vendor).call("POST", "/configure", {"ACCOUNT_ID": account["id"]})
    probe = story.api.call("POST", f"/v1/integrations/{customer['provider']}/probe")
    expect(probe["ok"], "the vendor's list endpoint to answer with packages", probe)
    return f"{story.gateway}/v1/accounts"


def add_webhook(story: Story) -> str:
    """Adds the vendor's webhook for orders, and sends it a signed test event."""
    hook = {"name": "Orders", "url": f"{story.vendor}/webhook", "events": ["ats_assessments.created"]}
    made = story.api.call("POST", "/v1/webhooks", hook)
    story.ids["webhook"] = made["id"]
    Client(story.vendor).call("POST", "/configure", {"WEBHOOK_SECRET": made["secret"]})
    tried = story.api.call("POST", f"/v1/webhooks/{made['id']}/test")
    expect(tried["ok"], "the vendor to take the test event", tried)
    return f"{story.gateway}/v1/webhooks/{made['id']}"


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
