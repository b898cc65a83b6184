"""The set-up checks: one result each, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenroom.model.check_labels import SECTIONS
from greenroom.model.checklist import CHECKS, run_checks
from greenroom.model.checks import (
    Accounts,
    Call,
    CheckResult,
    Configuration,
    Confirmation,
    Facts,
    ListAnswer,
    OrderFacts,
    WebhookFacts,
)

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
URL = "https://vendor.example/packages"
EMPTY = Facts("greenhouse", "Greenhouse", ("list_tests", "send_test", "test_status", "response_error"))
CALL = Call(NOW, 200, "acc_1", "Northwind")
ORDER = OrderFacts("ord_1", "acknowledged", None, NOW, NOW, notified_at=NOW, result_at=NOW, acknowledged_at=NOW)
READY = replace(
    EMPTY,
    configuration=Configuration(packages_url=URL, has_username=True, has_password=True, updated_at=NOW),
    answer=ListAnswer(NOW, status=200, ms=143, packages=("SQL", "Listening"), count=2),
    confirmed={"directory_listing": Confirmation("Rina", NOW)},
    accounts=Accounts(1, 1, "acc_1", "Northwind", NOW),
    called={"list_tests": CALL, "send_test": CALL},
    webhooks=[WebhookFacts("whk_1", "Orders", ("ats_assessments.created",), True, delivered_at=NOW)],
    orders=[ORDER],
)


def by_code(facts: Facts) -> dict[str, CheckResult]:
    """Returns the results by their codes."""
    return {one.code: one for one in run_checks(facts)}


def test_there_are_thirteen_checks_in_the_guides_sections() -> None:
    """Codes are unique, sections come in the guide's order, each check has help."""
    found = run_checks(EMPTY)
    assert len({one.code for one in found}) == len(CHECKS) == 13
    assert list(dict.fromkeys(one.section for one in found)) == list(SECTIONS)
    assert all(one.help and one.evidence.endswith(".") for one in found)


def test_a_working_installation_is_done() -> None:
    """Every check is ok, with the time of its evidence."""
    assert {one.code: one.state for one in run_checks(READY) if one.state != "done"} == {}


def test_an_empty_project_has_one_problem_of_configuration() -> None:
    """The checks behind it are not reported as problems of their own."""
    found = by_code(EMPTY)
    assert found["authentication_type"].state == "action_needed"
    assert found["authentication_type"].action is not None
    for code in ("packages_source", "packages_format", "partner_credentials", "account_linked", "result_delivered"):
        assert found[code].state == "cannot_check", code


CONFIGURED = READY.configuration
assert CONFIGURED is not None
LATER = NOW + timedelta(hours=1)
REFUSED = replace(ORDER, delivery="refused", detail="Greenhouse answered 401 Unauthorized: …", updated_at=LATER)


@pytest.mark.parametrize(
    ("code", "facts", "state", "said"),
    [
        (
            "authentication_type",
            replace(READY, configuration=replace(CONFIGURED, enabled=False)),
            "action_needed",
            "disabled",
        ),
        (
            "authentication_type",
            replace(READY, configuration=replace(CONFIGURED, authentication_type="public")),
            "action_needed",
            "Public API",
        ),
        ("packages_source", replace(READY, answer=None), "cannot_check", "not called yet"),
        (
            "packages_source",
            replace(READY, answer=ListAnswer(NOW, "The endpoint answered 404 Not Found.", "status", 404)),
            "action_needed",
            "404",
        ),
        (
            "packages_source",
            replace(READY, configuration=replace(CONFIGURED, packages_url=None)),
            "action_needed",
            "neither a list endpoint nor a Package ID",
        ),
        (
            "packages_format",
            replace(READY, answer=ListAnswer(NOW, "$.data[0].name: expected a text.", "$.data[0].name", 200)),
            "action_needed",
            "$.data[0].name",
        ),
        ("packages_format", replace(READY, answer=ListAnswer(NOW, status=200)), "action_needed", "empty"),
        ("partner_credentials", replace(READY, orders=[REFUSED]), "action_needed", "401"),
        (
            "partner_credentials",
            replace(
                READY, orders=[REFUSED], configuration=replace(CONFIGURED, updated_at=LATER + timedelta(minutes=1))
            ),
            "waiting",
            "Changed since",
        ),
        (
            "partner_credentials",
            replace(READY, configuration=replace(CONFIGURED, has_password=False)),
            "action_needed",
            "Partner's Password is missing",
        ),
        ("token_used", replace(READY, accounts=Accounts(1, 0, "acc_1", "Northwind", NOW)), "waiting", "has not used"),
        ("webhook_events", replace(READY, webhooks=[]), "action_needed", "no webhook"),
        (
            "webhook_events",
            replace(READY, configuration=replace(CONFIGURED, category="background_checks")),
            "action_needed",
            "no webhook listens to Background Check Order",
        ),
        (
            "webhook_receives",
            replace(READY, webhooks=[replace(READY.webhooks[0], failed_at=LATER, error="It answered 404.")]),
            "action_needed",
            "404",
        ),
        ("packages_listed", replace(READY, called={}), "waiting", "not called yet"),
        ("order_received", replace(READY, orders=[replace(ORDER, notified_at=None)]), "waiting", "not delivered"),
        (
            "result_delivered",
            replace(READY, orders=[replace(REFUSED, acknowledged_at=None)]),
            "cannot_check",
            "waits for",
        ),
        (
            "result_delivered",
            replace(READY, orders=[replace(REFUSED, acknowledged_at=None, detail="It answered 404. Ask them.")]),
            "action_needed",
            "It answered 404.",
        ),
        (
            "result_delivered",
            replace(READY, orders=[replace(ORDER, delivery="sent", acknowledged_at=None)]),
            "waiting",
            "not read",
        ),
    ],
)
def test_a_fault_turns_its_check(code: str, facts: Facts, state: str, said: str) -> None:
    """The evidence says what was observed, and a problem has a next step."""
    found = by_code(facts)[code]
    assert (found.state, said in found.evidence) == (state, True), found
    assert found.state != "action_needed" or found.action is not None
