"""The form of a connector in the hub, generated from the credential fields that the connector declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from greenroom.connectors.contract import Connector, Field
from greenroom.errors import Invalid

#: key of the field with the external trigger token: the official hub fills it in and lets the customer copy it
TOKEN_FIELD = "external-trigger-token"  # noqa: S105 - the field's key
#: stands for a stored secret, with its last characters; clients leave it out, or send it back unchanged
REDACTED = "__secretvalue:**redacted**"
SHOWN_TAIL = 4
#: shorter secrets show none of their characters
TAILED_FROM = 16
LONGEST = 2000
#: control characters and line ends
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def build_fields(connector: Connector, stored: Mapping[str, Any], token: str | None) -> list[dict[str, Any]]:
    """Returns the fields of a form; `stored` are the account's credentials, `token` is None until it is minted."""
    fields = [_token_field(connector.manifest.name, token)] if token else []
    return [*fields, *(_field(one, stored) for one in connector.credential_fields)]


def _token_field(name: str, token: str) -> dict[str, Any]:
    return {
        "key": TOKEN_FIELD,
        "label": "External Trigger Token",
        "type": "text",
        "required": False,
        "readOnly": True,
        "secret": False,
        "placeholder": "",
        "description": f"The key with which {name} calls. Copy it: the next steps say whom to give it to.",
        "value": token,
    }


def _field(field: Field, stored: Mapping[str, Any]) -> dict[str, Any]:
    kind = "select" if field.type == "choice" else "password" if field.secret else "text"
    has_value = stored.get(field.name) not in (None, "")
    shown: dict[str, Any] = {
        "key": field.name,
        "label": field.label,
        "type": kind,
        # an account that is edited keeps what is left out
        "required": field.required_if == {} and not has_value,
        "readOnly": False,
        "secret": field.secret,
        "placeholder": "",
        "description": field.help,
    }
    if field.type == "choice":
        shown["options"] = [{"value": value, "label": label} for value, label in field.options.items()]
    if has_value and not field.secret:
        shown["value"] = stored[field.name]
    return shown


def redact(connector: Connector, stored: Mapping[str, Any]) -> dict[str, str]:
    """Returns the stored secrets of a form as they are shown."""
    names = [field.name for field in connector.credential_fields if field.secret]
    return {name: _redacted(str(stored[name])) for name in names if stored.get(name)}


def _redacted(secret: str) -> str:
    return REDACTED + (secret[-SHOWN_TAIL:] if len(secret) >= TAILED_FROM else "")


def show_plain(connector: Connector, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the stored values of a form that are no secrets."""
    names = [field.name for field in connector.credential_fields if not field.secret]
    return {name: stored[name] for name in names if stored.get(name) is not None}


def read_credentials(
    connector: Connector, given: object, stored: Mapping[str, Any], token: str | None
) -> dict[str, Any]:
    """
    Returns the credentials that a customer entered; `stored` are those that the account has already.

    Empty values and redacted ones are dropped. The token is sent back with the form, and is not a credential.

    Raises:
        Invalid: names each field that is unknown, missing or not acceptable; never quotes a value.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Invalid("credentials: expected an object", errors=["credentials: expected an object"])
    fields = {field.name: field for field in connector.credential_fields}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value in (None, "") or (isinstance(value, str) and value.startswith(REDACTED)):
            continue
        if name == TOKEN_FIELD:
            if value != token:
                problems.append(f"{name}: this is not the token of this account; reload the page")
            continue
        try:
            values[name] = _read(fields, name, value)
        except ValueError as error:
            problems.append(f"{str(name)[:60]}: {error}")
    effective = {**stored, **values}
    problems += [
        f"{name}: enter the {field.label}"
        for name, field in fields.items()
        if field.is_required(effective) and effective.get(name) in (None, "") and not _is_named(problems, name)
    ]
    if problems:
        raise Invalid("; ".join(problems[:5]), errors=[f"credentials.{line}" for line in problems[:20]])
    return values


def _is_named(problems: list[str], name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in problems)


def _read(fields: Mapping[str, Field], name: str, value: object) -> Any:
    field = fields.get(name)
    if field is None:
        raise ValueError("there is no such field")
    if not isinstance(value, str) or len(value) > LONGEST or _CONTROL.search(value):
        raise ValueError(f"expected one line of at most {LONGEST} characters")
    text = value.strip()
    if field.type == "choice" and text not in field.options:
        raise ValueError("choose one of the options")
    return field.check(text) if field.check else text
