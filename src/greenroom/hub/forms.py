"""The form of a connector in the hub, generated from the credential fields that the connector declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from greenroom.connectors.contract import Connector, Field, FieldText
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


@dataclass(frozen=True)
class Form:
    """
    The form of an integration for one account.

    `fields` are those of use with the integration's settings, `stored` the account's credentials; `token` is None until
    it is minted. `asks_consent` says that the customer consents at the ATS, in place of entering a client of their own.
    `texts` are labels and help in the customer's language, by field.
    """

    name: str
    fields: tuple[Field, ...]
    stored: Mapping[str, Any] = field(repr=False)
    token: str | None = field(repr=False)
    asks_consent: bool = False
    texts: Mapping[str, FieldText] = field(default_factory=dict)


def build_form(
    connector: Connector,
    settings: Mapping[str, Any],
    stored: Mapping[str, Any],
    token: str | None,
    *,
    language: str | None = None,
) -> Form:
    """Returns the form of a connector, given the settings of its integration; English if it lacks the language."""
    access = connector.access
    asks_consent = access is not None and access.asks_consent(settings, stored)
    own = {access.client_id, access.client_secret, access.subject} if access is not None and asks_consent else set()
    used = tuple(one for one in connector.credential_fields if one.is_used(settings) and one.name not in own)
    by_language = connector.manifest.form
    texts = by_language.get(language or "") or by_language.get("en", {})
    return Form(connector.manifest.name, used, stored, token, asks_consent, texts)


def show_fields(form: Form) -> list[dict[str, Any]]:
    """Returns the fields of a form as the hub shows them."""
    token = [_token_field(form.name, form.token)] if form.token else []
    return [*token, *(_field(one, form.stored, form.texts.get(one.name)) for one in form.fields)]


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


def _field(declared: Field, stored: Mapping[str, Any], text: FieldText | None) -> dict[str, Any]:
    kind = "select" if declared.type == "choice" else "password" if declared.secret else "text"
    has_value = stored.get(declared.name) not in (None, "")
    shown: dict[str, Any] = {
        "key": declared.name,
        "label": text.label if text else declared.label,
        "type": kind,
        # fields left out of an edited account keep their values
        "required": declared.required_if == {} and not has_value,
        "readOnly": False,
        "secret": declared.secret,
        "placeholder": "",
        "description": text.help if text else declared.help,
    }
    if declared.type == "choice":
        shown["options"] = [{"value": value, "label": label} for value, label in declared.options.items()]
    if has_value and not declared.secret:
        shown["value"] = stored[declared.name]
    return shown


def redact(connector: Connector, stored: Mapping[str, Any]) -> dict[str, str]:
    """Returns the stored secrets of a form as they are shown."""
    names = [one.name for one in connector.credential_fields if one.secret]
    return {name: _redacted(str(stored[name])) for name in names if stored.get(name)}


def _redacted(secret: str) -> str:
    return REDACTED + (secret[-SHOWN_TAIL:] if len(secret) >= TAILED_FROM else "")


def show_plain(connector: Connector, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the stored values of a form that are no secrets."""
    names = [one.name for one in connector.credential_fields if not one.secret]
    return {name: stored[name] for name in names if stored.get(name) is not None}


def read_credentials(form: Form, given: object) -> dict[str, Any]:
    """
    Returns the credentials that a customer entered into a form.

    Empty values and redacted ones are dropped. The token is sent back with the form, and is not a credential.

    Raises:
        Invalid: names each field that is unknown, missing or not acceptable; never quotes a value.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Invalid("credentials: expected an object", errors=["credentials: expected an object"])
    fields = {one.name: one for one in form.fields}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value in (None, "") or (isinstance(value, str) and value.startswith(REDACTED)):
            continue
        if name == TOKEN_FIELD:
            if value != form.token:
                problems.append(f"{name}: this is not the token of this account; reload the page")
            continue
        try:
            values[name] = _read(fields, name, value)
        except ValueError as error:
            problems.append(f"{str(name)[:60]}: {error}")
    effective = {**form.stored, **values}
    problems += [
        f"{name}: enter the {one.label}"
        for name, one in fields.items()
        if one.is_required(effective) and effective.get(name) in (None, "") and not _is_named(problems, name)
    ]
    if problems:
        raise Invalid("; ".join(problems[:5]), errors=[f"credentials.{line}" for line in problems[:20]])
    return values


def _is_named(problems: list[str], name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in problems)


def _read(fields: Mapping[str, Field], name: str, value: object) -> Any:
    declared = fields.get(name)
    if declared is None:
        raise ValueError("there is no such field")
    if not isinstance(value, str) or len(value) > LONGEST or _CONTROL.search(value):
        raise ValueError(f"expected one line of at most {LONGEST} characters")
    text = value.strip()
    if declared.type == "choice" and text not in declared.options:
        raise ValueError("choose one of the options")
    return declared.check(text) if declared.check else text
