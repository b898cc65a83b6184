"""A request's words, and the list that it is on."""

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
def test_words(method: str, template: str, words: tuple[str | None, ...]) -> None:
    """The fixed parts of the path in their order, the method as a verb."""
    assert get_operation(method, template) == Operation(*words)


@pytest.mark.parametrize("template", ["", "/", "/{x}", "/v1", "/unified"])
def test_words_of_next_to_nothing(template: str) -> None:
    """No template is too short."""
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
def test_lists(path: str, listed: str | None) -> None:
    """Reading the log is on no list."""
    assert get_listing(path) == listed
