"""FastAPI dependencies: the caller's project, the linked account, and the gateway's shared objects."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response, Security
from fastapi.openapi.models import HTTPBase as HTTPBaseModel
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

from greenroom.api.rate_limit import RateLimit
from greenroom.api.scopes import check_scope
from greenroom.catalog import Catalog
from greenroom.context import Context
from greenroom.engine.request_log_writer import RequestLogWriter
from greenroom.errors import PreconditionFailed
from greenroom.intake import Intake
from greenroom.model import documents
from greenroom.model.accounts import Account
from greenroom.model.audit import Actor
from greenroom.model.integrations import Integration
from greenroom.model.projects import Project
from greenroom.outbound import Outbound
from greenroom.security.tokens import basic_user
from greenroom.services import accounts, integrations, projects


class _Basic(SecurityBase):
    """The Basic scheme in the OpenAPI document; `basic_user` reads the header, which has two encodings."""

    def __init__(self) -> None:
        self.model = HTTPBaseModel(scheme="basic", description="The API key as user name, no password.")
        self.scheme_name = "basic"

    async def __call__(self, request: Request) -> str | None:
        return basic_user(request.headers.get("authorization"))


# these functions await nothing, but FastAPI would run a function that is not `async` on a thread, which is slower
async def get_context(request: Request) -> Context:
    """The gateway's context; once the API key is known, the key is its actor."""
    ctx: Context = request.app.state.ctx
    project: Project | None = getattr(request.state, "project", None)
    if project is None or project.key_id is None:
        return ctx
    address = request.client.host if request.client else None
    return replace(ctx, actor=Actor("api_key", project.key_id, project.key_name, address))


async def get_catalog(request: Request) -> Catalog:
    """Returns the gateway's catalog of package lists."""
    catalog: Catalog = request.app.state.catalog
    return catalog


async def get_intake(request: Request) -> Intake:
    """Returns the gateway's intake of orders, on behalf of the caller."""
    intake: Intake = request.app.state.intake
    return intake.on_behalf(await get_context(request))


async def get_outbound(request: Request) -> Outbound:
    """Returns the gateway's outbound client."""
    out: Outbound = request.app.state.out
    return out


async def get_request_log(request: Request) -> RequestLogWriter:
    """Returns the writer of the gateway's request log."""
    request_log: RequestLogWriter = request.app.state.request_log
    return request_log


async def get_project(request: Request, _: Annotated[str | None, Security(_Basic())] = None) -> Project:
    """
    Returns the project whose API key is the Basic user name.

    The first call for a request looks up the key, takes a permit of its rate limit and stores the project in
    `request.state.project`, where the request log finds it; later calls return the stored project.

    Raises:
        Unauthorized: no key, an unknown, a revoked or an expired one.
        Forbidden: the key's scope is not enough for the route.
        TooManyRequests: the key has made its requests of this minute.
    """
    known: Project | None = getattr(request.state, "project", None)
    if known is not None:
        return known
    key = basic_user(request.headers.get("authorization"))
    project = await projects.authenticate(await get_context(request), key)
    request.state.project = project
    limit: RateLimit = request.app.state.rate_limit
    await limit.spend(str(key), project)
    check_scope(request, project)
    return project


class KeyedRoute(APIRoute):
    """
    A route that authenticates the caller before it reads the body.

    FastAPI alone would parse the body first, for unauthenticated callers as well. A JSON body that is nested too deep
    is refused before it is parsed.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def keyed(request: Request) -> Response:
            await get_project(request)
            if "json" in request.headers.get("content-type", "").lower():
                documents.check(await request.body())
            return await handler(request)

        return keyed


Ctx = Annotated[Context, Depends(get_context)]
Packages = Annotated[Catalog, Depends(get_catalog)]
Orders = Annotated[Intake, Depends(get_intake)]
OutboundClient = Annotated[Outbound, Depends(get_outbound)]
Log = Annotated[RequestLogWriter, Depends(get_request_log)]
Caller = Annotated[Project, Depends(get_project)]


async def get_linked_account(
    request: Request,
    ctx: Ctx,
    project: Caller,
    x_account_id: Annotated[str, Header(min_length=1, description="The id of a linked account.")],
) -> tuple[Account, Integration]:
    """
    Returns the project's account named by the header `x-account-id`, and its enabled integration.

    Raises:
        NotFound: the project has no such account.
        PreconditionFailed: the integration is disabled.
    """
    account = await accounts.get(ctx, project.id, x_account_id)
    request.state.account = account
    integration = await integrations.get(ctx, project.id, account.provider)
    request.state.account = replace(account, store=integration.store)
    if not integration.enabled:
        raise PreconditionFailed(
            f"The integration {account.provider} is disabled. Enable it: PUT /v1/integrations/{account.provider}.",
            code="AccountIntegrationInactiveError",
        )
    return account, integration


async def get_account(linked: Annotated[tuple[Account, Integration], Depends(get_linked_account)]) -> Account:
    """Returns the account of `get_linked_account`."""
    return linked[0]


async def get_integration(linked: Annotated[tuple[Account, Integration], Depends(get_linked_account)]) -> Integration:
    """Returns the integration of `get_linked_account`."""
    return linked[1]


Linked = Annotated[Account, Depends(get_account)]
LinkedIntegration = Annotated[Integration, Depends(get_integration)]
