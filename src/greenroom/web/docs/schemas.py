"""JSON Schemas of the OpenAPI document as rows of Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

#: levels of objects within objects that a table of fields shows
DEEPEST = 3
MOST_VALUES = 12
_LIMITS = {
    "maxLength": "At most {} characters.",
    "minimum": "At least {}.",
    "maximum": "At most {}.",
    "maxItems": "At most {} entries.",
}
#: longer limits protect the gateway alone
LONGEST_LIMIT = 1000


class Schemas:
    """The schemas of one OpenAPI document."""

    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._named: Mapping[str, Schema] = openapi.get("components", {}).get("schemas", {})

    def resolve(self, schema: Schema) -> Schema:
        """Returns the schema that a reference names, or the schema itself."""
        while "$ref" in schema:
            schema = self._named[schema["$ref"].rpartition("/")[2]]
        return schema

    def find_object(self, schema: Schema) -> Schema:
        """Returns the object with fields that a schema is, refers to or allows; an empty one if there is none."""
        for one in self._options(schema):
            if "properties" in one:
                return one
        return {}

    def tabulate(self, schema: Schema, *, is_sent: bool) -> list[str]:
        """Returns the table of an object's fields; `is_sent` marks the required ones, which the reader has to send."""
        items = self._find_items(schema)
        rows = list(self._rows(items or schema, "[]." if items else "", is_sent=is_sent))
        if not rows:
            return [f"{self.name_type(schema).capitalize()}.", ""]
        return ["| field | type | meaning |", "| --- | --- | --- |", *rows, ""]

    def tabulate_parameters(self, parameters: list[Mapping[str, Any]]) -> list[str]:
        """Returns the table of an operation's parameters."""
        rows = []
        for one in parameters:
            schema = one.get("schema", {})
            about = one.get("description") or schema.get("description", "")
            required = "Required. " if one.get("required") else ""
            deprecated = "Deprecated. " if one.get("deprecated") else ""
            type_name = f"{self.name_type(self._sent(schema))}, in the {one['in']}"
            rows.append(_row(f"`{one['name']}`", type_name, required + deprecated + about + self._limits(schema)))
        return ["| parameter | type | meaning |", "| --- | --- | --- |", *rows, ""] if rows else []

    def name_type(self, schema: Schema) -> str:
        """Returns the type of a value in a few words."""
        schema = self.resolve(schema)
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        if "enum" in schema:
            values = [f"`{one}`" for one in schema["enum"][:MOST_VALUES]]
            return ", ".join([*values, "…"] if len(schema["enum"]) > MOST_VALUES else values)
        for kind in ("anyOf", "oneOf", "allOf"):
            if kind in schema:
                return " or ".join(dict.fromkeys(self.name_type(one) for one in schema[kind]))
        if schema.get("type") == "array":
            return f"list of {self.name_type(schema.get('items', {}))}"
        return str(schema.get("format") or schema.get("type") or "any")

    def _rows(self, schema: Schema, prefix: str, *, is_sent: bool) -> Iterator[str]:
        schema = self.find_object(schema)
        required = schema.get("required", ()) if is_sent else ()
        for name, field in schema.get("properties", {}).items():
            about = field.get("description") or self.resolve(field).get("description", "")
            is_required = "Required. " if name in required else ""
            yield _row(f"`{prefix}{name}`", self.name_type(field), is_required + about + self._limits(field))
            items = self._find_items(field)
            if prefix.count(".") + 1 < DEEPEST:
                yield from self._rows(items or field, f"{prefix}{name}{'[]' if items else ''}.", is_sent=is_sent)

    def _sent(self, schema: Schema) -> Schema:
        """Returns a parameter's schema without null and the empty text, which nobody needs to send."""
        options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null" and one.get("const") != ""]
        return options[0] if len(options) == 1 else {**schema, "anyOf": options} if options else schema

    def _limits(self, schema: Schema) -> str:
        found = next((one for one in self._options(schema) if one.get("type") != "null"), schema)
        told = [text.format(found[name]) for name, text in _LIMITS.items() if 0 < found.get(name, 0) <= LONGEST_LIMIT]
        return "".join(f" {one}" for one in told)

    def _find_items(self, schema: Schema) -> Schema | None:
        """Returns the schema of a list's items."""
        for one in self._options(schema):
            if one.get("type") == "array":
                items: Schema = one.get("items", {})
                return items
        return None

    def _options(self, schema: Schema) -> Iterator[Schema]:
        """Yields the schema itself and every one that it allows, without references."""
        schema = self.resolve(schema)
        yield schema
        for kind in ("anyOf", "allOf", "oneOf"):
            yield from (self.resolve(one) for one in schema.get(kind, ()))


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
