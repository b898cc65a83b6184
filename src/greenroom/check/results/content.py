"""Checks of the results that the vendor sends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.content import MARKUP, SEARCHED
from greenroom.check.results.subject import ResultsSubject
from greenroom.errors import RemoteError
from greenroom.model.results import PROGRESS, decimal_text
from greenroom.outbound import Request, callable_problem, public_problem

SUITE: Suite[ResultsSubject] = Suite("results")
DATES = ("start_date", "submission_date")
VERDICTS = ("initiated", "in_progress", "cancelled", "completed", "expired", "failed", "passed", "unmapped_value", None)
#: a date with time and offset
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
#: a clock of a vendor may be ahead by this much
AHEAD = timedelta(minutes=5)
LONG_SUMMARY = 2000


@SUITE.check(
    "json",
    "The body is a JSON object in UTF-8",
    why="Nothing else can be read.",
    fix="Serialise with your platform's JSON library.",
)
async def is_json(subject: ResultsSubject) -> str:
    """Looks at each body."""
    found = await subject.requests()
    for one in found:
        if not isinstance(one.content, dict):
            raise Failed(f"A body is not a JSON object: {one.body[:100].decode(errors='replace')!r}.")
    return f"{len(found)} objects"


@SUITE.check(
    "accepted",
    "The gateway's own reader accepts each result",
    why="A result with an error is refused with 422, and the recruiter waits.",
    fix="Repair the fields that are named; try a body with POST /v1/orders/{id}/result:preview.",
)
async def accepted(subject: ResultsSubject) -> str:
    """Looks at the problems that the gateway's reader found."""
    found = [one for one in await subject.requests() if isinstance(one.content, dict)]
    for one in found:
        if one.problems:
            raise Failed("; ".join(one.problems)[:400])
    return f"{len(found)} accepted"


@SUITE.check(
    "known-fields",
    "There are no unknown fields",
    why="A misspelled field would be missing at the ATS, and the result cannot be corrected.",
    fix="Use the names of the contract; put your own data into `passthrough`.",
)
async def known_fields(subject: ResultsSubject) -> str:
    """Looks for problems with unknown fields."""
    for one in await subject.requests():
        unknown = [line for line in one.problems if "unknown" in line]
        if unknown:
            raise Failed("; ".join(unknown)[:400])
    return "known fields only"


@SUITE.check(
    "url-given",
    "A final result has a result_url",
    why="Without it, ATSs show nothing at all.",
    fix="Send the https URL of a page with the candidate's report.",
)
async def url_given(subject: ResultsSubject) -> str:
    """Looks at each final result."""
    for content in await _finals(subject):
        if not content.get("result_url"):
            raise Failed("A final result has no result_url.")
    return "every final result has one"


@SUITE.check(
    "url-public",
    "result_url is https with a public host",
    why="The recruiter's browser opens it from the internet.",
    fix="Send the URL of your production host, not of localhost or of a private network.",
)
async def url_public(subject: ResultsSubject) -> str:
    """Looks at the text of each URL."""
    for url in await _urls(subject):
        problem = public_problem(url, allow_http=subject.standin.allow_http)
        if problem:
            raise Failed(f"{url[:120]}: {problem}")
    return "public"


@SUITE.check(
    "url-own",
    "Each order has a result_url of its own",
    why="A recruiter must see the report of this candidate.",
    fix="Put the order's id, or a random token, into the URL.",
)
async def url_own(subject: ResultsSubject) -> str:
    """Compares the URLs of the orders."""
    by_order: dict[str, set[str | None]] = {}
    for one in await subject.requests():
        if isinstance(one.content, dict) and isinstance(one.content.get("result_url"), str):
            by_order.setdefault(one.content["result_url"], set()).add(one.order_id)
    for url, orders in by_order.items():
        if len(orders) > 1:
            raise Failed(f"{len(orders)} orders have the result_url {url[:120]}.")
    if not by_order:
        raise Skipped("No result has a result_url: see results.url-given.")
    return f"{len(by_order)} URLs"


@SUITE.check(
    "url-opens",
    "result_url opens without signing in",
    why="Recruiters have no account at yours.",
    fix="Put a random token into the URL, and show the report to everybody with that URL.",
)
async def url_opens(subject: ResultsSubject) -> str:
    """Opens the first URL."""
    url = next(iter(await _urls(subject)), None)
    if url is None or callable_problem(url, allow_http=subject.standin.allow_http):
        raise Skipped("No result_url can be opened: see results.url-given and results.url-public.")
    try:
        answer = await subject.caller.out.send(Request("GET", url, {"accept": "text/html"}), deadline=15.0)
    except RemoteError as error:
        raise Failed(f"{url[:120]}: {error.reason}") from None
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "?")[:120]
        if re.search(r"log-?in|sign-?in|auth|sso", target, re.IGNORECASE):
            raise Failed(f"{url[:120]} redirects to {target}, which looks like a sign-in page.")
        raise Warned(f"{url[:120]} redirects to {target}.")
    if answer.status != 200:
        raise Failed(f"{url[:120]} answers {answer.status}.")
    return f"{url[:120]} answers 200"


@SUITE.check(
    "score-given",
    "A completed test has a score",
    why="It is what recruiters look for first.",
    fix='Send {"score": {"value": "82.5", "min": "0", "max": "100"}}.',
)
async def score_given(subject: ResultsSubject) -> str:
    """Looks at each final result that passed, failed or completed."""
    for content in await _finals(subject):
        score = content.get("score")
        ended = _verdict(content) in ("passed", "failed", "completed", None)
        if ended and not (isinstance(score, dict) and score.get("value") is not None):
            raise Warned("A final result has no score.value.")
    return "every completed test has one"


@SUITE.check(
    "score-form",
    "Scores are decimal numbers, or texts with one",
    why="ATSs show and compare numbers: 85% or 4/5 cannot be read.",
    fix='Send "85", and say with min and max what it is out of.',
)
async def score_form(subject: ResultsSubject) -> str:
    """Looks at value, min and max."""
    for score in await _scores(subject):
        for name in ("value", "min", "max"):
            if score.get(name) is not None:
                try:
                    decimal_text(score[name])
                except ValueError as error:
                    raise Failed(f"score.{name} is {score[name]!r}: {error}"[:200]) from None
    return "decimal numbers"


@SUITE.check(
    "score-range",
    "A score lies between its min and max",
    why="A score outside of its range misleads; often it is a fraction with the range of a percentage.",
    fix="Use the same unit for value, min and max.",
)
async def score_range(subject: ResultsSubject) -> str:
    """Compares value with min and max."""
    for score in await _scores(subject):
        value, low, high = (_decimal(score.get(name)) for name in ("value", "min", "max"))
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            raise Failed(f"score.value is {value}, outside of {low} to {high}.")
        if value is not None and high == 100 and 0 < value <= 1:
            raise Warned(f"score.value is {value} of 100: is it a fraction?")
    return "within range"


@SUITE.check(
    "dates-form",
    "Dates are ISO 8601 with time and offset",
    why="Without an offset, nobody knows which moment is meant.",
    fix="Send 2026-11-03T09:05:00Z.",
)
async def dates_form(subject: ResultsSubject) -> str:
    """Looks at both dates."""
    for content in await subject.contents():
        for name in DATES:
            value = content.get(name)
            if value is not None and not (isinstance(value, str) and INSTANT.fullmatch(value)):
                raise Failed(f"{name} is {value!r}."[:200])
    return "ISO 8601"


@SUITE.check(
    "dates-order",
    "start_date is not after submission_date",
    why="The recruiter sees both.",
    fix="Check which is which, and that both have the same time zone.",
)
async def dates_order(subject: ResultsSubject) -> str:
    """Compares the dates."""
    for content in await subject.contents():
        start, end = (_instant(content.get(name)) for name in DATES)
        if start and end and start > end:
            raise Failed(f"start_date {content['start_date']} is after submission_date {content['submission_date']}.")
    return "in order"


@SUITE.check(
    "dates-past",
    "Dates are not in the future",
    why="A date in the future is a wrong time zone, or another unit.",
    fix="Use UTC, and synchronise your clock.",
)
async def dates_past(subject: ResultsSubject) -> str:
    """Compares the dates with this machine's clock."""
    latest = datetime.now(UTC) + AHEAD
    for content in await subject.contents():
        for name in DATES:
            at = _instant(content.get(name))
            if at and at > latest:
                raise Failed(f"{name} is {content[name]}, in the future.")
    return "in the past"


@SUITE.check(
    "summary",
    "The summary is plain text",
    why="ATSs show it as it is: tags and entities become visible.",
    fix="Send the text that people shall read, not HTML; put the rest behind result_url.",
)
async def summary(subject: ResultsSubject) -> str:
    """Looks at each summary."""
    for content in await subject.contents():
        text = content.get("summary")
        if isinstance(text, str) and MARKUP.search(text[:SEARCHED]):
            raise Failed(f"The summary has markup: {text[:120]!r}.")
        if isinstance(text, str) and len(text) > LONG_SUMMARY:
            raise Warned(f"The summary has {len(text)} characters.")
    return "plain"


@SUITE.check(
    "verdict",
    "result.value is one of the contract's",
    why="Another value cannot be read; the order's status depends on it.",
    fix=f"Send one of {', '.join(str(one) for one in VERDICTS if one)}; your own word goes into source_value.",
)
async def verdict(subject: ResultsSubject) -> str:
    """Looks at each verdict."""
    for content in await subject.contents():
        if "result" in content and content["result"] is not None:
            if not isinstance(content["result"], dict):
                raise Failed(f"result is {content['result']!r}; an object with `value` was expected."[:200])
            if content["result"].get("value") not in VERDICTS:
                raise Failed(f"result.value is {content['result'].get('value')!r}."[:200])
    return ", ".join(sorted({str(_verdict(one)) for one in await subject.contents()}))


@SUITE.check(
    "attachments",
    "Each attachment has an https URL and a content type",
    why="ATSs need both to show a file.",
    fix='Send {"url": "https://…", "content_type": {"value": "pdf"}}.',
)
async def attachments(subject: ResultsSubject) -> str:
    """Looks at each attachment."""
    found = [one for content in await subject.contents() for one in _list(content.get("attachments"))]
    if not found:
        raise Skipped("No result has attachments.")
    for one in found:
        url, kind = (one.get("url"), one.get("content_type")) if isinstance(one, dict) else (None, None)
        problem = public_problem(str(url), allow_http=subject.standin.allow_http)
        if problem or not (isinstance(kind, dict) and kind.get("value")):
            raise Failed(f"An attachment is not complete: {str(one)[:160]}.")
    return f"{len(found)} attachments"


@SUITE.check(
    "progress-order",
    "Progress comes before the final result, and only forwards",
    why="An order that has ended does not begin again.",
    fix="Send initiated, then in_progress, then the final result; wait for each answer.",
)
async def progress_order(subject: ResultsSubject) -> str:
    """Looks at the sequence of verdicts of each order."""
    ranks = {"initiated": 0, "in_progress": 1}
    highest: dict[str | None, int] = {}
    for one in await subject.requests():
        if not isinstance(one.content, dict):
            continue
        rank = ranks.get(str(_verdict(one.content)), 2)
        if rank < highest.get(one.order_id, 0):
            before = "the final result" if highest[one.order_id] == 2 else "in_progress"
            raise Failed(f"{_verdict(one.content)} came after {before}.")
        highest[one.order_id] = rank
    return "forwards"


async def _finals(subject: ResultsSubject) -> list[dict[str, Any]]:
    found = [one for one in await subject.contents() if str(_verdict(one)) not in PROGRESS]
    if not found:
        raise Skipped("There is no final result: see results.arrives.")
    return found


async def _urls(subject: ResultsSubject) -> list[str]:
    found = [one["result_url"] for one in await subject.contents() if isinstance(one.get("result_url"), str)]
    given = list(dict.fromkeys(one for one in found if one))
    if not given:
        raise Skipped("No result has a result_url: see results.url-given.")
    return given


async def _scores(subject: ResultsSubject) -> list[dict[str, Any]]:
    found = [one["score"] for one in await subject.contents() if isinstance(one.get("score"), dict)]
    if not found:
        raise Skipped("No result has a score.")
    return found


def _verdict(content: dict[str, Any]) -> Any:
    result = content.get("result")
    return result.get("value") if isinstance(result, dict) else None


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(decimal_text(value))
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
