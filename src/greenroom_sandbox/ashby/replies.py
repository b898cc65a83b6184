"""Strict checks of a partner's replies to Ashby."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, TypeVar

from greenroom_sandbox.ashby.model import AssessmentType, Choice, CustomField, Update
from greenroom_sandbox.ashby.updates import Findings, read_update
from greenroom_sandbox.wire.checked import Checked, a_kind, note_unknown, parse_object, read_text

T = TypeVar("T")

FIELD_TYPES = (
    *("String", "Date", "DateRange", "Number", "ValueSelect", "MultiValueSelect", "Boolean", "LongText", "Email"),
    *("Phone", "Score", "SocialLink", "Url", "Currency", "Location"),
)
SELECTS = ("ValueSelect", "MultiValueSelect")


@dataclass(frozen=True)
class Accepted:
    """A good reply to ``assessment.start`` or ``assessment.cancel``."""

    assessment_id: str
    update: Update | None


@dataclass
class Reply(Checked[T]):
    """A checked reply; ``refusal`` is the partner's own message with ``success: false``."""

    refusal: str | None = None


def check_list(raw: bytes, uuid_ids: bool) -> Reply[list[AssessmentType]]:
    """Checks ``{success, results: [{assessment_type_id, name, description}]}``."""
    checked: Reply[list[AssessmentType]] = Reply("assessment.list")
    body = _successful(raw, checked, {"results"})
    if body is None:
        return checked
    types = []
    for index, item in _objects(body, "results", checked):
        where = f"results[{index}]."
        note_unknown(item, {"assessment_type_id", "name", "description"}, checked, where)
        type_id = _identifier(item, "assessment_type_id", uuid_ids, checked, where)
        name, description = read_text(item, "name", checked, where), item.get("description")
        if description is not None and not isinstance(description, str):
            checked.add_problem("description", f"{where}description must be a string, not {a_kind(description)}")
        types.append((type_id, name, description))
    if len({type_id for type_id, *_ in types}) < len(types):
        checked.add_problem("assessment_type_id", "assessment_type_id is not unique")
    if not checked.problems:
        checked.value = [
            AssessmentType(assessment_type_id=type_id, name=name, description=str(text) if text else None)
            for type_id, name, text in types
        ]
    return checked


def check_accepted(call: str, raw: bytes, uuid_ids: bool) -> Reply[Accepted]:
    """Checks ``{success, results: {assessment_id, update_request}}``."""
    checked: Reply[Accepted] = Reply(call)
    body = _successful(raw, checked, {"results"})
    if body is None:
        return checked
    results = body.get("results")
    if not isinstance(results, dict):
        checked.add_problem("results", f"results must be an object, not {a_kind(results)}")
        return checked
    note_unknown(results, {"assessment_id", "update_request"}, checked, "results.")
    assessment_id = _identifier(results, "assessment_id", uuid_ids, checked, "results.")
    update = _inline_update(results.get("update_request"), assessment_id, checked)
    if not checked.problems:
        checked.value = Accepted(assessment_id, update)
    return checked


def check_fields(call: str, raw: bytes) -> Reply[list[CustomField]]:
    """Checks ``{success, fields: [{id, name, type, possible_values, isRequired}]}``."""
    checked: Reply[list[CustomField]] = Reply(call)
    body = _successful(raw, checked, {"fields"})
    if body is None:
        return checked
    fields = [_field(item, f"fields[{index}].", checked) for index, item in _objects(body, "fields", checked)]
    if len({one.id for one in fields}) < len(fields):
        checked.add_problem("id", "the id of a field is not unique")
    if not checked.problems:
        checked.value = fields
    return checked


def read_refusal_message(raw: bytes) -> Reply[str]:
    """Checks the ``{message}`` of a 422, which Ashby shows to the user."""
    checked: Reply[str] = Reply("assessment.start")
    body = parse_object(raw, checked)
    if body is not None:
        message = read_text(body, "message", checked, "")
        if not checked.problems:
            checked.value = message
    return checked


def _successful(raw: bytes, checked: Reply[Any], known: set[str]) -> dict[str, object] | None:
    """Returns the body of a reply with ``success: true``; a refusal's message goes into ``checked``."""
    body = parse_object(raw, checked)
    if body is None:
        return None
    success = body.get("success")
    if not isinstance(success, bool):
        checked.add_problem("success", f"success must be a boolean, not {a_kind(success)}")
        return None
    if success:
        note_unknown(body, {"success", *known}, checked, "")
        return body
    info = body.get("errorInfo")
    message = info.get("message") if isinstance(info, dict) else None
    if not isinstance(message, str) or not message.strip():
        checked.add_problem("error", "success is false, but errorInfo.message is missing or empty")
        return None
    checked.refusal = message
    return None


def _objects(body: dict[str, object], name: str, checked: Checked[Any]) -> list[tuple[int, dict[str, object]]]:
    items = body.get(name)
    if not isinstance(items, list):
        checked.add_problem(name, f"{name} must be an array, not {a_kind(items)}")
        return []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            checked.add_problem(name, f"{name}[{index}] must be an object, not {a_kind(item)}")
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def _identifier(item: dict[str, object], key: str, uuid_ids: bool, checked: Checked[Any], where: str) -> str:
    text = read_text(item, key, checked, where)
    if text.strip() and uuid_ids:
        try:
            uuid.UUID(text)
        except ValueError:
            checked.add_problem(key, f"{where}{key} must be a UUID")
    return text


def _inline_update(raw: object, assessment_id: str, checked: Checked[Any]) -> Update | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        checked.add_problem("update_request", f"update_request must be an object, not {a_kind(raw)}")
        return None
    found = Findings()
    update = read_update(raw, found)
    if update is not None and update.assessment_id != assessment_id:
        found.problems.append("assessment_id is not that of results")
    checked.remarks += [f"update_request.{remark}" for remark in found.remarks]
    for problem in found.problems:
        checked.add_problem("update_request", f"update_request.{problem}")
    return update


def _field(item: dict[str, object], where: str, checked: Checked[Any]) -> CustomField:
    note_unknown(item, {"id", "name", "type", "possible_values", "isRequired"}, checked, where)
    field_id, name, kind = (read_text(item, key, checked, where) for key in ("id", "name", "type"))
    if kind and kind not in FIELD_TYPES:
        checked.add_problem("type", f"{where}type must be one of {', '.join(FIELD_TYPES)}")
    required = item.get("isRequired", False)
    if not isinstance(required, bool):
        checked.add_problem("isRequired", f"{where}isRequired must be a boolean, not {a_kind(required)}")
    values = item.get("possible_values")
    choices = []
    for index, value in enumerate(values if isinstance(values, list) else []):
        pair = value if isinstance(value, dict) else {}
        if not isinstance(pair.get("key"), str) or not isinstance(pair.get("value"), str):
            checked.add_problem("possible_values", f"{where}possible_values[{index}] must have a key and a value")
        else:
            choices.append(Choice(key=pair["key"], value=pair["value"]))
    if (values is not None and not isinstance(values, list)) or (kind in SELECTS and not values):
        checked.add_problem("possible_values", f"{where}possible_values must be an array with an entry for each choice")
    return CustomField(id=field_id, name=name, type=kind, possible_values=choices, required=required is True)
