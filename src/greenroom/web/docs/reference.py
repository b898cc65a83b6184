"""The reference of the API and of the webhook events, as Markdown made of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

METHODS = ("get", "put", "post", "patch", "delete")
#: levels of objects within objects that a table of fields shows
DEEPEST = 3
MOST_VALUES = 12


class Made(NamedTuple):
    """A page that is made of the OpenAPI document."""

    path: str
    title: str
    about: str


API = Made("reference/api", "API reference", "every operation: parameters, body and answer, field by field")
EVENTS = Made("reference/events", "Event reference", "every webhook event with an example, field by field")
PAGES = (API, EVENTS)


def build(openapi: Mapping[str, Any]) -> dict[str, str]:
    """Returns the Markdown of both pages by their files."""
    return {f"{API.path}.md": _api(openapi), f"{EVENTS.path}.md": _events(openapi)}


def _api(openapi: Mapping[str, Any]) -> str:
    lines = [f"# {API.title}", "", "Made of this gateway's `/openapi.json`. [The API](../api.md) explains the rules."]
    by_tag: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in openapi["paths"].items():
        for method in METHODS:
            if method in operations:
                by_tag.setdefault(operations[method].get("tags", ["Other"])[0], []).append(
                    (method, path, operations[method])
                )
    for tag, found in by_tag.items():
        lines += ["", f"## {tag}"]
        for method, path, operation in found:
            lines += ["", f"### `{method.upper()} {path}`", "", operation.get("description", ""), ""]
            lines += _parameters(operation)
            lines += _body(openapi, "Body", operation.get("requestBody", {}))
            for status, answer in operation.get("responses", {}).items():
                if status.startswith("2"):
                    lines += _body(openapi, f"Answer {status}", answer)
    return "\n".join(lines) + "\n"


def _events(openapi: Mapping[str, Any]) -> str:
    lines = [f"# {EVENTS.title}", "", "Made of the section `webhooks` of this gateway's `/openapi.json`.", ""]
    lines += ["[Receivers](../receivers.md) verify an event's signature in six languages."]
    for name, operations in openapi.get("webhooks", {}).items():
        operation = operations["post"]
        lines += ["", f"## `{name}`", "", operation.get("description", ""), ""]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for example in _find_object(openapi, schema).get("examples", ()):
            shown = {**example, "event": name}
            lines += ["```json", json.dumps(shown, indent=2, ensure_ascii=False), "```", ""]
        lines += _body(openapi, "Fields", operation["requestBody"])
    return "\n".join(lines) + "\n"


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    if parameters:
        yield from ("| parameter | in | type | |", "| --- | --- | --- | --- |")
        for one in parameters:
            about = one.get("description") or one.get("schema", {}).get("description", "")
            required = "Required. " if one.get("required") else ""
            yield _row(f"`{one['name']}`", one["in"], _name_type(one.get("schema", {})), required + about)
        yield ""


def _body(openapi: Mapping[str, Any], title: str, holder: Mapping[str, Any]) -> Iterator[str]:
    schema = holder.get("content", {}).get("application/json", {}).get("schema")
    if not schema:
        return
    rows = list(_fields(openapi, schema, "", is_sent=title == "Body"))
    yield f"**{title}**"
    yield ""
    if rows:
        yield from ("| field | type | |", "| --- | --- | --- |")
        yield from rows
    else:
        yield f"Type: {_name_type(schema)}."
    yield ""


def _fields(openapi: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, *, is_sent: bool) -> Iterator[str]:
    """Yields the rows of an object's fields; `is_sent` says that the reader sends it, so required fields matter."""
    schema = _find_object(openapi, schema)
    required = schema.get("required", ()) if is_sent else ()
    for name, field in schema.get("properties", {}).items():
        about = field.get("description", "")
        yield _row(f"`{prefix}{name}`", _name_type(field), f"Required. {about}" if name in required else about)
        items = _find_items(field)
        if prefix.count(".") + 1 < DEEPEST:
            yield from _fields(openapi, items or field, f"{prefix}{name}{'[]' if items else ''}.", is_sent=is_sent)


def _find_items(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the schema of a list's items."""
    for one in (schema, *schema.get("anyOf", ())):
        if one.get("type") == "array":
            items: Mapping[str, Any] = one.get("items", {})
            return items
    return None


def _find_object(openapi: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the object that a schema is, refers to or allows."""
    for one in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        is_named = "$ref" in one
        found: Mapping[str, Any] = openapi["components"]["schemas"][one["$ref"].rpartition("/")[2]] if is_named else one
        if "properties" in found:
            return found
    return {}


def _name_type(schema: Mapping[str, Any]) -> str:
    """Returns the type of a value in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        values = [f"`{one}`" for one in schema["enum"][:MOST_VALUES]]
        return ", ".join([*values, "…"] if len(schema["enum"]) > MOST_VALUES else values)
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            return " or ".join(dict.fromkeys(_name_type(one) for one in schema[kind]))
    if schema.get("type") == "array":
        return f"list of {_name_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
