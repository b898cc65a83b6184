"""
Connectors: the code for one ATS each, in a folder of its own.

A folder `connectors/<provider>/` is discovered by being there. It has a module-level `connector` that keeps the
`Connector` contract, and a `manifest.toml` with the facts. No code outside the folder names it.
"""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, Protocol

from starlette.routing import BaseRoute

from greenroom.catalog import Catalog
from greenroom.context import Context
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category, Order
from greenroom.model.results import Result
from greenroom.outbound import Answer, Request


@dataclass(frozen=True)
class Manifest:
    """
    The facts of a connector.

    `categories` are the kinds of order it can send. `calls` are the ATS's calls to Greenroom, by name. `callback_hosts`
    is the default allow-list of result pushes. `link_steps` tell the customer's administrator what to do with the
    token; `no_proxy` says why a vendor's own request cannot be passed through.
    """

    provider: str
    name: str
    docs: str
    categories: tuple[Category, ...]
    calls: tuple[str, ...]
    callback_hosts: tuple[str, ...]
    link_steps: tuple[str, ...]
    no_proxy: str


@dataclass(frozen=True)
class ResultField:
    """
    A field of the unified result that the ATS shows.

    `path` is its path in the body (`score.value`), `type` its unified type. `required` says that a final result is
    refused without it. `values` maps the unified values of an enum to the ATS's.
    """

    path: str
    type: Literal["string", "datetime", "enum"]
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
    The input of a result push.

    The order, its integration with secrets decrypted, and the account's live token.
    """

    order: Order
    integration: Integration
    account_token: str | None


class Connector(Protocol):
    """The code for one ATS."""

    manifest: Manifest
    result_fields: tuple[ResultField, ...]

    def routes(self, ctx: Context, catalog: Catalog) -> list[BaseRoute]:
        """
        Returns the routes of the ATS's calls, under `/external-trigger/<provider>`.

        Paths are absolute. The routes authenticate their callers themselves. They set `request.state.account` and
        `request.state.call` for the request log; and `request.state.orders`, the ids of the orders concerned, where
        neither the URL nor a body has them.
        """
        ...

    def endpoints(self, public_url: str, tenant_id: str | None) -> dict[str, str]:
        """Returns the full URL of each call, to be entered at the ATS."""
        ...

    def push_request(self, asked: Push, *, allow_http: bool) -> Request:
        """
        Returns the request that notifies the ATS of a result; sends nothing.

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
        callback_hosts=tuple(facts["callback_hosts"]),
        link_steps=tuple(facts["link_steps"]),
        no_proxy=facts["no_proxy"],
    )


@cache
def discover() -> dict[str, Connector]:
    """Returns every connector by provider; each folder here is one."""
    found: dict[str, Connector] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            found[module.name] = importlib.import_module(f"{__name__}.{module.name}").connector
    return found
