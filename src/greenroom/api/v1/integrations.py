"""`/v1/integrations`: a project's configuration of one provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Union

from fastapi import APIRouter, Body, Path, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo, field_validator

from greenroom.api.callers import Caller, Ctx, Packages
from greenroom.api.declared import missing, model_of
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import Label, Line, Plain, StrictBody, example
from greenroom.connectors import discover
from greenroom.connectors.contract import Connector
from greenroom.context import Context
from greenroom.errors import Invalid, NotFound
from greenroom.model.events import stamp
from greenroom.model.integrations import Integration, check_tenant_id
from greenroom.outbound import callable_problem
from greenroom.services import integrations
from greenroom.store.db import from_ms

MASK = "********"

router = APIRouter(prefix="/v1/integrations", tags=["Integrations"], route_class=IdempotentRoute)
Provider = Annotated[Plain, Path(description="Key of a connector, such as `greenhouse`.", examples=["greenhouse"])]


class IntegrationIn(StrictBody):
    """A new configuration: plain fields that are left out or null are cleared, secrets that are left out are kept."""

    model_config = example(
        tenant_id="acme-corp",
        packages_url="https://vendor.example.com/packages",
        packages_api_key="a key of yours",
    )

    enabled: bool | None = Field(True, description="Whether the ATS's calls are answered.")
    partner_category: Literal["assessments", "background_checks"] | None = Field(
        "assessments", description="Decides the order event and the unified path of results."
    )
    tenant_id: Label | None = Field(
        None, description="A word that you choose; it is part of the endpoint URLs.", examples=["acme-corp"]
    )
    packages_url: Line | None = Field(None, description="Package's List Endpoint URL: we POST {account_id, provider}.")
    packages_api_key: Line | None = Field(None, description="Write-only. Basic user name of the list call.")
    package_id: Label | None = Field(None, description="Static package, when there is no list.")
    package_name: Label | None = Field(None, description="Its label; the id by default.")
    order_check_url: Line | None = Field(
        None, description="Asked before an order is placed; may refuse it with a message for the recruiter."
    )
    store: Literal["full", "minimal"] | None = Field(
        "full",
        description="What is stored of an order. `minimal`: without the ATS's body, phone number, resume, profile URL, "
        "recruiter and hiring team; and the payload of an event is erased once it is delivered.",
    )
    resume: Literal["link", "store"] | None = Field(
        "link",
        description="`store`: a resume is also fetched and stored encrypted, for GET /v1/orders/{order_id}/resume. Not "
        "with store: minimal.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _null_clears(cls, value: object, info: ValidationInfo) -> object:
        return cls.model_fields[str(info.field_name)].default if value is None else value

    @field_validator("tenant_id")
    @classmethod
    def _tenant(cls, value: str | None) -> str | None:
        return None if value is None else check_tenant_id(value)


class IntegrationPut(IntegrationIn):
    """A new configuration; `confirm` allows a change that breaks linked accounts."""

    confirm: bool | None = Field(
        False,
        description="Allow a new or no tenant_id although the ATSs of linked accounts call URLs with the old one.",
    )


#: the body of each provider: the fields of every integration and those that its connector declares
BODIES: dict[str, type[IntegrationPut]] = {
    provider: model_of(f"{provider.capitalize()}IntegrationPut", IntegrationPut, one.configuration_fields)
    for provider, one in discover().items()
}


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


#: a body that is read once its provider is known
AnyPut = Annotated[
    dict[str, Any],
    PlainValidator(_object, json_schema_input_type=Union[tuple(BODIES.values())]),  # noqa: UP007
]


class IntegrationOut(BaseModel):
    """
    The configuration, with the fields that the provider's connector declares; secrets show as `********` when they are
    set and null when they are not.
    """

    model_config = ConfigDict(extra="allow")

    provider: str = Field(description="The ATS.")
    enabled: bool = Field(description="Whether the ATS's calls are answered.")
    partner_category: Literal["assessments", "background_checks"] = Field(description="What you offer.")
    tenant_id: str | None = Field(description="Names your integration in the URLs that the ATS calls.")
    packages_url: str | None = Field(description="Your endpoint that lists packages.")
    packages_api_key: str | None = Field(description="Masked.")
    package_id: str | None = Field(description="The one package, where there is no list.")
    package_name: str | None = Field(description="Its name.")
    order_check_url: str | None = Field(description="Asked before an order is placed.")
    store: Literal["full", "minimal"] = Field(description="How much of an order is stored.")
    resume: Literal["link", "store"] = Field(description="Whether résumés are stored, or linked to.")
    signing_secret: str = Field(description="Signs the package-list call; masked unless `reveal=true`.")
    endpoints: dict[str, str] = Field(description="What to put into the ATS's form for partners, by call.")
    last_called_at: dict[str, str | None] = Field(description="When the ATS last made each call, to the minute.")
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")


class ProbePackage(BaseModel):
    """A package as the recruiter would see it."""

    id: str = Field(description="Your id of the package.")
    name: str = Field(description="Its name.")
    description: str | None = Field(description="Your description.")


class ProbeOut(BaseModel):
    """The answer of the list endpoint just now; `ok` means that a recruiter would see `packages`."""

    ok: bool = Field(description="Whether the answer can be used.")
    status: int | None = Field(description="The answer's status; null without an answer.")
    ms: int = Field(description="How long it took, in milliseconds.")
    packages: list[ProbePackage] = Field(description="What recruiters would see.")
    problem: str | None = Field(description="The first error, with its JSON path.")
    path: str | None = Field(description="JSON path of the first unexpected value.")
    expected: str | None = Field(description="What was expected there.")


class SigningSecretRotationIn(StrictBody):
    """The time for which the replaced signing secret still signs."""

    model_config = example(overlap_seconds=86400)

    overlap_seconds: int = Field(
        int(integrations.OVERLAP.total_seconds()),
        ge=0,
        le=30 * 86400,
        description="How long the old secret signs as well.",
    )


class SigningSecretOut(BaseModel):
    """The new signing secret of the package-list call."""

    signing_secret: str = Field(description="The new secret.")
    previous_expires_at: str | None = Field(description="Until then the previous secret also signs.")


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
async def put(ctx: Ctx, project: Caller, provider: Provider, body: AnyPut) -> IntegrationOut:
    """Replace the configuration of a provider."""
    connector = get_connector(provider)
    read = read_put(provider, body)
    values = values_of(ctx, connector, read)
    await check_required(ctx, connector, project.id, values)
    changed = await integrations.put(
        ctx, project.id, provider, values, secret_settings=secret_settings(connector), confirm=bool(read.confirm)
    )
    return await shown(ctx, changed)


@router.post("/{provider}/probe", operation_id="probe_integration", responses=documented(400, 401, 404, 409))
async def probe(ctx: Ctx, project: Caller, catalog: Packages, provider: Provider) -> ProbeOut:
    """Call the list endpoint as the recruiter's dialog would, and return the first error in its answer."""
    get_connector(provider)
    integration = await integrations.get(ctx, project.id, provider)
    found = await catalog.test_linked(integration)
    return ProbeOut(
        ok=found.problem is None,
        status=found.status,
        ms=found.ms,
        packages=[ProbePackage(id=one.id, name=one.name, description=one.description) for one in found.packages],
        problem=found.problem,
        path=found.path,
        expected=found.expected,
    )


@router.post(
    "/{provider}/rotate-secret", operation_id="rotate_signing_secret", responses=documented(400, 401, 404, 409, 422)
)
async def rotate_secret(
    ctx: Ctx, project: Caller, provider: Provider, body: Annotated[SigningSecretRotationIn | None, Body()] = None
) -> SigningSecretOut:
    """Replace the secret that signs the calls to your endpoints; both sign until the overlap ends."""
    get_connector(provider)
    overlap = timedelta(seconds=(body or SigningSecretRotationIn()).overlap_seconds)
    new = await integrations.rotate_signing_secret(ctx, project.id, provider, overlap=overlap)
    until = new.previous_secret_expires_at
    return SigningSecretOut(signing_secret=new.signing_secret, previous_expires_at=until and stamp(until))


def read_put(provider: str, body: dict[str, Any]) -> IntegrationPut:
    """
    Reads the body of a provider.

    Raises:
        RequestValidationError: names each field that is not acceptable.
    """
    try:
        return BODIES[provider].model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


def values_of(ctx: Context, connector: Connector, body: IntegrationPut) -> dict[str, Any]:
    """
    Returns a body's values for `services.integrations.put`: with defaults, and only the secrets that were given.

    Raises:
        Invalid: `packages_url` or `order_check_url` cannot be called.
    """
    for name in ("packages_url", "order_check_url"):
        url = getattr(body, name)
        problem = url and callable_problem(url, allow_http=ctx.settings.allow_http)
        if problem:
            raise Invalid(f"{name}: {problem}", errors=[f"{name}: {problem}"])
    secret = (*integrations.SECRETS, *secret_settings(connector))
    left_out = {name for name in secret if name not in body.model_fields_set}
    given = body.model_dump(exclude={"confirm", *left_out})
    values = {name: value for name, value in given.items() if name in IntegrationIn.model_fields}
    settings = {name: value for name, value in given.items() if name not in values}
    return {**values, "settings": {name: _stored(value) for name, value in settings.items()}}


def _stored(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def secret_settings(connector: Connector) -> tuple[str, ...]:
    """Returns the names of the secret fields that a connector declares."""
    return tuple(field.name for field in connector.configuration_fields if field.secret)


async def check_required(ctx: Context, connector: Connector, project_id: str, values: Mapping[str, Any]) -> None:
    """
    Checks that each declared field that must have a value has one, or keeps one.

    Raises:
        Invalid: names each field that has none.
    """
    fields = connector.configuration_fields
    lines = missing(fields, values["settings"])
    if not lines:
        return
    known = await integrations.find(ctx, project_id, connector.manifest.provider)
    kept = {name: known.settings.get(name) for name in secret_settings(connector)} if known else {}
    if lines := missing(fields, {**kept, **values["settings"]}):
        raise Invalid("; ".join(lines), errors=lines)


async def shown(ctx: Context, integration: Integration, *, reveal: bool = False) -> IntegrationOut:
    """Returns an integration as the API shows it."""
    connector = get_connector(integration.provider)
    called = await integrations.last_called(ctx, integration.project_id, integration.provider)
    return IntegrationOut(
        provider=integration.provider,
        **configured(connector, integration, lambda _name, value: value and MASK),
        signing_secret=integration.signing_secret if reveal else MASK,
        endpoints=connector.endpoints(ctx.settings.public_url, integration.tenant_id),
        last_called_at={
            call: stamp(from_ms(called[call])) if call in called else None for call in connector.manifest.calls
        },
        created_at=stamp(integration.created_at),
        updated_at=stamp(integration.updated_at),
    )


def configured(
    connector: Connector, integration: Integration, hide: Callable[[str, str | None], str | None]
) -> dict[str, Any]:
    """Returns every configured field of an integration by name; `hide` replaces the value of a secret one."""
    fields = connector.configuration_fields
    settings = {field.name: integration.settings.get(field.name, field.default) for field in fields}
    plain = {name: getattr(integration, name) for name in IntegrationIn.model_fields}
    secret = (*integrations.SECRETS, *secret_settings(connector))
    found = {**plain, **settings}
    hidden = {name: hide(name, found[name]) for name in secret}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in (found | hidden).items()}
