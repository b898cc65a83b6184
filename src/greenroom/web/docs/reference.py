"""The reference of the API and of the webhook events, as Markdown made of the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from greenroom.web.docs.markdown import make_anchor
from greenroom.web.docs.schemas import Schemas

METHODS = ("get", "put", "post", "patch", "delete")
API, EVENTS = "reference/api", "reference/events"
#: what each status of a refusal means
STATUSES = {
    400: "The request cannot be read. `errors` names the parameter.",
    401: "No valid API key.",
    403: "The scope of the key is too small.",
    404: "It is not there, or not yours.",
    408: "Your list endpoint took longer than five seconds. Come back after `Retry-After`.",
    409: "It contradicts the current state. The message says how.",
    410: "It existed and has ended.",
    412: "The integration is disabled, or the account does not allow this.",
    413: "The body is over 256 KiB; for `PUT /v1/packages`, over 1 MiB.",
    422: "A value is not acceptable. `errors` has a line for each field.",
    429: "Over the rate limit. Come back after `Retry-After`.",
    501: "The provider has no such operation.",
    502: "A server that the gateway called for you failed. `provider_errors` has its answer.",
    503: "The database is away or busy. Come back after `Retry-After`.",
}
#: values in examples: of parameters in the path whose names do not say what they identify, and of required ones
_VARIABLES = {"orders": "ORDER_ID", "packages": "PACKAGE_ID", "accounts": "ACCOUNT_ID", "logs": "REQUEST_ID"}
_VALUES = {"provider": "greenhouse", "email": "ada@example.com"}


class Made(NamedTuple):
    """A page that is made of the OpenAPI document."""

    path: str
    title: str
    about: str
    source: str

    @property
    def file(self) -> str:
        """Returns the page's file, as if it were one of the docs."""
        return f"{self.path}.md"


class Operation(NamedTuple):
    """An operation of the API."""

    method: str
    path: str
    content: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Returns method and path."""
        return f"{self.method.upper()} {self.path}"

    @property
    def summary(self) -> str:
        """Returns what the operation does, in a line."""
        return str(self.content.get("summary", ""))


def build(openapi: Mapping[str, Any]) -> list[Made]:
    """Returns the overview, a page for each noun, and the events."""
    schemas = Schemas(openapi)
    nouns: dict[str, list[Operation]] = {}
    for path, operations in openapi["paths"].items():
        for method in METHODS:
            if method in operations:
                noun = operations[method].get("tags", ["Other"])[0]
                nouns.setdefault(noun, []).append(Operation(method, path, operations[method]))
    overview = "\n".join(_overview(nouns, schemas, openapi)) + "\n"
    made = [Made(API, "Overview", "every operation by noun, and the errors", overview)]
    for noun, found in nouns.items():
        source = "\n".join(_noun(noun, found, schemas)) + "\n"
        made.append(Made(_get_path(noun), noun, f"{noun}: every parameter and field", source))
    events = "\n".join(_events(openapi.get("webhooks", {}), schemas)) + "\n"
    return [*made, Made(EVENTS, "Events", "every webhook event with an example, field by field", events)]


def _get_path(noun: str) -> str:
    return f"reference/{noun.lower().replace(' ', '-')}"


def _overview(nouns: dict[str, list[Operation]], schemas: Schemas, openapi: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# API reference", "")
    yield "Made of this gateway's own [OpenAPI document](/openapi.json). [The API](../api.md) explains the rules."
    yield from ("Each example takes its values from these variables:", "")
    yield from ("```sh", "export GATEWAY_URL=https://greenroom.example.com   # your gateway")
    yield from ("export API_KEY=…                                     # greenroom keys create --name backend", "```")
    for noun, found in nouns.items():
        file = f"{_get_path(noun).rpartition('/')[2]}.md"
        yield from ("", f"## {noun}", "", "| call | does |", "| --- | --- |")
        for one in found:
            yield f"| [`{one.title}`]({file}#{make_anchor(one.title)}) | {one.summary}. |"
    yield from ("", "## Errors", "", "A refusal has one of these statuses.", "", "| status | means |", "| --- | --- |")
    yield from (f"| {status} | {text} |" for status, text in STATUSES.items())
    yield from ("", "Its body is the same for each. [Error codes](../api.md#error-codes) has every `errorCode`.", "")
    fault = openapi.get("components", {}).get("schemas", {}).get("Fault")
    if fault:
        yield from schemas.tabulate(fault, is_sent=False)


def _noun(noun: str, operations: list[Operation], schemas: Schemas) -> Iterator[str]:
    yield from (f"# {noun}", "", "| call | does |", "| --- | --- |")
    yield from (f"| [`{one.title}`](#{make_anchor(one.title)}) | {one.summary}. |" for one in operations)
    for one in operations:
        content = one.content
        yield from ("", f"## `{one.title}`", "", content.get("description", ""), "")
        yield from ("```sh", *_write_curl(one, schemas), "```", "")
        yield from schemas.tabulate_parameters(content.get("parameters", []))
        yield from _body("Body", content.get("requestBody", {}), schemas, is_sent=True)
        for status, answer in content.get("responses", {}).items():
            if status.startswith("2"):
                yield from _body(f"Answer {status}", answer, schemas, is_sent=False)
        refusals = sorted(one for one in content.get("responses", {}) if one[0] in "45")
        if refusals:
            shown = ", ".join(f"`{status}`" for status in refusals)
            yield f"**[Errors](api.md#errors)**: {shown}"


def _events(webhooks: Mapping[str, Any], schemas: Schemas) -> Iterator[str]:
    yield from ("# Event reference", "")
    yield "Every event that a webhook can receive, made of the section `webhooks` of this gateway's own"
    yield "[OpenAPI document](/openapi.json). [Receivers](../receivers.md) verify the signature in six languages."
    yield from ("", "## Headers", "", "Each request is a POST with these headers and a body in JSON.", "")
    for operations in list(webhooks.values())[:1]:
        yield from schemas.tabulate_parameters(operations["post"].get("parameters", []))
    for name, operations in webhooks.items():
        operation = operations["post"]
        content = operation["requestBody"]["content"]["application/json"]
        yield from (f"## `{name}`", "", operation.get("description", ""), "")
        yield from ("```json", json.dumps(content["example"], indent=2, ensure_ascii=False), "```", "")
        yield from schemas.tabulate(content["schema"], is_sent=False)


def _body(title: str, holder: Mapping[str, Any], schemas: Schemas, *, is_sent: bool) -> Iterator[str]:
    content = holder.get("content", {})
    if schema := content.get("application/json", {}).get("schema"):
        yield from (f"**{title}**", "", *schemas.tabulate(schema, is_sent=is_sent))
    elif not is_sent:
        yield from (f"**{title}**: {', '.join(f'`{one}`' for one in content) or 'no body'}.", "")


def _write_curl(operation: Operation, schemas: Schemas) -> Iterator[str]:
    """Yields the lines of a command that calls an operation."""
    content = operation.content
    arguments = [] if operation.method == "get" else [f"-X {operation.method.upper()}"]
    if content.get("security"):
        arguments.append('-u "$API_KEY:"')
    if any(one["name"] == "x-account-id" for one in content.get("parameters", ())):
        arguments.append('-H "x-account-id: $ACCOUNT_ID"')
    yield " ".join(["curl", *arguments, f'"$GATEWAY_URL{_fill_in(operation)}"']) + (
        " \\" if "requestBody" in content else ""
    )
    if "requestBody" in content:
        schema = schemas.find_object(content["requestBody"]["content"]["application/json"]["schema"])
        body = json.dumps(next(iter(schema.get("examples", [{}]))), indent=2, ensure_ascii=False)
        yield "  -H 'content-type: application/json' \\"
        quoted = body.replace("'", "'\\''")
        yield from f"  -d '{quoted}'".splitlines()


def _fill_in(operation: Operation) -> str:
    """Returns an operation's path and required query with variables and values for its parameters."""

    def fill(found: re.Match[str]) -> str:
        name, before = found[2], found[1]
        return f"{before}/" + (_VALUES.get(name) or "$" + (_VARIABLES[before] if name == "id" else name.upper()))

    path = re.sub(r"(\w+)/\{(\w+)\}", fill, operation.path)
    queries = []
    for one in operation.content.get("parameters", ()):
        if one["in"] == "query" and one.get("required"):
            values = one["schema"].get("enum") or [_VALUES[one["name"]]]
            queries.append(f"{one['name']}={quote(values[0])}")
    return f"{path}?{'&'.join(queries)}" if queries else path
