"""`/v1/alerts`: the recipients of findings by e-mail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, Linked

ADA, BOB = "ada@proctor.example", "bob@proctor.example"


async def test_the_addresses_are_replaced(proctor: Linked) -> None:
    """Without any at first; PUT replaces, and an empty body clears."""
    none = {"emails": [], "min_severity": "error", "mail_server": False, "recipients": []}
    assert (await proctor.api("GET", "/v1/alerts")).json() == none
    body = {"emails": [f" {BOB.upper()}", ADA, BOB], "min_severity": "warning"}
    put = await proctor.api("PUT", "/v1/alerts", json=body)
    assert put.status_code == 200, put.text
    recipient: dict[str, Any] = {"sent_at": None, "failure": None, "failed_at": None, "waiting": 0}
    assert put.json() == {
        "emails": [ADA, BOB],
        "min_severity": "warning",
        "mail_server": False,
        "recipients": [{"email": ADA, **recipient}, {"email": BOB, **recipient}],
    }
    assert (await proctor.api("GET", "/v1/alerts")).json() == put.json()
    assert (await proctor.api("PUT", "/v1/alerts", json={})).json() == none


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"emails": ["ada"]}, "emails.0: expected an e-mail address"),
        ({"emails": [f"{ADA}\nBcc: {BOB}"]}, "emails.0: expected an e-mail address"),
        ({"emails": [f"a{number}@proctor.example" for number in range(11)]}, "emails: "),
        ({"emails": ADA}, "emails: "),
        ({"min_severity": "notice"}, "min_severity: "),
        ({"email": ADA}, "email: unknown field. Did you mean emails?"),
    ],
)
async def test_a_wrong_body_is_refused(proctor: Linked, body: dict[str, Any], line: str) -> None:
    """The error names the field."""
    refused = await proctor.api("PUT", "/v1/alerts", json=body)
    assert refused.status_code in (400, 422), refused.text
    assert any(one.startswith(line) for one in refused.json()["errors"]), refused.text


async def test_another_project_has_its_own(house: House, proctor: Linked) -> None:
    """A project neither sees nor changes the addresses of another."""
    mallory = await house.link("mallory", tenant="mallory")
    await proctor.api("PUT", "/v1/alerts", json={"emails": [ADA]})
    await mallory.api("PUT", "/v1/alerts", json={"emails": [BOB]})
    assert (await proctor.api("GET", "/v1/alerts")).json()["emails"] == [ADA]
    assert (await mallory.api("GET", "/v1/alerts")).json()["emails"] == [BOB]
