"""`/v1/accounts`: linked accounts of customers, managed from the vendor's server."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, Orders
from greenroom.api.declared import read_credentials
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.results import ResultIn, read_result
from greenroom.api.shapes import Label, Next, Page, PageSize, Plain, StrictBody, after, example, page
from greenroom.api.v1.integrations import MASK, get_connector
from greenroom.api.v1.orders import OrderOut
from greenroom.api.v1.orders import shown as shown_order
from greenroom.context import Context
from greenroom.errors import Invalid, NotSupported
from greenroom.model.accounts import Account, AccountToken
from greenroom.model.events import stamp
from greenroom.model.orders import digest
from greenroom.model.request_logs import KEPT
from greenroom.security import masks
from greenroom.services import account_profiles, accounts
from greenroom.services.accounts import NewAccount

#: characters of a token that are shown to tell it from another
HINT = 4

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"], route_class=IdempotentRoute)
AccountId = Annotated[Plain, Path(alias="account_id", description="The account's id.")]


class AccountIn(StrictBody):
    """A customer whose ATS is to be linked; the same provider and owner return the existing account."""

    model_config = example(
        provider="greenhouse", origin_owner_id="customer-42", origin_owner_name="Northwind", label="Pilot", type="test"
    )

    provider: Label = Field(examples=["greenhouse"], description="The ATS.")
    origin_owner_id: Label = Field(description="Your id of the customer.")
    origin_owner_name: Label = Field(description="The customer's name.")
    origin_username: Label | None = Field(None, description="Who linked it, as you name them.")
    label: Label | None = Field(None, description="A name for people.")
    type: Literal["production", "test"] = Field("production", description="A test account is marked as such.")
    credentials: dict[str, Any] | None = Field(
        None, description="Write-only; kept encrypted. The fields are those of GET /connectors/meta/{provider}."
    )


class TokenOut(BaseModel):
    """A live external trigger token: its last characters, and when the ATS called with it (to the minute)."""

    hint: str = Field(description="Its first characters.")
    created_at: str = Field(description="When it was made.")
    expires_at: str | None = Field(description="Set once a newer token has replaced this one.")
    first_used_at: str | None = Field(description="When the ATS first called with it.")
    last_used_at: str | None = Field(description="When the ATS last called with it.")


class AccountOut(BaseModel):
    """A linked account with the token of its ATS; reads mask the token as `********` unless `reveal=true`."""

    id: str = Field(description="The account's id: `x-account-id` of your calls.")
    provider: str = Field(description="The ATS.")
    origin_owner_id: str = Field(description="Your id of the customer.")
    origin_owner_name: str = Field(description="Your name of the customer.")
    origin_username: str | None = Field(description="Who linked it, as you name them.")
    label: str | None = Field(description="A name for people.")
    type: Literal["production", "test"] = Field(description="A test account is marked as such.")
    status: Literal["active", "inactive", "error"] = Field(
        description="`inactive` until linking is finished; `error` when credentials are refused."
    )
    status_reasons: list[dict[str, Any]] = Field(description="Why, with `code`, `description` and `timestamp`.")
    external_trigger_token: str | None = Field(
        description="The key with which the ATS calls; /connectors/meta says what the customer does with it."
    )
    tokens: list[TokenOut] | None = Field(
        None, description="The live tokens, newest first; null in lists and for a new account."
    )
    paused_at: str | None = Field(description="Since when calls of the ATS are refused; null: they are answered.")
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")


class TokenRotationIn(StrictBody):
    """The time for which the replaced token stays valid."""

    model_config = example(overlap_seconds=86400)

    overlap_seconds: int = Field(
        int(accounts.OVERLAP.total_seconds()),
        ge=0,
        le=365 * 86400,
        description="The customer replaces the token with a support ticket.",
    )


@router.post("", status_code=201, operation_id="create_account", responses=documented(400, 401, 404, 409, 422))
async def create(ctx: Ctx, project: Caller, body: AccountIn) -> AccountOut:
    """Link a customer's ATS."""
    connector = get_connector(body.provider)
    new = body.model_dump()
    if body.credentials is not None:
        new["credentials"] = read_credentials(connector.credential_fields, body.credentials)
    return _shown(*await accounts.link(ctx, project.id, NewAccount(**new)))


@router.get("", operation_id="list_accounts", responses=documented(400, 401))
async def list_accounts(
    ctx: Ctx,
    project: Caller,
    provider: Annotated[Plain | None, Query(description="Accounts of this ATS alone.")] = None,
    origin_owner_id: Annotated[Plain | None, Query(description="Your id of the customer.")] = None,
    page_size: PageSize = 25,
    next: Next = None,
) -> Page[AccountOut]:
    """Linked accounts, newest first."""
    found = await accounts.list_page(
        ctx, project.id, provider=provider, owner_id=origin_owner_id, before=after(next, "acc"), limit=page_size + 1
    )
    return page([_shown(one, MASK) for one in found], page_size, [one.id for one in found])


@router.get("/{account_id}", operation_id="get_account", responses=documented(400, 401, 404))
async def get(
    ctx: Ctx,
    project: Caller,
    account_id: AccountId,
    reveal: Annotated[bool, Query(description="Show the external trigger token.")] = False,
) -> AccountOut:
    """Show a linked account."""
    token = (await accounts.reveal_token(ctx, project.id, account_id))[1] if reveal else MASK
    return await _with_tokens(ctx, project.id, account_id, token)


@router.post("/{account_id}/rotate-token", operation_id="rotate_token", responses=documented(400, 401, 404, 409, 422))
async def rotate_token(
    ctx: Ctx, project: Caller, account_id: AccountId, body: Annotated[TokenRotationIn | None, Body()] = None
) -> AccountOut:
    """Replace the external trigger token; the one before stays valid for the overlap."""
    overlap = timedelta(seconds=(body or TokenRotationIn()).overlap_seconds)
    _, token = await accounts.rotate_token(ctx, project.id, account_id, overlap=overlap)
    return await _with_tokens(ctx, project.id, account_id, token)


@router.post("/{account_id}/pause", operation_id="pause_account", responses=documented(400, 401, 404, 409))
async def pause(ctx: Ctx, project: Caller, account_id: AccountId) -> AccountOut:
    """Refuse the calls of an account's ATS until it is resumed; results still go out."""
    return _shown(await accounts.set_paused(ctx, project.id, account_id, True), MASK)


@router.post("/{account_id}/resume", operation_id="resume_account", responses=documented(400, 401, 404, 409))
async def resume(ctx: Ctx, project: Caller, account_id: AccountId) -> AccountOut:
    """Answer the calls of a paused account's ATS again."""
    return _shown(await accounts.set_paused(ctx, project.id, account_id, False), MASK)


class UnorderedResultIn(StrictBody):
    """A result for which the ATS has no order."""

    model_config = example(
        candidate_remote_id="7b0ad8b6-6d5d-4a1e-9d2c-5d5f0a2b7d11",
        package_id="pkg_core_sql",
        result={"score": {"value": "82.5"}, "result_url": "https://results.vendor.com/r/1"},
    )

    candidate_remote_id: Label = Field(description="The ATS's id of the candidate.")
    package_id: Label = Field(description="The package that the candidate completed.")
    result: ResultIn


@router.post(
    "/{account_id}/results",
    status_code=201,
    operation_id="create_unordered_result",
    responses=documented(400, 401, 404, 409, 412, 422, 501),
)
async def add_result(
    request: Request, ctx: Ctx, project: Caller, intake: Orders, account_id: AccountId, body: UnorderedResultIn
) -> OrderOut:
    """Give the ATS a result for which it has no order."""
    account = await accounts.get(ctx, project.id, account_id)
    manifest = get_connector(account.provider).manifest
    if not manifest.capabilities.result_without_order:
        raise NotSupported(f"{manifest.name} takes no result without an order: it has no such call.")
    result = read_result(body.result, allow_http=ctx.settings.allow_http, ats=manifest.name)
    if not result.is_final:
        said = "result.result.value: a result without an order has to be final"
        raise Invalid(said, errors=[said])
    fingerprint = digest(body.model_dump(mode="json"))
    order = await intake.record_result(
        account, body.candidate_remote_id, body.package_id, result, fingerprint, manifest.capabilities,
        received=masks.excerpt(await request.body(), most=KEPT),
    )  # fmt: skip
    return shown_order(order)


async def _with_tokens(ctx: Context, project_id: str, account_id: str, token: str | None) -> AccountOut:
    profile = await account_profiles.get_profile(ctx, project_id, account_id)
    return _shown(profile.account, token).model_copy(update={"tokens": [_token(one) for one in profile.tokens]})


def _token(token: AccountToken) -> TokenOut:
    return TokenOut(
        hint=token.token[-HINT:],
        created_at=stamp(token.created_at),
        expires_at=stamp(token.expires_at) if token.expires_at else None,
        first_used_at=stamp(token.first_used_at) if token.first_used_at else None,
        last_used_at=stamp(token.last_used_at) if token.last_used_at else None,
    )


def _shown(account: Account, token: str | None) -> AccountOut:
    return AccountOut(
        id=account.id,
        provider=account.provider,
        origin_owner_id=account.origin_owner_id,
        origin_owner_name=account.origin_owner_name,
        origin_username=account.origin_username,
        label=account.label,
        type=account.type,
        status=account.status,
        status_reasons=list(account.status_reasons),
        external_trigger_token=token,
        paused_at=stamp(account.paused_at) if account.paused_at else None,
        created_at=stamp(account.created_at),
        updated_at=stamp(account.updated_at),
    )
