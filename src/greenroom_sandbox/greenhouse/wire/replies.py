"""Strict checks of a partner's replies.

Every problem is a sentence that goes into ``response_error``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from greenroom_sandbox.greenhouse.model.take_home import Primitive, StatusReply
from greenroom_sandbox.wire.address import is_absolute
from greenroom_sandbox.wire.checked import Checked, a_kind, note_unknown, parse_json, parse_object, read_text

T = TypeVar("T")


@dataclass(frozen=True)
class ListedTest:
    """One entry of ``list_tests``."""

    partner_test_id: str
    partner_test_name: str


def list_tests(raw: bytes, integer_ids: bool) -> Checked[list[ListedTest]]:
    """Checks a bare array of ``{partner_test_id, partner_test_name}``.

    Source: Greenhouse Assessment API, List Tests.
    """
    checked: Checked[list[ListedTest]] = Checked("list_tests")
    items = parse_json(raw, checked)
    if checked.problems:
        return checked
    if not isinstance(items, list):
        checked.add_problem("array", f"reply must be an array of tests, not {a_kind(items)}")
        return checked
    tests: list[ListedTest] = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            checked.add_problem("item", f"[{index}] must be an object, not {a_kind(item)}")
            continue
        note_unknown(item, {"partner_test_id", "partner_test_name"}, checked, f"[{index}].")
        test_id = _identifier(item, "partner_test_id", integer_ids, checked, f"[{index}].")
        name = read_text(item, "partner_test_name", checked, f"[{index}].")
        tests.append(ListedTest(test_id, name))
    if len({test.partner_test_id for test in tests}) < len(tests):
        checked.remarks.append("partner_test_id is not unique")
    if not checked.problems:
        checked.value = tests
    return checked


def send_test(raw: bytes, integer_ids: bool) -> Checked[str]:
    """Checks an object with the string ``partner_interview_id``.

    Source: Greenhouse Assessment API, Send Test.
    """
    checked: Checked[str] = Checked("send_test")
    reply = parse_object(raw, checked)
    if reply is None:
        return checked
    note_unknown(reply, {"partner_interview_id"}, checked, "")
    interview_id = _identifier(reply, "partner_interview_id", integer_ids, checked, "")
    if not checked.problems:
        checked.value = interview_id
    return checked


def test_status(raw: bytes) -> Checked[StatusReply]:
    """Checks status, profile URL, score and flat metadata.

    The profile URL is required with ``complete``. Source: Greenhouse Assessment API, Test Status.
    """
    checked: Checked[StatusReply] = Checked("test_status")
    reply = parse_object(raw, checked)
    if reply is None:
        return checked
    note_unknown(reply, {"partner_status", "partner_profile_url", "partner_score", "metadata"}, checked, "")
    status = read_text(reply, "partner_status", checked, "")
    complete = status == "complete"
    if status != "complete" and status.strip().lower() == "complete":
        checked.remarks.append(f"partner_status {status!r} is not 'complete', so the test counts as unfinished")
    url = _profile_url(reply.get("partner_profile_url"), complete, checked)
    score = _score(reply.get("partner_score"), checked)
    metadata = _metadata(reply.get("metadata"), checked)
    if not checked.problems:
        checked.value = StatusReply(complete=complete, profile_url=url, score=score, metadata=metadata)
    return checked


def _profile_url(url: object, complete: bool, checked: Checked[StatusReply]) -> str | None:
    if url is None and complete:
        checked.add_problem("partner_profile_url", "partner_status is complete but partner_profile_url is missing")
    elif url is not None and not isinstance(url, str):
        checked.add_problem("partner_profile_url", f"partner_profile_url must be a string, not {a_kind(url)}")
    elif complete and isinstance(url, str) and not is_absolute(url):
        checked.add_problem("partner_profile_url", "partner_profile_url must be an absolute http(s) URL")
    return url if isinstance(url, str) else None


def _score(score: object, checked: Checked[StatusReply]) -> int | float | None:
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float):
        checked.add_problem("partner_score", f"partner_score must be a number, not {a_kind(score)}")
        return None
    if isinstance(score, float) and not math.isfinite(score):
        checked.add_problem("partner_score", "partner_score must be a finite number")
        return None
    return score


def _metadata(metadata: object, checked: Checked[StatusReply]) -> dict[str, Primitive]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        checked.add_problem("metadata", f"metadata must be an object, not {a_kind(metadata)}")
        return {}
    flat: dict[str, Primitive] = {}
    for label, value in metadata.items():
        if isinstance(value, dict | list):
            checked.add_problem("metadata", f"metadata values must not be nested: {label!r} is {a_kind(value)}")
        elif isinstance(value, float) and not math.isfinite(value):
            checked.add_problem("metadata", f"metadata value of {label!r} must be a finite number")
        else:
            flat[label] = value
    return flat


def _identifier(item: dict[str, object], key: str, integer_ids: bool, checked: Checked[T], where: str) -> str:
    value = item.get(key)
    if integer_ids and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_text(item, key, checked, where)
