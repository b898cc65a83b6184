"""
Connectors: code for one ATS each, in a folder of its own, discovered by being there.

A folder `connectors/<provider>/` has a module-level `connector` that keeps the `Connector` contract, and a
`manifest.toml` with the facts. Nothing outside the folder names it.
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

    `categories` are the kinds of order it can send. `calls` are the ATS's calls to us, by name. `callback_hosts` is the
    default allow-list of result pushes. `link_steps` tell the customer's administrator what to do with the token;
    `no_proxy` says why a vendor's own request cannot be passed through.
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

    `path` is its place in the body (`score.value`), `type` its unified type. `required`: a final result is refused
    without it. `values` maps our words to the ATS's, for an enum.
    """

    path: str
    type: Literal["string", "datetime", "enum"]
    required: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FieldPreview:
    """What becomes of one field of a result at the ATS; `value` is what the recruiter would see."""

    field: str
    verdict: Literal["shown", "changed", "dropped", "refused"]
    reason: str
    value: Any = None


@dataclass(frozen=True)
class Push:
    """What a result push needs: the order, its integration with secrets opened, the account's live token."""

    order: Order
    integration: Integration
    account_token: str | None


class Connector(Protocol):
    """The code for one ATS."""

    manifest: Manifest
    result_fields: tuple[ResultField, ...]

    def routes(self, ctx: Context, catalog: Catalog) -> list[BaseRoute]:
        """
        The ATS's calls to us, absolute paths under `/external-trigger/<provider>`. They authenticate themselves.

        For the request log they then say whose call it is and which: `request.state.account`, `request.state.call`; and
        `request.state.orders` which orders it is about, where neither the URL nor a body has their ids.
        """
        ...

    def endpoints(self, public_url: str, tenant_id: str | None) -> dict[str, str]:
        """The full URL of each call, to be given to the ATS."""
        ...

    def push_request(self, asked: Push, *, allow_http: bool) -> Request:
        """
        The request that tells the ATS of a result, nothing sent yet.

        Raises:
            GiveUp: it must not or cannot be sent (host not allowed, credentials missing); says what to do.
        """
        ...

    def judge(self, answer: Answer) -> None:
        """
        Judge the ATS's answer to a push.

        Raises:
            TryLater, GiveUp: the ATS did not take it; carries the verdict on retry.
        """
        ...

    def preview(self, order: Order, result: Result) -> list[FieldPreview]:
        """What the recruiter would see of each field that the result has; changes nothing."""
        ...


def read_manifest(package: str) -> Manifest:
    """The manifest of a connector's folder."""
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
    """Every connector by provider: each folder here that has one."""
    found: dict[str, Connector] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            found[module.name] = importlib.import_module(f"{__name__}.{module.name}").connector
    return found
