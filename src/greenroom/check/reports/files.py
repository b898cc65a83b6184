"""The reports for machines: JSON and JUnit XML."""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape, quoteattr

from greenroom.check.model import Outcome, Report

#: characters that XML 1.0 does not permit
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(report: Report) -> str:
    """Returns the report as JSON."""
    return json.dumps(report.as_dict(), indent=2, ensure_ascii=True) + "\n"


def as_junit(report: Report) -> str:
    """Returns the report as JUnit XML: a failed check is a failure, a warning passes with its text in system-out."""
    counts = report.counts
    total_s = sum(one.ms for one in report.outcomes) / 1000
    head = (
        f'<testsuite name={_attribute("greenroom check " + report.area)} tests="{len(report.outcomes)}" '
        f'failures="{counts["failed"]}" errors="0" skipped="{counts["skipped"]}" time="{total_s:.3f}" '
        f"timestamp={_attribute(report.started_at)}>"
    )
    cases = "\n".join(_case(report, one) for one in report.outcomes)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{head}\n{cases}\n</testsuite>\n</testsuites>\n'


def _case(report: Report, one: Outcome) -> str:
    name, group = _attribute(f"{one.id}: {one.title}"), _attribute(f"greenroom.{report.area}")
    return f'<testcase classname={group} name={name} time="{one.ms / 1000:.3f}">{_content(one)}</testcase>'


def _content(one: Outcome) -> str:
    details = "\n".join([one.proof, f"Why: {one.why}", f"Fix: {one.fix}", *([one.curl] if one.curl else [])])
    if one.status == "failed":
        return f"<failure message={_attribute(one.proof)}>{escape(_plain(details))}</failure>"
    if one.status == "skipped":
        return f"<skipped message={_attribute(one.proof)}/>"
    if one.status == "warning":
        return f"<system-out>{escape(_plain(details))}</system-out>"
    return ""


def _attribute(text: str) -> str:
    return quoteattr(_plain(text))


def _plain(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
