"""The generator reduces failing inputs, and reports carry any text safely."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from greenroom.check.calls import curl
from greenroom.check.generate import Change, find_counter_example
from greenroom.check.model import Outcome, Report
from greenroom.check.reports.files import as_json, as_junit
from greenroom.check.reports.page import as_html
from greenroom.outbound import Request

HOSTILE = "\x00\x1b[31m<script>alert(1)</script> ]]> \ud800 \"quoted\" & 'more'"
REPORT = Report(
    "webhook",
    "https://vendor.example/hooks",
    "2026-11-29T10:00:00.000Z",
    1,
    tuple(
        Outcome(f"webhook.{status}", HOSTILE, "Because.", "Repair it.", status, HOSTILE, 3, HOSTILE)
        for status in ("passed", "failed", "warning", "skipped")
    ),
)


def test_junit_has_each_outcome() -> None:
    """One failure and one skipped test; characters that XML forbids are replaced."""
    suite = ElementTree.fromstring(as_junit(REPORT)).find("testsuite")
    assert suite is not None

    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["system-out"], ["skipped"]]
    assert "<script>" in (suite[1][0].text or "")


def test_json_has_remedies_for_what_did_not_pass() -> None:
    """The document is plain ASCII, and has counts."""
    content = json.loads(as_json(REPORT).encode("ascii"))

    assert content["counts"] == {"failed": 1, "warning": 1, "skipped": 1, "passed": 1}
    assert [("fix" in one) for one in content["checks"]] == [False, True, True, False]


def test_the_page_is_self_contained_and_safe() -> None:
    """Text is escaped, and the page loads nothing."""
    page = as_html(REPORT)

    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page
    assert "src=" not in page
    assert "--canvas" in page
    page.encode()


async def test_a_failing_input_is_reduced_to_the_cause() -> None:
    """Changes that do not matter are dropped, and the text is cut down."""

    async def problem_of(document: Any) -> str | None:
        return "fails" if "ß" in document["name"] else None

    inputs = iter([(Change(("other",), "x"), Change(("name",), "hello ß world"), Change(("third",), None))])
    found, tried = await find_counter_example({"name": "", "other": "", "third": 1}, inputs, problem_of)

    assert found is not None
    assert found.document == {"name": "ß", "other": "", "third": 1}
    assert tried == 1


def test_a_curl_command_has_no_credential_and_survives_the_shell() -> None:
    """The key is a variable, and quotes in the body are quoted."""
    request = Request("POST", "https://vendor.example/a?b=c", {"authorization": "Basic c2VjcmV0"}, b'{"a": "it\'s"}')
    command = curl(request, {"c2VjcmV0": "$KEY"})

    assert "c2VjcmV0" not in command
    assert '-H "authorization: Basic $KEY"' in command
    assert """'{"a": "it'"'"'s"}'""" in command
