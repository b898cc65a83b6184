"""`/v1/hub`: the origins that may embed a project's hub, and its look."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from greenroom.api.callers import Caller, Ctx
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import Label, Line, StrictBody, example
from greenroom.model.hub import (
    LONGEST_NAME,
    MOST_ORIGINS,
    Branding,
    HubSettings,
    check_accent,
    check_logo,
    check_origin,
)
from greenroom.services import hub_settings

router = APIRouter(prefix="/v1/hub", tags=["Hub"], route_class=IdempotentRoute)


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


class BrandingIn(StrictBody):
    """The look of the hub; a field that is left out or null takes its default."""

    accent: Annotated[Line, AfterValidator(check_accent)] | None = Field(
        None, description="Colour of buttons; white text on it needs a contrast of 4.5:1.", examples=["#1f6f54"]
    )
    logo_url: Annotated[Line, AfterValidator(check_logo)] | None = Field(
        None, description="An https URL.", examples=["https://cdn.vendor.example/logo.svg"]
    )
    product_name: Annotated[Label, Field(max_length=LONGEST_NAME)] | None = Field(
        None, description="The name that customers know you by; the project's name by default.", examples=["Proctor"]
    )


class HubIn(StrictBody):
    """The settings of the hub, which replace the present ones."""

    model_config = example(
        allowed_origins=["https://app.vendor.example"], branding={"accent": "#1f6f54", "product_name": "Proctor"}
    )

    allowed_origins: Annotated[
        list[Annotated[Line, AfterValidator(check_origin)]], Field(max_length=MOST_ORIGINS), AfterValidator(_unique)
    ] = Field(
        default_factory=list,
        description="Exact origins of the pages that embed the hub, such as https://app.vendor.example. Connect "
        "sessions of type test are also allowed on every port of http://localhost.",
    )
    branding: BrandingIn = Field(default_factory=BrandingIn)


class BrandingOut(BaseModel):
    """The look of the hub; null stands for the default."""

    accent: str | None = Field(description="The colour of buttons.")
    logo_url: str | None = Field(description="Your logo.")
    product_name: str | None = Field(description="Your product's name.")


class HubOut(BaseModel):
    """The settings of the hub."""

    allowed_origins: list[str] = Field(description="The origins of the pages that may embed the hub.")
    branding: BrandingOut


@router.get("", operation_id="get_hub", responses=documented(400, 401))
async def get(ctx: Ctx, project: Caller) -> HubOut:
    """Show which origins may embed the hub, and its look."""
    return shown(await hub_settings.get(ctx, project.id))


@router.put("", operation_id="put_hub", responses=documented(400, 401, 422))
async def put(ctx: Ctx, project: Caller, body: HubIn) -> HubOut:
    """Replace the origins that may embed the hub, and its look."""
    return shown(await hub_settings.put(ctx, project.id, read_settings(body)))


def read_settings(body: HubIn) -> HubSettings:
    """Returns the settings of a body that has been checked."""
    return HubSettings(tuple(body.allowed_origins), Branding(**body.branding.model_dump()))


def shown(settings: HubSettings) -> HubOut:
    """Returns hub settings as the API shows them."""
    look = settings.branding
    return HubOut(
        allowed_origins=list(settings.allowed_origins),
        branding=BrandingOut(accent=look.accent, logo_url=look.logo_url, product_name=look.product_name),
    )
