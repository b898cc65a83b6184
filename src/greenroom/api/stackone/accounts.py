"""
`/accounts`: linked accounts in StackOne's shape; `/v1/accounts` shows the external trigger token as well.

Source: StackOne's published OpenAPI document for its platform API.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, model_validator

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.declared import read_credentials
from greenroom.api.faults import documented
from greenroom.api.shapes import Label, Plain, example
from greenroom.api.stackone.connectors import describe_connector
from greenroom.api.v1.integrations import get_connector
from greenroom.errors import Invalid
from greenroom.model.accounts import Account
from greenroom.model.events import stamp
from greenroom.services import accounts, integrations

router = APIRouter(prefix="/accounts", tags=["Linked accounts"], route_class=KeyedRoute)
#: limit of values per filter in one request
MOST_VALUES = 100

AccountId = Annotated[Plain, Path(alias="id", description="The account's id.")]
Values = Annotated[list[Label], Query(max_length=MOST_VALUES, description="Accounts with one of these values alone.")]


class StatusReason(BaseModel):
    """A reason why an account is not active."""

    code: str | None = Field(None, description="A stable word.")
    description: str | None = Field(None, description="The reason in words.")
    timestamp: str = Field(description="Since when.")


class LinkedAccount(BaseModel):
    """A linked account. `credentials` are never shown; `inactive` means that the customer has not finished linking."""

    id: str = Field(description="The account's id.")
    provider: str = Field(description="The ATS.")
    provider_name: str | None = Field(description="The ATS's name.")
    status: Literal["active", "inactive", "error", "archived"] = Field(
        description="`inactive` until linking is finished."
    )
    status_reasons: list[StatusReason] | None = Field(description="Why it is not active.")
    origin_owner_id: str = Field(description="Your id of the customer.")
    origin_owner_name: str = Field(description="Your name of the customer.")
    origin_username: str | None = Field(description="Who links it, as you name them.")
    credentials: None = Field(None, description="Always null: they are never shown.")
    setup_information: dict[str, Any] | None = Field(description="The settings of the link.")
    label: str | None = Field(description="A name for people.")
    type: Literal["production", "test"] = Field(description="A test account is marked as such.")
    metadata: dict[str, Any] | None = Field(description="Anything you want to keep with it.")
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")


class LinkedAccountMeta(BaseModel):
    """The capabilities of the account's connector, in the shape of `/connectors/meta`."""

    provider: str = Field(description="The ATS.")
    category: str = Field(description="Always `ats`.")
    models: dict[str, Any] = Field(description="What can be read and written.")


class AccountPatch(BaseModel):
    """
    Changes to the given fields; null clears a label, user name, metadata or setup information.

    An empty object changes nothing, since official clients send one in place of the given value. Unknown fields and
    those without a meaning in Greenroom are ignored.
    """

    model_config = example(origin_owner_name="Northwind Ltd", label="Pilot")

    provider: Label | None = Field(None, description="Cannot be changed; the account's own is accepted.")
    origin_owner_id: Label | None = Field(None, description="Your id of the customer.")
    origin_owner_name: Label | None = Field(None, description="Your name of the customer.")
    origin_username: Label | None = Field(None, description="Who links it, as you name them.")
    label: Label | None = Field(None, description="A name for people.")
    type: Literal["production", "test"] | None = Field(None, description="A test account is marked as such.")
    metadata: dict[str, Any] | None = Field(None, description="Anything you want to keep with it.")
    setup_information: dict[str, Any] | None = Field(None, description="The settings of the link.")
    credentials: dict[str, Any] | None = Field(None, description="Write-only; added to those that are kept, encrypted.")
    secrets: dict[str, Any] | None = Field(None, description="As credentials.")

    @model_validator(mode="before")
    @classmethod
    def _without_empty_objects(cls, value: Any) -> Any:
        return {name: part for name, part in value.items() if part != {}} if isinstance(value, dict) else value


@router.get("", operation_id="stackone_list_linked_accounts", responses=documented(400, 401))
async def list_linked_accounts(
    ctx: Ctx,
    project: Caller,
    page: Annotated[int | None, Query(ge=1, le=1_000_000, description="Number of the page, from 1.")] = None,
    page_size: Annotated[int | None, Query(ge=1, le=1000, description="Entries a page; 25 by default.")] = None,
    provider: Annotated[Plain | None, Query(deprecated=True, description="One of `providers`.")] = None,
    providers: Values = [],  # noqa: B006 - FastAPI copies it
    origin_owner_id: Annotated[Plain | None, Query(description="One of `origin_owner_ids`.")] = None,
    origin_owner_ids: Values = [],  # noqa: B006
    account_ids: Values = [],  # noqa: B006
    status: Values = [],  # noqa: B006
) -> list[LinkedAccount]:
    """Linked accounts, oldest first, as a bare array. Filters are repeated parameters; each narrows."""
    size = page_size or 25
    filters = {
        "provider": _any_of(provider, providers),
        "origin_owner_id": _any_of(origin_owner_id, origin_owner_ids),
        "id": account_ids,
        "status": [one.lower() for one in status],
    }
    skip = ((page or 1) - 1) * size
    return [_shown(one) for one in await accounts.list_matching(ctx, project.id, filters, skip=skip, limit=size)]


@router.get("/{id}", operation_id="stackone_get_account", responses=documented(400, 401, 404))
async def get_account(ctx: Ctx, project: Caller, account_id: AccountId) -> LinkedAccount:
    """One linked account."""
    return _shown(await accounts.get(ctx, project.id, account_id))


@router.get("/{id}/meta", operation_id="stackone_get_account_meta_info", responses=documented(400, 401, 404))
async def get_meta(ctx: Ctx, project: Caller, account_id: AccountId) -> LinkedAccountMeta:
    """The capabilities of the account's connector."""
    account = await accounts.get(ctx, project.id, account_id)
    active = await integrations.enabled_providers(ctx, project.id)
    meta = describe_connector(get_connector(account.provider), active)
    return LinkedAccountMeta(provider=meta["provider"], category=meta["category"], models=meta["models"])


@router.patch("/{id}", operation_id="stackone_update_account", responses=documented(400, 401, 404, 422))
async def update_account(ctx: Ctx, project: Caller, account_id: AccountId, body: AccountPatch) -> LinkedAccount:
    """Change some fields of a linked account."""
    account = await accounts.get(ctx, project.id, account_id)
    if body.provider not in (None, account.provider):
        said = f"provider: this account is {account.provider}'s for good; link another account for {body.provider}"
        raise Invalid(said, errors=[said])
    changes = _changes(body)
    fields = get_connector(account.provider).credential_fields
    credentials = read_credentials(fields, {**(body.credentials or {}), **(body.secrets or {})}, partial=True)
    return _shown(await accounts.change(ctx, project.id, account_id, changes, credentials=credentials))


@router.delete("/{id}", operation_id="stackone_delete_account", responses=documented(400, 401, 404))
async def delete_account(ctx: Ctx, project: Caller, account_id: AccountId) -> LinkedAccount:
    """Unlink an account; answers with it. Its external trigger token ends at once, its orders stay on record."""
    deleted = _shown(await accounts.delete(ctx, project.id, account_id))
    return deleted.model_copy(update={"status": "archived"})


def _any_of(one: str | None, more: list[str]) -> list[str]:
    return [*more, one] if one else more


def _changes(body: AccountPatch) -> dict[str, Any]:
    """Returns the fields to change: null clears an optional field and is ignored for a required one."""
    cleared: dict[str, Any] = {"label": None, "origin_username": None, "metadata": {}, "setup_information": {}}
    kept = ("origin_owner_id", "origin_owner_name", "type")
    given = body.model_dump(include={*cleared, *kept}, exclude_unset=True)
    return {
        name: cleared[name] if value is None else value
        for name, value in given.items()
        if value is not None or name in cleared
    }


def _shown(account: Account) -> LinkedAccount:
    return LinkedAccount(
        id=account.id,
        provider=account.provider,
        provider_name=get_connector(account.provider).manifest.name,
        status=account.status,
        status_reasons=[StatusReason(**reason) for reason in account.status_reasons],
        origin_owner_id=account.origin_owner_id,
        origin_owner_name=account.origin_owner_name,
        origin_username=account.origin_username,
        setup_information=account.setup_information,
        label=account.label,
        type=account.type,
        metadata=account.metadata,
        created_at=stamp(account.created_at),
        updated_at=stamp(account.updated_at),
    )
