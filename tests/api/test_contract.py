"""
The OpenAPI document's promises, tested on a real gateway with generated requests, valid and invalid, single and
chained.

Every answer must have a documented status, type and shape, and never be a 5xx. Three of four ids in a request are real
ones, since random ids alone would always get 404 and hide wrong answers about existing orders.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis.errors import Flaky
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.stateful import run_state_machine_as_test

from greenroom.app import build_app
from greenroom.security.tokens import new_id
from greenroom.settings import Settings
from tests.house import Linked, basic, webhook
from tests.support.postgres import Postgres
from tests.support.served import Served, served_house

pytestmark = [
    pytest.mark.postgres,
    # a warning about a long failing request; as an error it would hide the failure
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    # the gateway uses `random` on its own thread
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]

DOCUMENT = build_app(Settings()).openapi()
CONFIG = {
    "generation": {
        "deterministic": True,
        "with-security-parameters": False,
        # clients of the unified contract send parameters that the gateway ignores
        "allow-extra-parameters": False,
    },
    "checks": {
        # every request here has the owner's key; v1/test_api.py tests other callers
        "ignored_auth": {"enabled": False},
        # a well-formed request may name a package that does not exist
        "positive_data_acceptance": {"enabled": False},
        # a list over its limit may exceed the body limit as well, and a text the limit of the request line
        "negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]},
    },
    "operations": [
        # the preview accepts any body
        {"include-operation-id": "preview_result", "checks": {"negative_data_rejection": {"enabled": False}}},
        # official clients send {} in place of any value
        {"include-operation-id": "stackone_update_account", "checks": {"negative_data_rejection": {"enabled": False}}},
        {
            "include-operation-id": "stackone_proxy_request",
            "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501"]}},
        },
        {
            "include-operation-id": "create_unordered_result",
            "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501"]}},
        },
    ],
}
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict(CONFIG))
#: statuses that any route can answer, documented as `default`
ANYWHERE = {405, 413, 429, 431, 503}
BOUNDED = settings(max_examples=4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(repr=False)
class Target:
    """A project with one of every resource, as the target of requests."""

    served: Served
    linked: Linked
    #: real ids by parameter name; those of `id` by the path segment in front
    ids: dict[str, str]

    @property
    def call(self) -> dict[str, Any]:
        """Returns the arguments of a call with the project's API key."""
        base, headers = str(self.served.house.client.base_url), {"authorization": basic(self.linked.key)}
        return {"base_url": base, "headers": headers}

    def insert_ids(self, case: Case) -> None:
        """Replaces most ids of a request by real ones."""
        if case.method == "DELETE":  # the previous request has deleted the last one
            self.served.run(recreate(self, case.operation.path))
        self.ids["Idempotency-Key"] = new_id("key")
        for values in (case.path_parameters, case.headers):
            for name, value in dict(values or {}).items():
                real = self.ids.get(case.operation.path.split("/{id}")[0].rpartition("/")[2] if name == "id" else name)
                if real is not None and zlib.crc32(str(value).encode(errors="replace")) % 4:
                    values[name] = real


async def make_target(served: Served, project: str, category: str) -> Target:
    """Creates a project with an order of which its webhook was notified."""
    linked = await served.house.link(project, tenant=project, partner_category=category)
    packages = [{"id": "pkg_core_sql", "name": "SQL"}]
    published = await linked.api("PUT", "/v1/packages", json={"category": category, "packages": packages})
    ids = {"x-account-id": linked.account_id, "account_id": linked.account_id, "provider": "greenhouse"}
    ids |= {"accounts": linked.account_id, "packages": "pkg_core_sql", "logs": published.headers["x-request-id"]}
    ids["webhook_id"] = (await webhook(linked, [f"ats_{category}.created"]))["id"]
    ids["order_id"] = ids["orders"] = await linked.send_test()
    (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={ids['order_id']}")).json()["data"]
    ids["delivery_id"] = delivery["id"]
    replays = f"/v1/webhooks/{ids['webhook_id']}/replay"
    ids["replay_id"] = (await linked.api("POST", replays, json={"since": "2026-01-01T00:00:00Z"})).json()["id"]
    return Target(served, linked, ids)


async def recreate(target: Target, path: str) -> None:
    """Creates a new resource of the kind that this operation deletes."""
    if path.endswith("/webhooks/{webhook_id}"):
        target.ids["webhook_id"] = (await webhook(target.linked))["id"]
    elif path.endswith("/orders/{order_id}/content"):
        target.ids["order_id"] = await target.linked.send_test(int(new_id("n")[-6:], 36))
    elif path.endswith("/packages/{id}"):
        stored = await target.linked.unified("POST", "/background_checks/packages", json={"name": "Basic"})
        target.ids["packages"] = stored.json()["data"]["id"]
    elif path.endswith("/accounts/{id}"):
        body = {"provider": "greenhouse", "origin_owner_id": new_id("own"), "origin_owner_name": "Hemlock"}
        target.ids["accounts"] = (await target.linked.api("POST", "/v1/accounts", json=body)).json()["id"]


@pytest.fixture(scope="module")
def served(postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway for all tests, on PostgreSQL, which refuses more texts than SQLite."""
    with served_house(tmp_path_factory.mktemp("house"), postgres.create_database(migrated)) as one:
        yield one


@pytest.fixture
def target(request: pytest.FixtureRequest, served: Served) -> Target:
    """A new project for one operation, with the category of its path."""
    category = "background_checks" if "background_checks" in request.node.name else "assessments"
    made = served.run(make_target(served, f"p{zlib.crc32(request.node.name.encode())}", category))
    if "PATCH" in request.node.name:
        served.run(recreate(made, request.node.name.rstrip("]")))
    return made


def check_status(response: Any, case: Case) -> None:
    """
    Checks that the status is documented by itself, or is one that any route can answer.

    Schemathesis would accept any status because of `default`.
    """
    known = DOCUMENT["paths"][case.operation.path][case.operation.method]["responses"]
    assert str(response.status_code) in known or response.status_code in ANYWHERE, response.text


@SCHEMA.parametrize()
@BOUNDED
def test_an_operation_keeps_its_promises(case: Case, target: Target) -> None:
    """An operation answers its examples, boundary values and generated requests as documented."""
    target.insert_ids(case)
    check_status(case.call_and_validate(**target.call), case)


def test_chains_of_operations_keep_them_too(target: Target) -> None:
    """Operations that use the answers of earlier ones (create, read, change, delete) answer as documented."""
    broken: list[BaseException] = []

    class Chain(SCHEMA.exclude(operation_id="put_integration").as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case) -> None:
            if "x-account-id" in (case.headers or {}):
                case.headers["x-account-id"] = target.linked.account_id

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return target.call

        def step(self, input: Any) -> Any:
            try:
                output = super().step(input)
                check_status(output.response, output.case)
            except (AssertionError, FailureGroup) as error:
                broken.append(error)
                raise
            return output

    try:
        run_state_machine_as_test(Chain, settings=settings(BOUNDED, max_examples=25, stateful_step_count=8))
    except Flaky:  # a repeated chain meets what it left behind; the first broken promise, if any, is the failure
        if broken:
            raise broken[0] from None
