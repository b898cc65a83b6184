"""
`/connect_sessions`: sessions with which a customer links their ATS, created by the vendor's backend.

Source: StackOne's published OpenAPI document for its platform API, and its TypeScript clients for `organization_id`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, StrictBool

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import MOST, Label, PageSize, Plain, example
from greenroom.connectors import discover
from greenroom.errors import Invalid
from greenroom.model.connect_sessions import ConnectSession
from greenroom.model.events import stamp
from greenroom.services import connect_sessions
from greenroom.services.connect_sessions import NewSession

router = APIRouter(prefix="/connect_sessions", tags=["Connect sessions"], route_class=KeyedRoute)

Category = Literal[
    "ats", "hris", "hris-legacy", "crm", "iam", "marketing", "lms", "stackone", "documents", "ticketing",
    "screening", "messaging", "accounting", "scheduling",
]  # fmt: skip
LONGEST = timedelta(days=31)
#: the largest id of a session: a number that every JSON parser keeps
MOST_ID = 2**53 - 1
#: id of the organization: an installation has exactly one
ORGANIZATION = 1
#: first version of the TypeScript client that reads `organization_id` as text; older ones only accept a number
TEXT_SINCE = (4, 33, 2)


def _production_by_default(value: object) -> object:
    return "production" if value is None else value


class ConnectSessionIn(BaseModel):
    """A new session. Unknown fields and the retired `provider_version` are ignored."""

    model_config = example(origin_owner_id="customer-42", origin_owner_name="Northwind", provider="greenhouse")

    origin_owner_id: Label = Field(description="Your id of the customer.", examples=["cust-42"])
    origin_owner_name: Label = Field(description="The customer's name.", examples=["Northwind"])
    origin_username: Label | None = Field(None, description="Who links it, as you name them.")
    provider: Label | None = Field(
        None, description="Key of a connector; the only enabled one by default.", examples=["greenhouse"]
    )
    account_id: Plain | None = Field(None, description="Opens this account for editing; wins over the owner's.")
    categories: list[Category] | None = Field(None, max_length=MOST, description="Kept and shown.")
    expires_in: float | None = Field(
        1800, ge=1, le=LONGEST.total_seconds(), description="Seconds that token and link are valid; 1800 by default."
    )
    multiple: StrictBool | None = Field(False, description="Link another account of the same owner and provider.")
    label: Label | None = Field(None, description="A name for people.")
    type: Annotated[
        Literal["production", "test"], BeforeValidator(_production_by_default, json_schema_input_type=Label | None)
    ] = Field("production", description="A test account is marked as such.")
    metadata: dict[str, Any] | None = Field(None, description="Anything you want to keep with it.")
    integration_id: Label | None = Field(None, description="Kept and shown; a provider has one integration here.")


class ConnectSessionOut(BaseModel):
    """A connect session. `external_trigger_token` is null while the customer may still choose the provider."""

    id: int = Field(description="The session's id.")
    organization_id: str | int = Field(
        description="Text; a number for builds of the TypeScript client that take nothing else, known by User-Agent."
    )
    project_id: str = Field(description="Your project.")
    origin_owner_id: str = Field(description="Your id of the customer.")
    origin_owner_name: str = Field(description="Your name of the customer.")
    origin_username: str | None = Field(description="Who links it, as you name them.")
    provider: str | None = Field(description="The ATS.")
    account_id: str | None = Field(description="The linked account.")
    categories: list[Category] | None = Field(description="As you gave them.")
    label: str | None = Field(description="A name for people.")
    type: Literal["production", "test"] = Field(description="A test account is marked as such.")
    metadata: dict[str, Any] | None = Field(description="Anything you want to keep with it.")
    integration_id: str | None = Field(description="The integration, once it is known.")
    external_trigger_token: str | None = Field(description="The account's token, for the ATS's support.")
    created_at: str = Field(description="When it was created.")


class NewConnectSessionOut(ConnectSessionOut):
    """A new session with its token and link, which no later response contains."""

    token: str = Field(description="For the hub in your front end.")
    auth_link_url: str = Field(description="A page of ours on which the customer links without your front end.")


class TokenIn(BaseModel):
    """A session's token."""

    model_config = example(token="as the new session shows it")  # noqa: S106 - not a secret

    token: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="A session's token.")


@router.post(
    "", status_code=201, operation_id="stackone_create_connect_session", responses=documented(400, 401, 404, 422)
)
async def create(ctx: Ctx, project: Caller, body: ConnectSessionIn, request: Request) -> NewConnectSessionOut:
    """Open a connect session for a customer."""
    if body.provider is not None and body.provider not in discover():
        said = f"provider: there is no {body.provider[:60]!r}. Known: {', '.join(discover())}"
        raise Invalid(said, errors=[said])
    opened = await connect_sessions.create(ctx, project.id, _new(body))
    shown = _shown(opened.session, opened.external_trigger_token, request)
    return NewConnectSessionOut(**shown.model_dump(), token=opened.token, auth_link_url=opened.link)


class OpenConnectSessionOut(BaseModel):
    """A session that can still be used, without its secrets; `linked_at` is set for ten minutes after linking."""

    id: int = Field(description="The session's id.")
    provider: str | None = Field(description="The ATS.")
    account_id: str | None = Field(description="The linked account.")
    origin_owner_id: str = Field(description="Your id of the customer.")
    origin_owner_name: str = Field(description="Your name of the customer.")
    label: str | None = Field(description="A name for people.")
    type: Literal["production", "test"] = Field(description="A test account is marked as such.")
    created_at: str = Field(description="When it was created.")
    expires_at: str = Field(description="When its link ends.")
    linked_at: str | None = Field(description="When the account was linked.")


SessionId = Annotated[int, Path(ge=0, le=MOST_ID, description="The session's id.")]


@router.get("", operation_id="list_connect_sessions", responses=documented(400, 401))
async def list_open(
    ctx: Ctx,
    project: Caller,
    before: Annotated[
        int | None, Query(ge=0, le=MOST_ID, description="Id of the last session of the page before.")
    ] = None,
    page_size: PageSize = 25,
) -> list[OpenConnectSessionOut]:
    """Connect sessions that can still be used, newest first."""
    found = await connect_sessions.list_open(ctx, project.id, before=before, limit=page_size)
    return [
        OpenConnectSessionOut(
            id=one.id,
            provider=one.provider,
            account_id=one.account_id,
            origin_owner_id=one.origin_owner_id,
            origin_owner_name=one.origin_owner_name,
            label=one.label,
            type=one.type,
            created_at=stamp(one.created_at),
            expires_at=stamp(one.expires_at),
            linked_at=stamp(one.linked_at) if one.linked_at else None,
        )
        for one in found
    ]


@router.delete(
    "/{session_id:int}", status_code=204, operation_id="revoke_connect_session", responses=documented(400, 401, 404)
)
async def revoke(ctx: Ctx, project: Caller, session_id: SessionId) -> None:
    """Revoke a connect session with its token and link; a linked account stays."""
    await connect_sessions.revoke(ctx, project.id, session_id)


@router.post(
    "/authenticate",
    status_code=201,
    operation_id="stackone_authenticate_connect_session",
    responses=documented(400, 401, 404, 410, 422),
)
async def authenticate(ctx: Ctx, project: Caller, body: TokenIn, request: Request) -> ConnectSessionOut:
    """The session that a token opens."""
    return _shown(*await connect_sessions.authenticate(ctx, project.id, body.token), request)


def _new(body: ConnectSessionIn) -> NewSession:
    return NewSession(
        origin_owner_id=body.origin_owner_id,
        origin_owner_name=body.origin_owner_name,
        origin_username=body.origin_username,
        provider=body.provider,
        account_id=body.account_id,
        categories=None if body.categories is None else tuple(body.categories),
        label=body.label,
        type=body.type,
        metadata=body.metadata or {},
        integration_id=body.integration_id,
        multiple=bool(body.multiple),
        lives=timedelta(seconds=body.expires_in or 1800),
    )


def _shown(session: ConnectSession, trigger_token: str | None, request: Request) -> ConnectSessionOut:
    return ConnectSessionOut(
        id=session.id,
        organization_id=organization_id(request.headers.get("user-agent", "")),
        project_id=session.project_id,
        origin_owner_id=session.origin_owner_id,
        origin_owner_name=session.origin_owner_name,
        origin_username=session.origin_username,
        provider=session.provider,
        account_id=session.account_id,
        categories=None if session.categories is None else list(session.categories),
        label=session.label,
        type=session.type,
        metadata=session.metadata,
        integration_id=session.integration_id,
        external_trigger_token=trigger_token,
        created_at=stamp(session.created_at),
    )


def organization_id(user_agent: str) -> str | int:
    """Returns the installation's id: a number for old builds of the TypeScript client, else text."""
    build = re.match(
        r"speakeasy-sdk/typescript (\d{1,6})\.(\d{1,6})\.(\d{1,6}) .*@stackone/stackone-client-ts", user_agent
    )
    if build and tuple(int(part) for part in build.groups()) < TEXT_SINCE:
        return ORGANIZATION
    return str(ORGANIZATION)
