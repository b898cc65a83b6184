"""`/v1/integrations`: a project's configuration of one provider."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from greenroom.api.callers import Caller, Ctx, Packages
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import MOST, Label, Line, Plain, StrictBody, example
from greenroom.connectors import Connector, discover
from greenroom.context import Context
from greenroom.errors import Invalid, NotFound
from greenroom.model.events import stamp
from greenroom.model.integrations import Integration
from greenroom.outbound import callable_problem
from greenroom.services import accounts, integrations
from greenroom.store.db import from_ms

MASK = "********"
HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|(\*\.)?\[?[0-9a-f:]+\]?")
TENANT = re.compile(r"[A-Za-z0-9._~-]{1,100}")

router = APIRouter(prefix="/v1/integrations", tags=["Integrations"], route_class=IdempotentRoute)
Provider = Annotated[Plain, Path(description="Key of a connector, such as `greenhouse`.", examples=["greenhouse"])]


class IntegrationIn(StrictBody):
    """A new configuration: plain fields that are left out or null are cleared, secrets that are left out are kept."""

    model_config = example(
        tenant_id="acme-corp",
        packages_url="https://vendor.example.com/packages",
        packages_api_key="a key of yours",
        partner_username="acme",
    )

    enabled: bool | None = True
    authentication_type: Literal["public", "partner", "public_partner"] | None = Field(
        "partner", description="public_partner adds the hiring team to events; partner does not."
    )
    partner_category: Literal["assessments", "background_checks"] | None = Field(
        "assessments", description="Decides the order event and the unified path of results."
    )
    tenant_id: Label | None = Field(
        None, description="A word that you choose; it is part of the endpoint URLs.", examples=["acme-corp"]
    )
    packages_url: Line | None = Field(None, description="Package's List Endpoint URL: we POST {account_id, provider}.")
    packages_api_key: Line | None = Field(None, description="Write-only. Basic user name of the list call.")
    partner_username: Line | None = Field(None, description="Issued by Greenhouse; for the result push.")
    partner_password: Line | None = Field(None, description="Write-only.")
    package_id: Label | None = Field(None, description="Static package, when there is no list.")
    package_name: Label | None = Field(None, description="Its label; the id by default.")
    callback_auth: Literal["partner", "account_key"] | None = Field(
        "partner", description="Which credentials the result push carries."
    )
    callback_hosts: list[Label] | None = Field(
        None,
        max_length=MOST,
        description="Hosts that a result may be pushed to, `*.` allowed in front; the provider's by default.",
    )
    harvest_client_id: Line | None = None
    harvest_client_secret: Line | None = Field(None, description="Write-only.")

    @field_validator("*", mode="before")
    @classmethod
    def _null_clears(cls, value: object, info: ValidationInfo) -> object:
        return cls.model_fields[str(info.field_name)].default if value is None else value

    @field_validator("partner_username")
    @classmethod
    def _basic_user(cls, value: str | None) -> str | None:
        if value and ":" in value:
            raise ValueError("has a colon, with which HTTP Basic ends the user name")
        return value

    @field_validator("tenant_id")
    @classmethod
    def _tenant(cls, value: str | None) -> str | None:
        if value is not None and not TENANT.fullmatch(value):
            raise ValueError("expected 1 to 100 letters, digits, dots, dashes, underscores or tildes")
        return value

    @field_validator("callback_hosts")
    @classmethod
    def _hosts(cls, value: list[str] | None) -> list[str] | None:
        for host in value or []:
            if not HOST.fullmatch(host.lower()):
                raise ValueError(f"{host[:60]!r} is not a bare host name such as app.greenhouse.io or *.greenhouse.io")
        return [host.lower() for host in value] if value is not None else None


class IntegrationPut(IntegrationIn):
    """A new configuration; `confirm` allows a change that breaks linked accounts."""

    confirm: bool | None = Field(
        False,
        description="Allow a new or no tenant_id although the ATSs of linked accounts call URLs with the old one.",
    )


class IntegrationOut(BaseModel):
    """The configuration; secrets are `********` if they are set, else null."""

    provider: str
    enabled: bool
    authentication_type: Literal["public", "partner", "public_partner"]
    partner_category: Literal["assessments", "background_checks"]
    tenant_id: str | None
    packages_url: str | None
    packages_api_key: str | None
    partner_username: str | None
    partner_password: str | None
    package_id: str | None
    package_name: str | None
    callback_auth: Literal["partner", "account_key"]
    callback_hosts: list[str]
    harvest_client_id: str | None
    harvest_client_secret: str | None
    signing_secret: str = Field(description="Signs the package-list call; masked unless `reveal=true`.")
    endpoints: dict[str, str] = Field(description="URLs for Greenhouse's application form, by call.")
    last_called_at: dict[str, str | None] = Field(description="When the ATS last made each call, to the minute.")
    created_at: str
    updated_at: str


class ProbePackage(BaseModel):
    """A package as the recruiter would see it."""

    id: str
    name: str
    description: str | None


class ProbeOut(BaseModel):
    """The answer of the list endpoint just now; `ok` means that a recruiter would see `packages`."""

    ok: bool
    status: int | None
    ms: int
    packages: list[ProbePackage]
    problem: str | None
    path: str | None = Field(description="JSON path of the first unexpected value.")
    expected: str | None


def get_connector(provider: str) -> Connector:
    """
    Returns the connector of a provider.

    Raises:
        NotFound: there is no such connector; the message lists the known providers.
    """
    connector = discover().get(provider)
    if connector is None:
        raise NotFound(f"There is no provider {provider[:60]!r}. Known: {', '.join(discover())}.")
    return connector


@router.get("/{provider}", operation_id="get_integration", responses=documented(400, 401, 404))
async def get(
    ctx: Ctx,
    project: Caller,
    provider: Provider,
    reveal: Annotated[bool, Query(description="Show the signing secret.")] = False,
) -> IntegrationOut:
    """Show the configuration of a provider."""
    get_connector(provider)
    read = integrations.reveal if reveal else integrations.get
    return await shown(ctx, await read(ctx, project.id, provider), reveal=reveal)


@router.put("/{provider}", operation_id="put_integration", responses=documented(400, 401, 404, 409, 422))
async def put(ctx: Ctx, project: Caller, provider: Provider, body: IntegrationPut) -> IntegrationOut:
    """Replace the configuration of a provider."""
    values = values_of(ctx, get_connector(provider), body)
    return await shown(ctx, await integrations.put(ctx, project.id, provider, values, confirm=bool(body.confirm)))


@router.post("/{provider}/probe", operation_id="probe_integration", responses=documented(400, 401, 404, 409))
async def probe(ctx: Ctx, project: Caller, catalog: Packages, provider: Provider) -> ProbeOut:
    """Call the list endpoint as the recruiter's dialog would, and return the first error in its answer."""
    get_connector(provider)
    integration = await integrations.get(ctx, project.id, provider)
    linked = await accounts.list_page(ctx, project.id, provider=provider, limit=1)
    found = await catalog.probe(integration, linked[0].id if linked else "acc_probe")
    return ProbeOut(
        ok=found.problem is None,
        status=found.status,
        ms=found.ms,
        packages=[ProbePackage(id=one.id, name=one.name, description=one.description) for one in found.packages],
        problem=found.problem,
        path=found.path,
        expected=found.expected,
    )


def values_of(ctx: Context, connector: Connector, body: IntegrationPut) -> dict[str, Any]:
    """
    Returns a body's values for `services.integrations.put`: with defaults, and only the secrets that were given.

    Raises:
        Invalid: `packages_url` cannot be called.
    """
    problem = body.packages_url and callable_problem(body.packages_url, allow_http=ctx.settings.allow_http)
    if problem:
        raise Invalid(f"packages_url: {problem}", errors=[f"packages_url: {problem}"])
    kept = {name for name in integrations.SECRETS if name not in body.model_fields_set}
    values = body.model_dump(exclude={"confirm", *kept})
    hosts = body.callback_hosts if body.callback_hosts is not None else connector.manifest.callback_hosts
    return {**values, "callback_hosts": tuple(hosts)}


async def shown(ctx: Context, integration: Integration, *, reveal: bool = False) -> IntegrationOut:
    """Returns an integration as the API shows it."""
    connector = get_connector(integration.provider)
    called = await integrations.last_called(ctx, integration.project_id, integration.provider)
    masked = {name: getattr(integration, name) and MASK for name in integrations.SECRETS}
    plain = {name: getattr(integration, name) for name in IntegrationIn.model_fields if name not in masked}
    return IntegrationOut(
        provider=integration.provider,
        **{**plain, **masked, "callback_hosts": list(integration.callback_hosts)},
        signing_secret=integration.signing_secret if reveal else MASK,
        endpoints=connector.endpoints(ctx.settings.public_url, integration.tenant_id),
        last_called_at={
            call: stamp(from_ms(called[call])) if call in called else None for call in connector.manifest.calls
        },
        created_at=stamp(integration.created_at),
        updated_at=stamp(integration.updated_at),
    )
