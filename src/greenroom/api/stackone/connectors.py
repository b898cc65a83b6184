"""
`/connectors/meta`: the capabilities of each connector, in StackOne's shape.

Names are in snake case, as in StackOne's real answers. Packages and orders are described from the unified models,
results from the connector's own table of fields, so that the description always matches the code.
Source: StackOne's published OpenAPI document, and a captured answer for the inside of `models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypedDict, get_args, get_origin

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.declared import described
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.api.stackone.models import AssessmentPackage, BackgroundCheckPackage, OrderPlaced
from greenroom.api.stackone.orders import OrderBody
from greenroom.api.stackone.packages import STORED, PackageBody, PackageChangeBody
from greenroom.api.v1.integrations import get_connector
from greenroom.connectors import discover
from greenroom.connectors.contract import Capabilities, Connector, ResultField
from greenroom.model.events import ORDER_CREATED
from greenroom.model.orders import Category
from greenroom.services import integrations

router = APIRouter(prefix="/connectors/meta", tags=["Connectors"], route_class=KeyedRoute)
#: StackOne's category of all Greenroom connectors
CATEGORY = "ats"
PACKAGES: dict[Category, type[BaseModel]] = {
    "assessments": AssessmentPackage,
    "background_checks": BackgroundCheckPackage,
}
Fields = list[dict[str, Any]]

Included = Annotated[
    str | None,
    Query(
        description="Comma-separated: `field_path`, `resources`, `webhooks`. The contract's `unmapped_fields` and "
        "`static_fields` are accepted, there are none; so is `inactive`, inactive connectors are always listed.",
        examples=["resources,field_path"],
    ),
]


class Meta(TypedDict):
    """A connector's description before it is validated."""

    provider: str
    provider_name: str
    category: str
    active: bool
    capabilities: dict[str, Any]
    configuration_fields: list[dict[str, Any]]
    credential_fields: list[dict[str, Any]]
    models: dict[str, Any]


class ConnectorsMeta(BaseModel):
    """A connector. `active` says whether the project has its integration enabled."""

    provider: str = Field(description="The ATS.")
    provider_name: str = Field(description="The ATS's name.")
    category: str = Field(description="Always `ats`.")
    active: bool = Field(description="Whether its integration is enabled.")
    capabilities: dict[str, Any] = Field(
        description="What the ATS can do: of each capability its `value`, and the `source` and `date` of the fact.",
        examples=[{"cancel": {"value": True, "source": "the ATS's documentation", "date": "2026-11-28"}}],
    )
    configuration_fields: list[dict[str, Any]] = Field(
        description="The fields of `PUT /v1/integrations/{provider}` besides those of every integration: `name`, "
        "`label`, `help`, `type`, `secret`, `options`, `default`, `required_if`."
    )
    credential_fields: list[dict[str, Any]] = Field(description="The fields of an account's `credentials`, likewise.")
    models: dict[str, Any] = Field(
        description="By model and operation: `api_path`, `operation_type`, and the fields of `input` and `output`.",
        examples=[{"assessments/results": {"update": {"api_path": "/unified/ats/assessments/orders/:id/result"}}}],
    )
    resources: dict[str, Any] | None = Field(None, description="With `include=resources`.")
    webhooks: list[dict[str, Any]] | None = Field(None, description="With `include=webhooks`: the events it can send.")


@router.get(
    "",
    operation_id="stackone_list_connectors_meta",
    responses=documented(400, 401),
    response_model_exclude_unset=True,
)
async def list_meta(ctx: Ctx, project: Caller, include: Included = None) -> list[ConnectorsMeta]:
    """Every connector, as a bare array."""
    active = await integrations.enabled_providers(ctx, project.id)
    return [_shown(connector, active, include) for connector in discover().values()]


@router.get(
    "/{provider}",
    operation_id="stackone_get_connector_meta",
    responses=documented(400, 401, 404),
    response_model_exclude_unset=True,
)
async def get_meta(
    ctx: Ctx,
    project: Caller,
    provider: Annotated[Plain, Path(description="The ATS.", examples=["greenhouse"])],
    include: Included = None,
) -> ConnectorsMeta:
    """One connector."""
    return _shown(get_connector(provider), await integrations.enabled_providers(ctx, project.id), include)


def _shown(connector: Connector, active: frozenset[str], include: str | None) -> ConnectorsMeta:
    wanted = {part.strip() for part in (include or "").split(",")}
    more: dict[str, Any] = {}
    if "resources" in wanted:
        more["resources"] = {"images": {"logo_url": None, "original_logo_horizontal_url": None}}
    if "webhooks" in wanted:
        more["webhooks"] = [{"event": ORDER_CREATED[category]} for category in connector.manifest.categories]
    return ConnectorsMeta(**describe_connector(connector, active, with_paths="field_path" in wanted), **more)


def describe_connector(connector: Connector, active: frozenset[str], *, with_paths: bool = False) -> Meta:
    """
    Returns a connector's capabilities, by model and operation.

    Models whose name has a slash are siblings of their parent, which is empty. `with_paths` adds `field_path` to every
    field: its dotted path in the body.
    """
    models: dict[str, Any] = {}
    for category in connector.manifest.categories:
        models[category] = {}
        models[f"{category}/packages"] = _packages(category)
        models[f"{category}/orders"] = {
            "create": _write(f"/unified/ats/{category}/orders", get_fields(OrderBody), get_fields(OrderPlaced))
        }
        models[f"{category}/results"] = {
            "update": _write(
                f"/unified/ats/{category}/orders/:id/result", _result_fields(connector.result_fields), _ID_ONLY
            )
        }
    if with_paths:
        for operations in models.values():
            for operation in operations.values():
                for side in ("input", "output"):
                    _add_paths(operation.get(side, {}).get("default_fields", []))
    return {
        "provider": connector.manifest.provider,
        "provider_name": connector.manifest.name,
        "category": CATEGORY,
        "active": connector.manifest.provider in active,
        "capabilities": _capabilities(connector.manifest.capabilities),
        "configuration_fields": described(connector.configuration_fields),
        "credential_fields": described(connector.credential_fields),
        "models": models,
    }


def _capabilities(found: Capabilities) -> dict[str, Any]:
    return {
        name: {"value": getattr(found, name), "source": source.text, "date": source.date}
        for name, source in found.sources.items()
    }


_ID_ONLY: Fields = [{"name": "id", "type": "string"}]


def _packages(category: Category) -> dict[str, Any]:
    path, fields = f"/unified/ats/{category}/packages", get_fields(PACKAGES[category])
    filters = [{"name": "updated_after", "type": "datetime"}]
    operations = {
        "list": {**_read(path, fields), "unified_filters": filters},
        "get": _read(f"{path}/:id", fields),
    }
    if category == STORED:
        operations["create"] = _write(path, get_fields(PackageBody), _ID_ONLY)
        operations["update"] = _write(f"{path}/:id", get_fields(PackageChangeBody), _ID_ONLY)
        operations["delete"] = _write(f"{path}/:id", [], _ID_ONLY)
    return operations


def _read(path: str, fields: Fields) -> dict[str, Any]:
    return {"api_path": path, "operation_type": "read", "output": _side(fields)}


def _write(path: str, given: Fields, answered: Fields) -> dict[str, Any]:
    required = [field["name"] for field in given if field.get("required")]
    entered = {**_side(given), **({"required_fields": required} if required else {})}
    return {"api_path": path, "operation_type": "write", "input": entered, "output": _side(answered)}


def _side(fields: Fields) -> dict[str, Any]:
    return {"default_fields": [dict(field) for field in fields], "expand_fields": []}


def get_fields(model: type[BaseModel]) -> Fields:
    """
    Returns the fields of a unified model: name, type, and whether a write requires it.

    The type of a nested model, or of a list of them, is the list of its fields.
    """
    return [
        {"name": name, **_type_of(field.annotation), **({"required": True} if _is_needed(field) else {})}
        for name, field in model.model_fields.items()
    ]


def _is_needed(field: FieldInfo) -> bool:
    return field.is_required() and type(None) not in get_args(field.annotation)


def _type_of(annotation: Any) -> dict[str, Any]:
    """Returns the fields of a nested model as type, else `string`; free objects have no type."""
    inner = [part for part in _parts(annotation) if isinstance(part, type)]
    model = next((part for part in inner if issubclass(part, BaseModel)), None)
    if model is not None:
        return {"type": get_fields(model)}
    return {"type": "string"} if str in inner else {}


def _parts(annotation: Any) -> Iterable[Any]:
    """Yields an annotation and its type arguments, recursively, but not those of a `dict`."""
    yield annotation
    if get_origin(annotation) is not dict:
        for part in get_args(annotation):
            yield from _parts(part)


def _result_fields(table: tuple[ResultField, ...]) -> Fields:
    """Returns the connector's table as nested fields: `score.value` becomes `value` inside `score`."""
    fields: Fields = []
    for row in table:
        parent, _, name = row.path.rpartition(".")
        siblings = fields
        if parent:
            found = next((field for field in fields if field["name"] == parent), None)
            if found is None:
                found = {"name": parent, "type": []}
                fields.append(found)
            siblings = found["type"]
        siblings.append(_result_field(name, row))
    return fields


def _result_field(name: str, row: ResultField) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": row.type}
    if row.required:
        field["required"] = True
    if row.values:
        field["value_map"] = {"type": "hashmap", "matcher": _matcher(row.values)}
    return field


def _matcher(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"source_value": theirs, "value": ours} for ours, theirs in values.items()]


def _add_paths(fields: Fields, parent: str = "") -> None:
    for field in fields:
        field["field_path"] = f"{parent}{field['name']}"
        if isinstance(field.get("type"), list):
            _add_paths(field["type"], f"{field['field_path']}.")
