"""The reference that the site makes of the OpenAPI document: complete, and its commands run."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from greenroom.app import build_app
from greenroom.settings import Settings
from greenroom.web.docs.markdown import make_anchor
from greenroom.web.docs.site import Site, load
from tests.house import Linked, open_house, webhook

DOCUMENT = build_app(Settings()).openapi()
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
#: statuses of commands for which no example can be right beforehand, or which no provider has
NOT_DONE = {
    "POST /connect_sessions/authenticate": 404,
    "POST /unified/proxy": 501,
    "POST /v1/accounts/{account_id}/results": 501,
    "PUT /v1/integrations/{provider}": 409,  # the example changes the tenant_id of an integration with an account
    "GET /v1/orders/{order_id}/resume": 404,
    "GET /unified/ats/assessments/orders/{id}/results": 404,
    "GET /unified/ats/background_checks/orders/{id}/results": 404,
    "POST /v1/integrations/{provider}/probe": 404,
}
#: prints the status alone, whatever a command's answer is
CURL = "curl() { command curl -sS -o /dev/null -w '%{http_code}' \"$@\"; }\n"


@pytest.fixture(scope="module")
def site() -> Site:
    """The site of this version's document."""
    return load(DOCUMENT)


def find_commands(site: Site) -> dict[str, str]:
    """Returns the command of each operation, by method and path."""
    found = {}
    for _, entries in site.groups[-1:]:
        for entry in entries:
            source = site.pages[f"{entry.path}.md"].source
            found |= dict(re.findall(r"^## `([A-Z]+ /\S+)`\n.*?```sh\n(.*?)```", source, re.MULTILINE | re.DOTALL))
    return found


def test_every_operation_and_event_has_a_section(site: Site) -> None:
    """Operations are on the page of their noun with their errors, events on one page; the overview links to each."""
    overview = site.pages["reference/api.md"].document
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            noun, title = operation["tags"][0], f"{method.upper()} {path}"
            file = f"reference/{noun.lower().replace(' ', '-')}.md"
            assert make_anchor(title) in site.pages[file].document.anchors, title
            assert f"{Path(file).name}#{make_anchor(title)}" in overview.links
            for parameter in operation.get("parameters", ()):
                assert f"| `{parameter['name']}` |" in site.pages[file].source, (title, parameter["name"])
    events = site.pages["reference/events.md"]
    for name, operations in DOCUMENT["webhooks"].items():
        section = events.source.partition(f"## `{name}`")[2].partition("\n## ")[0]
        example = operations["post"]["requestBody"]["content"]["application/json"]["example"]
        for field in example:
            assert f"| `{field}` |" in section, (name, field)


def test_a_field_says_its_type_its_limits_and_that_it_is_required(site: Site) -> None:
    """Rows have what the schema says, down to fields of objects in lists."""
    webhooks, packages = (site.pages[f"reference/{noun}.md"].source for noun in ("webhooks", "packages"))

    assert re.search(r"\| `url` \| string \| Required\. ", webhooks)
    assert re.search(r"\*\*Answer 200\*\*: `text/plain", site.pages["reference/health.md"].source)
    assert "**Answer 204**: no body." in webhooks
    assert re.search(r"\| `packages\[\]\.name` \| string \| Required\. .*At most \d+ characters", packages)


async def test_the_commands_run(site: Site, tmp_path: Path) -> None:
    """The gateway accepts each command as it is written, with the reader's ids in its variables."""
    commands = find_commands(site)
    assert len(commands) == sum(len(one) for one in DOCUMENT["paths"].values())
    async with open_house(tmp_path) as house:
        tests = await house.link("proctor", package_id="pkg_core_sql")
        checks = await house.link(
            "checks", tenant="checks", package_id="pkg_core_sql", partner_category="background_checks"
        )
        of_tests, of_checks = await prepare(tests), await prepare(checks)
        answers = {}
        for title in sorted(commands, key=rank):
            if title == "GET /unified/ats/background_checks/packages/{id}":
                package = await checks.unified("POST", "/background_checks/packages", json={"name": "Basic"})
                of_checks["PACKAGE_ID"] = package.json()["data"]["id"]
            environment = of_checks if "background_checks" in title else of_tests
            answers[title] = await run(commands[title], environment)
        wrong = {
            title: status
            for title, status in answers.items()
            if status not in ({NOT_DONE[title]} if title in NOT_DONE else {200, 201, 202, 204})
        }
        assert wrong == {}, wrong


def rank(title: str) -> tuple[bool, int, int]:
    """Returns the key that sorts a command behind those that need what it changes; stored packages replace others."""
    method, _, path = title.partition(" ")
    return "background_checks/packages" in path, METHODS.index(method), -path.count("/")


async def prepare(linked: Linked) -> dict[str, str]:
    """Makes one object of each kind, and returns the variables of the commands."""
    order, hook = await linked.send_test(), await webhook(linked)

    async def first(path: str, key: str = "id", **filters: str) -> str:
        return str((await linked.api("GET", path, params=filters)).json()["data"][0][key])

    session = {"origin_owner_id": "2", "origin_owner_name": "Hemlock"}
    replay = {"since": "2026-01-01T00:00:00Z", "status": "any"}
    await linked.house.app.state.request_log.flush()
    made = {
        "GATEWAY_URL": str(linked.house.client.base_url).rstrip("/"),
        "API_KEY": linked.key,
        "ACCOUNT_ID": linked.account_id,
        "ORDER_ID": order,
        "WEBHOOK_ID": hook["id"],
        "DELIVERY_ID": await first("/v1/deliveries", order_id=order),
        "REPLAY_ID": (await linked.api("POST", f"/v1/webhooks/{hook['id']}/replay", json=replay)).json()["id"],
        "SESSION_ID": str((await linked.api("POST", "/connect_sessions", json=session)).json()["id"]),
        "REQUEST_ID": await first("/requests/logs", "request_id"),
        "PACKAGE_ID": "pkg_core_sql",
    }
    return {**os.environ, **made}


async def run(command: str, environment: dict[str, str]) -> int:
    """Runs a command and returns the status of the gateway's answer."""
    started = await asyncio.create_subprocess_exec(
        "bash", "-c", CURL + command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await started.communicate()
    return int(output)
