"""The form of a connector, from its declared fields alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from greenroom.connectors.contract import Field, FieldText
from greenroom.errors import Invalid
from greenroom.hub.forms import REDACTED, build_form, read_credentials, redact, show_fields, show_plain

CONNECTOR: Any = SimpleNamespace(
    manifest=SimpleNamespace(name="Example ATS", form={"de": {"region": FieldText("Region", "Wo es läuft.")}}),
    access=None,
    credential_fields=(
        Field("region", "Region", "Where it runs.", type="choice", options={"eu": "EU", "us": "US"}, required_if={}),
        Field("client_id", "Client id", "Of your client.", used_if={"kind": ("full",)}),
        Field("secret", "Secret", "Of your client.", secret=True, required_if={"region": ("eu",)}),
    ),
)


def form(stored: dict[str, Any] | None = None, kind: str = "full", token: str | None = "gr_1") -> Any:
    """Returns a form of the example."""
    return build_form(CONNECTOR, {"kind": kind}, stored or {}, token)


def test_fields_are_those_that_the_integration_uses() -> None:
    """With their types; the token comes first, once there is one."""
    shown = show_fields(form())
    assert [(one["key"], one["type"]) for one in shown] == [
        ("external-trigger-token", "text"), ("region", "select"), ("client_id", "text"), ("secret", "password"),
    ]  # fmt: skip
    assert shown[1]["options"] == [{"value": "eu", "label": "EU"}, {"value": "us", "label": "US"}]
    assert [one["key"] for one in show_fields(form(kind="small", token=None))] == ["region", "secret"]
    with pytest.raises(Invalid, match="client_id: there is no such field"):
        read_credentials(form(kind="small"), {"region": "us", "client_id": "x"})


def test_texts_are_in_the_customers_language() -> None:
    """A field or a language without a text has the declared one."""
    shown = show_fields(build_form(CONNECTOR, {"kind": "full"}, {}, None, language="de"))
    assert [one["description"] for one in shown] == ["Wo es läuft.", "Of your client.", "Of your client."]
    assert show_fields(form(token=None))[0]["description"] == "Where it runs."


def test_a_field_is_required_as_declared() -> None:
    """Also when it depends on another one; stored values count."""
    with pytest.raises(Invalid) as refused:
        read_credentials(form(), {})
    assert refused.value.errors == ["credentials.region: enter the Region"]
    with pytest.raises(Invalid, match="secret: enter the Secret"):
        read_credentials(form(), {"region": "eu"})
    with pytest.raises(Invalid, match="region: choose one"):
        read_credentials(form(), {"region": "mars"})
    assert read_credentials(form(), {"region": "us", "client_id": " c ", "external-trigger-token": "gr_1"}) == {
        "region": "us",
        "client_id": "c",
    }
    stored = {"region": "eu", "secret": "s" * 20}
    assert read_credentials(form(stored), {"secret": REDACTED + "ssss", "region": "us"}) == {"region": "us"}
    for given in ([], "x", 7):
        with pytest.raises(Invalid, match="expected an object"):
            read_credentials(form(), given)


def test_stored_secrets_are_redacted() -> None:
    """A short one shows none of its characters."""
    stored = {"region": "eu", "secret": "0123456789abcdef"}
    assert redact(CONNECTOR, stored) == {"secret": f"{REDACTED}cdef"}
    assert redact(CONNECTOR, {"secret": "short"}) == {"secret": REDACTED}
    assert show_plain(CONNECTOR, stored) == {"region": "eu"}
    assert "0123456789" not in str(show_fields(form(stored)))
