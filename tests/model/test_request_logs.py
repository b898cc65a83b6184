"""Tests of a request's operation, and of the list that shows it."""

from __future__ import annotations

import pytest

from greenroom.model.request_logs import Operation, get_listing, get_operation


@pytest.mark.parametrize(
    ("method", "template", "words"),
    [
        ("GET", "/unified/ats/assessments/packages", ("ats", "assessments", "packages", None, "list", None)),
        ("GET", "/unified/ats/assessments/packages/{id}", ("ats", "assessments", "packages", None, "get", None)),
        ("POST", "/unified/ats/assessments/orders", ("ats", "assessments", "orders", None, "create", None)),
        (
            "PATCH",
            "/unified/ats/background_checks/orders/{id}/result",
            ("ats", "background_checks", "orders", "result", "update", None),
        ),
        ("DELETE", "/v1/webhooks/{webhook_id}", (None, "webhooks", None, None, "delete", "management")),
        ("PUT", "/v1/integrations/{provider}", (None, "integrations", None, None, "replace", "management")),
        ("GET", "/accounts/{id}", (None, "accounts", None, None, "get", "platform")),
        ("GET", "/connectors/meta", (None, "connectors", "meta", None, "list", "platform")),
        ("GET", "/a/b/c/d/e", (None, "a", "b", "c", "list", "platform")),
        ("POST", "/unified/proxy", ("proxy", None, None, None, "create", None)),
    ],
)
def test_operation(method: str, template: str, words: tuple[str | None, ...]) -> None:
    """An operation has the fixed parts of the path, and a verb for the method."""
    assert get_operation(method, template) == Operation(*words)


@pytest.mark.parametrize("template", ["", "/", "/{x}", "/v1", "/unified"])
def test_operation_of_a_short_template(template: str) -> None:
    """Templates without fixed parts are accepted."""
    assert get_operation("GET", template).sub_resource is None


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("/unified/ats/assessments/packages", "unified"),
        ("/external-trigger/greenhouse/send_test", "unified"),
        ("/v1/orders", "platform"),
        ("/accounts", "platform"),
        ("/requests/logs", None),
        ("/requests/logs/steps", None),
    ],
)
def test_listing(path: str, listed: str | None) -> None:
    """Requests for the log itself are on no list."""
    assert get_listing(path) == listed
