"""The check of updates: labelled values, ``assessment.update`` and ``assessment.addCompletedToCandidate``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, get_args

from greenroom_sandbox.ashby.model import Update, Value, ValueType
from greenroom_sandbox.wire.address import is_absolute
from greenroom_sandbox.wire.checked import a_kind

LATEST_TIMESTAMP = 2**63 - 1
#: before this, 2001-09-09 in milliseconds, a timestamp is probably in seconds
EARLIEST_TIMESTAMP = 10**12
_VALUES = ("assessment_status", "assessment_profile_url", "assessment_result", "cancelled_reason")
_COMPLETED = ("assessmentTypeId", "assessmentId", "assessmentName")


@dataclass
class Findings:
    """The problems of a body, each a sentence, and the oddities that Ashby accepts."""

    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Completed:
    """A well-formed ``assessment.addCompletedToCandidate``."""

    candidate_id: str
    partner_id: str
    type_id: str
    assessment_id: str
    name: str
    result: Value
    metadata: list[Value]
    timestamp: int


def read_update(body: dict[str, Any], found: Findings) -> Update | None:
    """Checks an ``assessment.update``, None when it has a problem."""
    note_unknown(body, {"assessment_id", "timestamp", "metadata", *_VALUES}, "", found)
    assessment_id = read_string(body, "assessment_id", "", found)
    timestamp = _timestamp(body, found)
    values = {name: _value(body[name], name, found) for name in _VALUES if body.get(name) is not None}
    metadata = _metadata(body.get("metadata"), "metadata", found)
    if "assessment_status" not in values and "cancelled_reason" not in values:
        found.problems.append("assessment_status is required unless there is a cancelled_reason")
    if "assessment_result" in values and "cancelled_reason" in values:
        found.problems.append("assessment_result and cancelled_reason exclude each other")
    if "assessment_result" in values and "assessment_profile_url" not in values:
        found.problems.append("assessment_profile_url is required with an assessment_result")
    url = values.get("assessment_profile_url")
    if url is not None and url.type != "url":
        found.problems.append(f"assessment_profile_url.type must be url, not {url.type}")
    _unique([*values.values(), *metadata], found)
    if found.problems:
        return None
    return Update(assessment_id=assessment_id, timestamp=timestamp, metadata=metadata, **values)


def read_completed(body: dict[str, Any], found: Findings) -> Completed | None:
    """Checks an ``assessment.addCompletedToCandidate``, None when it has a problem."""
    note_unknown(body, {"candidateId", "partnerId", "assessment", "timestamp"}, "", found)
    candidate_id, partner_id = (read_string(body, name, "", found) for name in ("candidateId", "partnerId"))
    timestamp = _timestamp(body, found)
    inner = body.get("assessment")
    if not isinstance(inner, dict):
        found.problems.append("assessment is required" if inner is None else "assessment must be an object")
        return None
    note_unknown(inner, {*_COMPLETED, "result", "metadata"}, "assessment.", found)
    type_id, assessment_id, name = (read_string(inner, name, "assessment.", found) for name in _COMPLETED)
    result = _value(inner.get("result"), "assessment.result", found)
    if inner.get("metadata") is None:
        found.problems.append("assessment.metadata is required")
    metadata = _metadata(inner.get("metadata"), "assessment.metadata", found)
    _unique([*([result] if result else []), *metadata], found)
    if found.problems or result is None:
        return None
    return Completed(candidate_id, partner_id, type_id, assessment_id, name, result, metadata, timestamp)


def read_string(body: dict[str, Any], name: str, where: str, found: Findings) -> str:
    """Returns a required string that is not empty, "" after a problem."""
    value = body.get(name)
    if value is None:
        found.problems.append(f"{where}{name} is required")
    elif not isinstance(value, str):
        found.problems.append(f"{where}{name} must be a string, not {a_kind(value)}")
    elif not value.strip():
        found.problems.append(f"{where}{name} must not be empty")
    return value if isinstance(value, str) else ""


def note_unknown(body: dict[str, Any], known: set[str], where: str, found: Findings) -> None:
    """Adds a remark for each field that the contract does not have."""
    found.remarks.extend(f"{where}{name} is not part of the contract and ignored" for name in body if name not in known)


def _timestamp(body: dict[str, Any], found: Findings) -> int:
    value = body.get("timestamp")
    if value is None:
        found.problems.append("timestamp is required")
    elif isinstance(value, bool) or not isinstance(value, int):
        found.problems.append(f"timestamp must be a whole number of milliseconds, not {a_kind(value)}")
    elif not 0 <= value <= LATEST_TIMESTAMP:
        found.problems.append("timestamp must be an int64 of milliseconds since 1970")
    elif value < EARLIEST_TIMESTAMP:
        found.remarks.append(f"timestamp {value} is before September 2001: are these seconds instead of milliseconds?")
    return value if isinstance(value, int) else 0


def _value(raw: object, where: str, found: Findings) -> Value | None:
    if not isinstance(raw, dict):
        found.problems.append(
            f"{where} is required" if raw is None else f"{where} must be an object, not {a_kind(raw)}"
        )
        return None
    before = len(found.problems)
    note_unknown(raw, set(Value.model_fields), f"{where}.", found)
    identifier, label, kind = (read_string(raw, name, f"{where}.", found) for name in ("identifier", "label", "type"))
    description = raw.get("description")
    if description is not None and not isinstance(description, str):
        found.problems.append(f"{where}.description must be a string, not {a_kind(description)}")
    if kind and kind not in get_args(ValueType):
        found.problems.append(f"{where}.type must be one of {', '.join(get_args(ValueType))}")
    elif kind:
        _typed(raw.get("value"), kind, f"{where}.value", found)
    if len(found.problems) > before:
        return None
    return Value(identifier=identifier, label=label, description=description, type=kind, value=raw["value"])


def _typed(value: object, kind: str, where: str, found: Findings) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        found.problems.append(f"{where} is required")
    elif kind.startswith("numeric_"):
        if not number or (isinstance(value, float) and not math.isfinite(value)):
            found.problems.append(f"{where} must be a number for {kind}, not {a_kind(value)}")
    elif kind == "boolean_success":
        if not isinstance(value, bool):
            found.problems.append(f"{where} must be a boolean for {kind}, not {a_kind(value)}")
    elif not isinstance(value, str):
        found.problems.append(f"{where} must be a string for {kind}, not {a_kind(value)}")
    elif kind == "url" and not is_absolute(value):
        found.problems.append(f"{where} must be an absolute http(s) URL")


def _metadata(raw: object, where: str, found: Findings) -> list[Value]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        found.problems.append(f"{where} must be an array, not {a_kind(raw)}")
        return []
    values = [_value(one, f"{where}[{index}]", found) for index, one in enumerate(raw)]
    return [value for value in values if value is not None]


def _unique(values: list[Value | None], found: Findings) -> None:
    identifiers = [value.identifier for value in values if value is not None]
    for identifier in sorted({one for one in identifiers if identifiers.count(one) > 1}):
        found.problems.append(f"identifier {identifier!r} is not unique in this update")
