"""The fields of the configuration dialog with the guide's labels, in the shape that connectors declare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Literal

from greenroom.connectors.contract import DAY_S, Connector
from greenroom.connectors.contract import Field as Declared
from greenroom.model.integrations import Integration, check_host, check_tenant_id
from greenroom.outbound import callable_problem
from greenroom.web.forms import Form

#: characters of a value at most, as in the API
LONGEST = 2000
MOST_HOSTS = 100
#: stands for a stored secret in the snapshot of a form
SHOWN_TAIL = 4


@dataclass(frozen=True)
class Field:
    """A field: `check` returns the value to store, or raises ValueError with the problem."""

    name: str
    label: str
    help: str = ""
    type: Literal["text", "url", "choice", "hosts", "seconds"] = "text"
    secret: bool = False
    optional: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    default: Any = None
    check: Callable[[str], Any] | None = field(default=None, repr=False)


FIELDS: dict[str, Field] = {
    one.name: one
    for one in (
        Field(
            "authentication_type",
            "Authentication Type",
            "With Public + Partner API the hiring team is in notifications, with Partner API it is not.",
            "choice",
            optional=False,
            options={"partner": "Partner API", "public_partner": "Public + Partner API", "public": "Public API"},
            default="partner",
        ),
        Field(
            "partner_category",
            "Partner Category",
            "Your classification as a partner. It decides which event your webhook receives.",
            "choice",
            optional=False,
            options={"assessments": "Assessments", "background_checks": "Background Checks"},
            default="assessments",
        ),
        Field(
            "partner_username",
            "Partner's Username",
            "Please contact Greenhouse support to get Partner Username.",
            optional=False,
        ),
        Field(
            "partner_password",
            "Partner's Password",
            "Please contact Greenhouse support to get Partner Password.",
            secret=True,
            optional=False,
        ),
        Field(
            "packages_url",
            "Package's List Endpoint URL",
            "Endpoint url that is used to fetch the list of packages.",
            "url",
        ),
        Field(
            "package_id",
            "Package ID",
            "If you do not have the Package List Endpoint URL, you can pass the Package ID.",
        ),
        Field("package_name", "Package name", "What recruiters read for Package ID; the id itself if empty."),
        Field(
            "packages_api_key",
            "Key for the list endpoint",
            "Sent as the Basic user name with each call of the list endpoint.",
            secret=True,
        ),
        Field(
            "order_check_url",
            "Order check URL",
            "Asked before an order is placed; may refuse it with a message for the recruiter.",
            "url",
        ),
        Field(
            "tenant_id",
            "Tenant ID",
            "A word of your own, unique on this server. It is part of the URLs that the ATS calls.",
            optional=False,
            check=check_tenant_id,
        ),
        Field(
            "callback_auth",
            "Call-back credentials",
            "What Greenroom authenticates with when it announces a result.",
            "choice",
            optional=False,
            options={
                "partner": "Partner's Username and Password",
                "account_key": "The account's External Trigger Token",
            },
            default="partner",
        ),
        Field(
            "callback_hosts",
            "Call-back hosts",
            "Hosts to which a result may be announced, one a line; *. is allowed in front. Greenhouse's own if empty.",
            "hosts",
        ),
        Field(
            "store",
            "What is stored of an order",
            "The minimum has no phone number, résumé, profile link, recruiter, hiring team and body of the ATS. Your "
            "webhook does not receive them either.",
            "choice",
            optional=False,
            options={"full": "Everything that the ATS sends", "minimal": "Only what is needed to invite the candidate"},
            default="full",
        ),
        Field(
            "resume",
            "Résumés",
            "The ATS's link ends after some days. A stored file is encrypted, and erased with the order's content.",
            "choice",
            optional=False,
            options={"link": "Pass the ATS's link on", "store": "Also fetch and store the file"},
            default="link",
        ),
        Field("harvest_client_id", "Harvest client id", "Of your Harvest API client, for the hiring team's data."),
        Field("harvest_client_secret", "Harvest client secret", "Of the same client.", secret=True),
    )
}


#: fields of every integration; the others are declared by its connector
BASE = frozenset(one.name for one in dataclass_fields(Integration))


def fields_of(connector: Connector) -> dict[str, Field]:
    """Returns the fields that the dialog shows; questions are left to the API."""
    declared = {one.name: one for one in connector.configuration_fields if one.type != "questions"}
    known = {
        name: replace(one, check=declared[name].check) if name in declared else one
        for name, one in FIELDS.items()
        if name in BASE or name in declared
    }
    return known | {name: _generated(one) for name, one in declared.items() if name not in known}


def _generated(one: Declared) -> Field:
    kind: Literal["text", "choice", "hosts", "seconds"] = "text"
    if one.type in ("choice", "hosts", "seconds"):
        kind = one.type
    return Field(
        one.name, one.label, one.help, kind, secret=one.secret, optional=one.required_if is None,
        options=one.options, default=one.default, check=one.check,
    )  # fmt: skip


def form_of(connector: Connector, integration: Integration | None) -> Form:
    """Returns a form with the stored values; secrets are left out."""
    return Form({name: _shown(one, integration) for name, one in fields_of(connector).items()})


def saved_tails(connector: Connector, integration: Integration | None) -> dict[str, str]:
    """Returns the last characters of each stored secret; only its presence when it is short."""
    found = {name: _stored(one, integration) for name, one in fields_of(connector).items() if one.secret}
    return {name: value[-SHOWN_TAIL:] if len(value) > 2 * SHOWN_TAIL else "…" for name, value in found.items() if value}


def snapshot_of(connector: Connector, integration: Integration | None) -> dict[str, str]:
    """Returns every field as text, to find the changed ones later; a secret is its last characters."""
    tails, shown = saved_tails(connector, integration), fields_of(connector)
    return {name: tails.get(name, "") if one.secret else _shown(one, integration) for name, one in shown.items()}


def read(connector: Connector, form: Form, stored: Integration | None, *, allow_http: bool) -> dict[str, Any]:
    """
    Returns the values for `services.integrations.put`; problems are added to the form's errors.

    A secret that is left empty is kept, unless its removal is ticked. A field that the dialog does not show is kept.
    """
    values: dict[str, Any] = {}
    shown = fields_of(connector)
    for name, one in shown.items():
        text = form.get(name)
        if one.secret and not text:
            if form.has(f"remove_{name}"):
                values[name] = None
            continue
        try:
            values[name] = _value(one, text, allow_http=allow_http)
        except ValueError as problem:
            said = str(problem)
            form.errors[name] = f"{said[:1].upper()}{said[1:]}."
            values[name] = one.default
    settings: dict[str, Any] = {}
    for declared in connector.configuration_fields:
        name = declared.name
        if name not in shown:
            settings[name] = stored.settings.get(name, declared.default) if stored else declared.default
        elif name in values:
            given = values.pop(name)
            settings[name] = (given or declared.default) if declared.type == "hosts" else given
    if form.errors:
        form.summary = "The configuration was not saved."
    return {**values, "settings": settings}


def describe_changes(
    connector: Connector, before: Mapping[str, Any], now: Mapping[str, str], form: Form
) -> list[tuple[str, str, str, bool]]:
    """
    Returns what another person changed: label, old and new value, and whether this form changes the field, too.

    A field that this form leaves as it was takes the new value.
    """
    changes = []
    for name, one in fields_of(connector).items():
        old, new = str(before.get(name, "")), now[name]
        if old == new:
            continue
        mine = form.get(name) if one.type != "hosts" else "\n".join(_hosts(form.get(name)))
        is_contested = bool(mine) if one.secret else mine not in (old, new)
        if not is_contested and not one.secret:
            form.values = {**form.values, name: new}
        if one.secret:
            old, new = (f"ends in {tail}" if tail else "" for tail in (old, new))
        changes.append((one.label, _named(one, old), _named(one, new), is_contested))
    return changes


def _named(one: Field, value: str) -> str:
    return one.options.get(value, value) or "empty"


def _shown(one: Field, integration: Integration | None) -> str:
    if one.secret:
        return ""
    value = _stored(one, integration) if integration else one.default
    if one.type == "seconds":
        return str(one.default if value is None else value)
    return "\n".join(value) if isinstance(value, tuple) else value or ""


def _stored(one: Field, integration: Integration | None) -> Any:
    if integration is None:
        return None
    return getattr(integration, one.name) if one.name in BASE else integration.settings.get(one.name)


def _value(one: Field, text: str, *, allow_http: bool) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if one.type == "hosts":
        hosts = tuple(check_host(host) for host in _hosts(text))
        if len(hosts) > MOST_HOSTS:
            raise ValueError(f"has more than {MOST_HOSTS} hosts")
        return hosts
    if one.type == "choice":
        if text not in one.options:
            raise ValueError(f"choose one of: {', '.join(one.options.values())}")
        return text
    if not text:
        return None
    if one.type == "seconds":
        return _seconds(text)
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("has a line break or a control character")
    if one.type == "url" and (problem := callable_problem(text, allow_http=allow_http)):
        raise ValueError(problem)
    return one.check(text) if one.check else text


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) <= DAY_S):
        raise ValueError(f"expected a whole number of seconds, at most {DAY_S}")
    return int(text)


def _hosts(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip()) if text.strip() else []
