"""
The connector contract: what the code for one ATS declares, and what the core calls.

Capabilities, configuration fields and credential fields are data. Validation, the OpenAPI document, `greenroom apply`
and the forms of dashboard and hub are generated from them. Nothing here names an ATS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal, Protocol

from starlette.routing import BaseRoute

from greenroom.context import Context
from greenroom.intake import Intake
from greenroom.model.accounts import Account
from greenroom.model.capabilities import Capabilities, HiringTeam, ResultDelivery, Source
from greenroom.model.deliveries import Nudging
from greenroom.model.enrichment import Batch
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category, Order
from greenroom.model.results import Result
from greenroom.model.updates import Update
from greenroom.outbound import Answer, Outbound, Request

__all__ = [
    "QUESTION_TYPES",
    "Capabilities",
    "Connector",
    "Enrichment",
    "Field",
    "FieldPreview",
    "FieldType",
    "HiringTeam",
    "LinkStep",
    "Manifest",
    "Nudging",
    "OAuth",
    "Push",
    "ResultDelivery",
    "ResultField",
    "Source",
    "ToEnrich",
    "Update",
    "read_manifest",
]

#: text: one line; choice: one of `options`; hosts: bare host names, `*.` allowed in front; questions: a vendor's
#: questions for the recruiter; seconds: a whole number of seconds, at most a day
FieldType = Literal["text", "choice", "hosts", "questions", "seconds"]

#: highest value of a field of seconds
DAY_S = 86_400

#: types of a question that an ATS asks the recruiter with an order
QUESTION_TYPES = (
    "text", "long_text", "number", "boolean", "date", "email", "phone", "url", "select", "multi_select",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """
    A configuration field of an integration, or a credential field of an account, that a connector declares.

    `secret` fields are write-only. `options` are the values of a choice with their labels. `required_if` says when the
    field must have a value: None never, an empty mapping always, else when each named field has one of the values.
    `check` returns the value as it is stored, or raises ValueError with the problem. `used_if` says with which values
    of the integration's fields a credential field is of use; None: always. `pushes_if` says, like `required_if`, when
    no result can be pushed without the field.
    """

    name: str
    label: str
    help: str
    type: FieldType = "text"
    secret: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    default: Any = None
    required_if: Mapping[str, tuple[str, ...]] | None = None
    check: Callable[[Any], Any] | None = field(default=None, repr=False)
    used_if: Mapping[str, tuple[str, ...]] | None = None
    pushes_if: Mapping[str, tuple[str, ...]] | None = None

    def is_used(self, settings: Mapping[str, Any]) -> bool:
        """Returns whether a credential field is of use, given the settings of the integration."""
        return all(settings.get(name) in wanted for name, wanted in (self.used_if or {}).items())

    def is_required(self, values: Mapping[str, Any]) -> bool:
        """Returns whether the field must have a value, given the values of all fields."""
        return _holds(self.required_if, values)

    def lacks(self, values: Mapping[str, Any]) -> bool:
        """Returns whether no result can be pushed because the field has no value."""
        return _holds(self.pushes_if, values) and not values.get(self.name)


def _holds(condition: Mapping[str, tuple[str, ...]] | None, values: Mapping[str, Any]) -> bool:
    return condition is not None and all(values.get(name) in wanted for name, wanted in condition.items())


@dataclass(frozen=True)
class LinkStep:
    """
    A step that the customer's administrator takes at the ATS, as the hub shows it; `{vendor}` stands for the vendor.

    `done` names the event that completes the step: `copy` of the token, its first `use` by the ATS, or '' for neither.
    `copy_text` is a text to send to the ATS's support, and never has the token; `copy_label` is its button.
    """

    title: str
    text: str
    done: Literal["copy", "use", ""] = ""
    copy_label: str = ""
    copy_text: str = ""


@dataclass(frozen=True)
class FieldText:
    """Label and help of a credential field in the hub, where the customer reads them."""

    label: str
    help: str


@dataclass(frozen=True)
class Manifest:
    """
    The facts of a connector, from its `manifest.toml`.

    `categories` are the kinds of order it can send. `calls` are the ATS's calls to Greenroom, by name. `addresses` are
    the default URLs of the ATS by the name that GREENROOM_ATS_URLS uses. `link_steps` tell the customer's administrator
    what to do with the token; `guide` has the same for the hub, by language. `form` has the hub's texts of credential
    fields, by language and the field's name. `no_proxy` says why a vendor's own request cannot be passed through.
    """

    provider: str
    name: str
    docs: str
    categories: tuple[Category, ...]
    calls: tuple[str, ...]
    addresses: Mapping[str, str]
    link_steps: tuple[str, ...]
    guide: Mapping[str, tuple[LinkStep, ...]]
    form: Mapping[str, Mapping[str, FieldText]]
    no_proxy: str
    capabilities: Capabilities


@dataclass(frozen=True)
class ResultField:
    """
    A field of the unified result that the ATS shows.

    `path` is its path in the body (`score.value`), `type` its unified type. `required` says that a final result is
    refused without it. `values` maps the unified values of an enum to the ATS's.
    """

    path: str
    type: Literal["string", "datetime", "enum", "array"]
    required: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FieldPreview:
    """
    The outcome of one field of a result at the ATS.

    `value` is the value that the recruiter would see.
    """

    field: str
    verdict: Literal["shown", "changed", "dropped", "refused"]
    reason: str
    value: Any = None


@dataclass(frozen=True)
class Push:
    """
    The input of a push to the ATS.

    The order, the update to push, its integration and its account's credentials with secrets decrypted, and the
    account's live token. `urls` are the ATS's addresses by name. `allow_http` is for development.
    """

    order: Order
    integration: Integration
    account_token: str | None
    update: Update = field(default_factory=Update)
    credentials: Mapping[str, Any] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    allow_http: bool = False


@dataclass(frozen=True)
class OAuth:
    """
    A customer's access to the ATS's API by OAuth 2.0.

    `api` is the API's name for people, `scopes` are all that it is used with. `address` names the authorization server
    in the manifest's addresses. `client_id` and `client_secret` name fields of the integration (a client of the vendor,
    to which the customer consents) and credential fields of the account (a client of the customer, used with Client
    Credentials; it takes precedence); `subject` names the credential field of the user that the customer's client acts
    for. `used_if` are the values of the integration's fields with which the access is used; otherwise `unused`, a code
    of the causes and a sentence, says why it is not.
    """

    api: str
    address: str
    authorize_path: str
    token_path: str
    scopes: tuple[str, ...]
    client_id: str
    client_secret: str
    subject: str
    used_if: Mapping[str, tuple[str, ...]]
    unused: tuple[str, str]

    def is_used(self, settings: Mapping[str, Any]) -> bool:
        """Returns whether the access is used, given the settings of the integration."""
        return all(settings.get(name) in wanted for name, wanted in self.used_if.items())

    def asks_consent(self, settings: Mapping[str, Any], credentials: Mapping[str, Any]) -> bool:
        """Returns whether customers consent to the vendor's client, given an account's credentials."""
        has_client = bool(settings.get(self.client_id) and settings.get(self.client_secret))
        return self.is_used(settings) and has_client and not credentials.get(self.client_id)


@dataclass(frozen=True)
class ToEnrich:
    """Orders of one account for which an ATS's API is read; `urls` are the ATS's addresses by name."""

    account: Account
    integration: Integration
    orders: Sequence[Order]
    urls: Mapping[str, str] = field(default_factory=dict)


class Enrichment(Protocol):
    """Completes orders from an ATS's own API."""

    def lacks(self, integration: Integration) -> str | None:
        """Returns why orders of an integration are never enriched, a key of `model.enrichment.REASONS`; else None."""
        ...

    async def enrich(self, ctx: Context, out: Outbound, asked: ToEnrich) -> Batch:
        """
        Reads for a batch of orders of one account; returns an outcome for each.

        No answer of the ATS makes it raise: a failed read is part of the outcome.

        Raises:
            VaultError: a secret cannot be decrypted.
        """
        ...


class Connector(Protocol):
    """The code for one ATS."""

    manifest: Manifest
    #: fields of the integration besides those that every integration has
    configuration_fields: tuple[Field, ...]
    #: fields of an account's `credentials`; a connector without any takes every object
    credential_fields: tuple[Field, ...]
    result_fields: tuple[ResultField, ...]
    #: repeated notifications of an ATS that has not read a result; None where a push carries the result
    nudging: Nudging | None
    #: the customers' access to the ATS's API; None where the ATS has no need of it
    access: OAuth | None
    #: None where the ATS's orders have everything
    enrichment: Enrichment | None

    def routes(self, ctx: Context, intake: Intake) -> list[BaseRoute]:
        """
        Returns the routes of the ATS's calls, under `/external-trigger/<provider>`.

        Paths are absolute. The routes authenticate their callers themselves, and render every error in the ATS's own
        shape. They set `request.state.account` and `request.state.call` for the request log; and
        `request.state.orders`, the ids of the orders concerned, where neither the URL nor a body has them.
        """
        ...

    def endpoints(self, public_url: str, tenant_id: str | None) -> dict[str, str]:
        """Returns the full URL of each call, to be entered at the ATS."""
        ...

    def push_request(self, push: Push) -> Request:
        """
        Returns the request that tells the ATS of an update; sends nothing.

        Raises:
            GiveUp: the request must not or cannot be sent (host not allowed, credentials missing); says what to do.
        """
        ...

    def judge(self, answer: Answer) -> None:
        """
        Checks the ATS's answer to a push.

        Raises:
            TryLater, GiveUp: the ATS did not accept the push; carries the retry policy.
        """
        ...

    def preview(self, order: Order, result: Result) -> list[FieldPreview]:
        """
        Returns the outcome of each field that the result has.

        Nothing is changed or sent.
        """
        ...


def read_manifest(package: str) -> Manifest:
    """Returns the manifest in a connector's folder."""
    facts = tomllib.loads(resources.files(package).joinpath("manifest.toml").read_text(encoding="utf-8"))
    return Manifest(
        provider=package.rpartition(".")[2],
        name=facts["name"],
        docs=facts["docs"],
        categories=tuple(facts["categories"]),
        calls=tuple(facts["calls"]),
        addresses=facts["addresses"],
        link_steps=tuple(facts["link_steps"]),
        guide={language: tuple(LinkStep(**step) for step in steps) for language, steps in facts["guide"].items()},
        form={
            language: {name: FieldText(**text) for name, text in fields.items()}
            for language, fields in facts["form"].items()
        },
        no_proxy=facts["no_proxy"],
        capabilities=_capabilities(facts["capabilities"]),
    )


def _capabilities(facts: Mapping[str, Mapping[str, Any]]) -> Capabilities:
    values = {name: fact["value"] for name, fact in facts.items()}
    sources = {name: Source(fact["source"], fact["date"]) for name, fact in facts.items()}
    return Capabilities(**{**values, "progress": tuple(values["progress"])}, sources=sources)
