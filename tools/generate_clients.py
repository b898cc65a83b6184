"""
Generates the typed clients from the gateway's own OpenAPI document, each beside its handwritten files.

    python tools/generate_clients.py TARGET [python] [typescript]    # TARGET/python and TARGET/typescript
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greenroom.app import build_app
from greenroom.settings import Settings

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "clients"
GENERATOR = Path(sys.executable).parent / "datamodel-codegen"
#: methods that the rule of `method_name` would name badly
NAMES = {
    "ats_order_assessments_request": "place_order",
    "ats_order_background_check_request": "place_order",
    "ats_list_assessments_add_orders": "list_orders",
    "ats_list_background_check_add_orders": "list_orders",
    "expunge_order": "erase_content",
    "stackone_get_account": "get",
    "stackone_update_account": "update",
    "stackone_delete_account": "delete",
    "stackone_get_account_meta_info": "get_meta",
}
#: arguments that are not named after their parameter; `state` is taken by the helpers of lists
ARGUMENTS = {"x-account-id": "account_id", "filter[updated_after]": "updated_after", "state": "delivery_state"}
#: headers that the client sets, or that change nothing
OWN_HEADERS = ("Idempotency-Key", "Prefer")
#: limits, which the gateway checks with better messages, in types they would be a class for each text; and repetitions
LEFT_OUT = (
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum"),
    *("title", "examples", "example"),
)


def read_document() -> dict[str, Any]:
    """Returns the OpenAPI document that a gateway of this version serves."""
    return json.loads(json.dumps(build_app(Settings()).openapi()))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each operation with its JSON pointer."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}", operation


def resource_name(operation: dict[str, Any]) -> str:
    """Returns the name of the client's attribute that has an operation: its tag."""
    return str(operation["tags"][0]).lower().replace(" ", "_")


def method_name(operation: dict[str, Any]) -> str:
    """Returns the name of an operation's method: its id without the resource, as in `orders.get`."""
    name, resource = str(operation["operationId"]), resource_name(operation)
    if name in NAMES:
        return NAMES[name]
    singular = re.sub("ies$", "y", resource) if resource.endswith("ies") else resource.removesuffix("s")
    short = re.sub(rf"(^|_)({resource}|{singular})(?=_|$)", "", re.sub("^(ats|stackone)_", "", name), count=1)
    return short.strip("_")


def simplify(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the document without what a client does not need, and with replies that a newer gateway may widen."""
    document = copy.deepcopy(document)
    for _, operation in operations(document):
        operation["parameters"] = [one for one in operation.get("parameters", []) if _is_needed(one)]
        for parameter in operation["parameters"]:
            if parameter["name"] == "page_size":  # a text for StackOne's clients
                parameter["schema"] = {**parameter["schema"], "type": "integer"}
                parameter["schema"].pop("anyOf", None)
        found = {status: reply for status, reply in operation["responses"].items() if status.startswith("2")}
        refused = {"schema": {"$ref": "#/components/schemas/Fault"}}
        for reply in found.values():
            reply.pop("headers", None)
        for status in ("4XX", "5XX"):
            found[status] = {"description": "A refusal.", "content": {"application/json": refused}}
        operation["responses"] = found
        operation.pop("summary")  # the beginning of the description
    for event in document["webhooks"].values():
        event["post"].update(parameters=[], responses={"200": {"description": "Accepted."}})
    _plain(document)
    sent = _names_in(document, [one.get("requestBody") for _, one in operations(document)])
    for name, schema in document["components"]["schemas"].items():
        fields = schema.get("properties", {})
        if name in sent:
            schema["properties"] = {field: one for field, one in fields.items() if not one.get("deprecated")}
        else:
            _widen({field: one for field, one in fields.items() if field != "event"})
    return document


def _is_needed(parameter: dict[str, Any]) -> bool:
    compatible_only = parameter.get("deprecated") or parameter.get("style") == "deepObject"
    return not compatible_only and parameter["name"] not in OWN_HEADERS


def _plain(node: Any) -> None:
    """Removes `LEFT_OUT`, and options that tolerate a client's habits: a blank text for no time, null for no body."""
    if isinstance(node, list):
        for one in node:
            _plain(one)
    if not isinstance(node, dict):
        return
    for name in LEFT_OUT:
        if not isinstance(node.get(name), dict):  # a field of this name
            node.pop(name, None)
    if "anyOf" in node:
        node["anyOf"] = [one for one in node["anyOf"] if one.get("const") != ""]
    if isinstance(body := node.get("requestBody"), dict):
        content = body["content"]["application/json"]
        options = [one for one in content["schema"].get("anyOf", ()) if one.get("type") != "null"]
        if len(options) == 1:
            content["schema"] = options[0]
    for one in node.values():
        _plain(one)


def _widen(node: Any) -> None:
    """Permits any text where some texts are known, since a newer gateway may have more of them."""
    if isinstance(node, list):
        for one in node:
            _widen(one)
    elif isinstance(node, dict):
        for one in node.values():
            _widen(one)
        known = node.pop("enum") if isinstance(node.get("enum"), list) else [node.get("const")]
        if all(isinstance(one, str) for one in known):
            node.pop("const", None)
            node.pop("type", None)
            node["anyOf"] = [{"type": "string", "enum": known}, {"type": "string"}]


def _names_in(document: dict[str, Any], node: Any) -> set[str]:
    """Returns the names of the schemas that a part of the document uses, directly or not."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for name in set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(waiting.pop()))) - found:
            found.add(name)
            waiting.append(document["components"]["schemas"][name])
    return found


def describe_operations(document: dict[str, Any], simple: dict[str, Any]) -> dict[str, Any]:
    """Returns the generator's settings of each operation: names of method and arguments, and what may be sent again."""
    settings = {}
    idempotent = {where for where, one in operations(document) if _takes(one, "Idempotency-Key")}
    for where, operation in operations(simple):
        name = method_name(operation)
        runtime: dict[str, Any] = {"request_id_header": "x-request-id"}
        if where in idempotent:
            runtime["idempotency"] = {"header_name": "Idempotency-Key"}
        elif name == "update_result":  # the same result again changes nothing
            runtime["retry_safety"] = "idempotent"
        taken = [one for one in operation["parameters"] if one["name"] in ARGUMENTS]
        arguments = {f"{one['in']}:{one['name']}": ARGUMENTS[one["name"]] for one in taken}
        settings[where] = {"name": name, "runtime": runtime, "parameter_names": arguments}
    return settings


def describe_lists(simple: dict[str, Any]) -> dict[str, Any]:
    """Returns the generator's settings of each list in pages: `pages.orders`, or `pages.orders_timeline`."""
    settings = {}
    for where, operation in operations(simple):
        if not _takes(operation, "next"):
            continue
        page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        entry = simple["components"]["schemas"][page]["properties"]["data"]["items"]["$ref"].removeprefix("#")
        name = f"{resource_name(operation)}_{re.sub('^(list|get)_?', '', method_name(operation))}".rstrip("_")
        settings[name] = {
            "kind": "pagination",
            "operation": where,
            "items": {"from": "body", "pointer": "/data"},
            "item_schema": {"pointer": entry},
            "continuation": {
                "kind": "cursor",
                "read": {"from": "body", "pointer": "/next"},
                "write": {"in": "query", "name": "next"},
                "end": [{"kind": "null"}],
                "empty_string": "end",
            },
        }
    return settings


def _takes(operation: dict[str, Any], parameter: str) -> bool:
    return any(one["name"] == parameter for one in operation.get("parameters", []))


def write_events(simple: dict[str, Any], package: Path) -> None:
    """Writes the module with the body of each event, by the event's name and its other spellings."""
    bodies = {}
    for name, event in simple["webhooks"].items():
        body = event["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        field = simple["components"]["schemas"][body]["properties"]["event"]
        bodies.update(dict.fromkeys(field.get("enum", [field.get("const", name)]), body))
    classes = sorted(set(bodies.values()))
    lines = ['"""The bodies of events. Generated."""', "", "from greenroom_client.models import ("]
    lines += [f"    {one}," for one in classes]
    lines += [")", "", f"KnownEvent = {' | '.join(classes)}", "BODIES: dict[str, type[KnownEvent]] = {"]
    lines += [f'    "{name}": {body},' for name, body in bodies.items()]
    (package / "_events.py").write_text("\n".join([*lines, "}", ""]))


def generate_python(document: dict[str, Any], target: Path) -> None:
    """Writes the Python package; the generator's options are in its `pyproject.toml`."""
    simple = simplify(document)
    inputs = {
        "document": simple,
        "operations": describe_operations(document, simple),
        "lists": describe_lists(simple),
    }
    (target / "generator").mkdir()
    for name, content in inputs.items():
        (target / "generator" / f"{name}.json").write_text(json.dumps(content))
    done = subprocess.run([str(GENERATOR)], cwd=target, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"datamodel-codegen failed:\n{done.stderr[-4000:]}")
    write_events(simple, target / "src" / "greenroom_client")


def main(target: Path, languages: list[str]) -> None:
    """Writes clients below the target, in place of what was there."""
    document = read_document()
    for language in languages:
        folder = target / language
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SOURCES / language, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        shutil.copy(ROOT / "LICENSE", folder)
    if "python" in languages:
        generate_python(document, target / "python")
    if "typescript" in languages:  # `npm run generate` does the rest
        (target / "typescript" / "openapi.json").write_text(json.dumps(document))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve(), sys.argv[2:] or ["python", "typescript"])
