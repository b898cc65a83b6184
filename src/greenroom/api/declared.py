"""Bodies and documents made of the fields that connectors declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, ValidationError
from pydantic.fields import FieldInfo

from greenroom.api.shapes import MOST, Label, Line, StrictBody
from greenroom.connectors.contract import DAY_S, QUESTION_TYPES, Field
from greenroom.errors import Invalid
from greenroom.model.integrations import check_host


class Option(StrictBody):
    """An answer that the recruiter can choose."""

    value: Label = pydantic.Field(description="What your event gets.")
    label: Label = pydantic.Field(description="What the recruiter reads.")


class QuestionIn(StrictBody):
    """A question that the ATS asks the recruiter with an order."""

    id: Label = pydantic.Field(description="The question's id in your event.")
    label: Label = pydantic.Field(description="What the recruiter reads.")
    type: Literal[QUESTION_TYPES] = pydantic.Field(description="The kind of field.")  # type: ignore[valid-type]
    required: bool = pydantic.Field(False, description="Whether it has to be answered.")
    options: list[Option] = pydantic.Field(default_factory=list, max_length=MOST, description="Of a select.")


def _hosts(values: list[str]) -> list[str]:
    return [check_host(value) for value in values]


def _questions(values: list[QuestionIn]) -> list[QuestionIn]:
    ids = [one.id for one in values]
    for number, one in enumerate(values):
        if one.id in ids[:number]:
            raise ValueError(f"{one.id[:60]!r} is the id of two questions")
        if one.type.endswith("select") and not one.options:
            raise ValueError(f"{one.id[:60]!r} is a {one.type} without options")
    return values


def annotation(field: Field) -> Any:
    """Returns the type of a declared field's value, with its validation; null is permitted."""
    value: Any = {
        "text": Line,
        "choice": Literal[tuple(field.options)] if field.options else Line,
        "hosts": Annotated[list[Label], pydantic.Field(max_length=MOST), AfterValidator(_hosts)],
        "seconds": Annotated[int, pydantic.Field(ge=0, le=DAY_S)],
        "questions": Annotated[list[QuestionIn], pydantic.Field(max_length=MOST), AfterValidator(_questions)],
    }[field.type]
    if field.check is not None:
        value = Annotated[value, AfterValidator(field.check)]
    return value | None


def model_of(name: str, base: type[StrictBody], fields: tuple[Field, ...]) -> type[Any]:
    """Returns a body with the fields of `base` and the declared ones."""
    declared: dict[str, Any] = {field.name: (annotation(field), _info(field)) for field in fields}
    made = pydantic.create_model(name, __base__=base, **declared)
    made.__doc__ = base.__doc__
    return made


def _info(field: Field) -> FieldInfo:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    help_text = f"Write-only. {field.help}" if field.secret else field.help
    return FieldInfo(default=default, title=field.label, description=help_text)


def missing(fields: tuple[Field, ...], values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Returns a line for each declared field that must have a value and has none."""
    return [
        f"{prefix}{field.name}: required: {field.help}"
        for field in fields
        if field.is_required(values) and values.get(field.name) in (None, "", (), [])
    ]


def described(fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    """Returns declared fields as JSON, for forms."""
    return [
        {
            "name": field.name,
            "label": field.label,
            "help": field.help,
            "type": field.type,
            "secret": field.secret,
            "options": [{"value": value, "label": label} for value, label in field.options.items()],
            "default": list(field.default) if isinstance(field.default, tuple) else field.default,
            "required_if": None
            if field.required_if is None
            else {name: list(values) for name, values in field.required_if.items()},
        }
        for field in fields
    ]


def read_credentials(fields: tuple[Field, ...], given: dict[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """
    Returns an account's credentials as its connector declares them; a connector without any fields takes every object.

    `partial` says that they are added to others.

    Raises:
        RequestValidationError: a field is unknown or not acceptable.
        Invalid: a field that must have a value has none.
    """
    if not fields:
        return given
    try:
        read = model_of("Credentials", StrictBody, fields).model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", "credentials", *one["loc"])} for one in found]) from None
    values: dict[str, Any] = read.model_dump(exclude_unset=partial)
    asked = tuple(field for field in fields if field.name in values)
    if lines := missing(asked, values, "credentials."):
        raise Invalid("; ".join(lines), errors=lines)
    return values
