"""The unified result body of assessments and background checks, and its conversion to `Result`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationError

from greenroom.api.faults import field_lines, in_one
from greenroom.api.shapes import Instant, KnownFields, example
from greenroom.connectors import find_push
from greenroom.context import Context
from greenroom.errors import GiveUp, Invalid
from greenroom.model.events import stamp
from greenroom.model.orders import Order
from greenroom.model.results import PROSE, Result, Score, Verdict, decimal_text
from greenroom.model.updates import Update
from greenroom.outbound import callable_problem, public_problem
from greenroom.outbound.urls import without_query
from greenroom.security import masks
from greenroom.security.vault import VaultError

VERDICTS = get_args(Verdict)


def _decimal(value: object) -> str | None:
    return None if value is None else decimal_text(_not_blank(value))


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is blank; leave it out or send null when there is none")
    return value


def _verdict(value: object) -> object:
    if value in (None, "", "unmapped_value"):
        return None
    if value not in VERDICTS:
        raise ValueError(f"expected one of {', '.join(VERDICTS)} or null, not {str(value)[:40]!r}")
    return value


_Short = Annotated[str, Field(max_length=64)]
Decimal = Annotated[str | None, BeforeValidator(_decimal, json_schema_input_type=_Short | float | None)]
Stamp = Annotated[Instant, PlainSerializer(lambda at: at and stamp(at), return_type=str | None)]
_Limited = Annotated[str, Field(max_length=100_000)]
Text = Annotated[_Limited | None, BeforeValidator(_text, json_schema_input_type=_Limited | float | None)]
NotBlank = Annotated[Text, BeforeValidator(_not_blank, json_schema_input_type=_Limited | float | None)]
#: a field of StackOne's read model that clients send back; its value is ignored
Ignored = Annotated[Any, Field(deprecated=True, description="Accepted and ignored.")]
_Line = Annotated[str, Field(max_length=2000)]
ShortText = Annotated[_Line | None, BeforeValidator(_text, json_schema_input_type=_Line | float | None)]
#: limit of attachments of one result
MOST_FILES = 50


class ScoreIn(KnownFields):
    """A score of numbers, or texts with numbers. A blank text is refused, since it hides a missing score."""

    label: NotBlank = Field(None, description="Free text, such as `Clear`.")
    value: Decimal = Field(None, examples=["82.5"], description="A decimal number, as text or number.")
    min: Decimal = Field(None, examples=["0"], description="The lowest possible score.")
    max: Decimal = Field(None, examples=["100"], description="The highest possible score.")


class VerdictIn(KnownFields):
    """A unified enum: the unified value and the vendor's own."""

    value: Annotated[Verdict | None, BeforeValidator(_verdict, json_schema_input_type=_Short | None)] = Field(
        None, description="initiated and in_progress report progress; every other one, and none, is final."
    )
    source_value: Any = Field(
        None, description="`needs_review` without a unified value sets the outcome to needs_review."
    )


class ContentTypeIn(KnownFields):
    """A unified enum: text, pdf, video or other, and the vendor's own value."""

    value: ShortText = Field(None, examples=["pdf"], description="Such as `pdf`.")
    source_value: Any = Field(None, description="Your own word for it.")


class AttachmentIn(KnownFields):
    """A file that belongs to the result; not every ATS shows it."""

    url: ShortText = Field(None, description="The file's address.")
    content_type: ContentTypeIn | None = Field(None, description="The kind of file.")


class PersonIn(KnownFields):
    """The candidate at the vendor."""

    id: Text = Field(None, description="Your id of the candidate.")
    remote_id: Ignored = None
    profile_url: Text = Field(None, description="The candidate's page with you.")


class ResultIn(KnownFields):
    """
    A result. A final one needs `result_url`: ATSs require a URL of the full report, and some take one result only.

    Unknown fields are refused at every level except in `passthrough`: an ATS accepts one result per order, so a result
    sent without a misspelled field could not be corrected.
    """

    model_config = example(
        score={"value": "82.5", "min": "0", "max": "100"},
        start_date="2026-11-03T09:05:00Z",
        submission_date="2026-11-03T09:51:00Z",
        summary="Strong on joins; ran out of time on windowing.",
        result={"value": "passed"},
        result_url="https://results.vendor.com/r/1",
    )

    id: Ignored = None
    remote_id: Ignored = None
    score: ScoreIn | None = Field(None, description="The score.")
    start_date: Stamp = Field(
        None, examples=["2026-11-03T09:05:00Z"], description="When the candidate began, ISO 8601."
    )
    submission_date: Stamp = Field(
        None, examples=["2026-11-03T09:51:00Z"], description="When the candidate finished, ISO 8601."
    )
    summary: Text = Field(None, description="Notes for the recruiter.")
    result: VerdictIn | None = Field(
        None, description="The verdict; `initiated` and `in_progress` report progress, any other one ends the order."
    )
    result_url: Text = Field(
        None,
        examples=["https://results.vendor.com/r/1"],
        description="The report's page: an https URL. Needed with a final result.",
    )
    attachments: list[AttachmentIn] | None = Field(
        None, max_length=MOST_FILES, description="Files that belong to the result."
    )
    candidate: PersonIn | None = Field(None, description="The candidate at the vendor.")
    passthrough: dict[str, Any] | None = Field(None, description="Anything you want to keep with the result.")


class InvalidResult(Invalid):
    """A result that is refused for its content: `cause` is the code of the finding, `proof` the observed facts."""

    def __init__(self, message: str, *, errors: list[str], cause: str, proof: dict[str, Any]) -> None:
        super().__init__(message, errors=errors)
        self.cause, self.proof = cause, proof


class Unreadable:
    """An invalid result body: `lines` has an error per field, starting with its path; `problem` is their summary."""

    def __init__(self, error: ValidationError, value: object = None) -> None:
        found = error.errors(include_url=False, include_context=False)
        self.lines = field_lines(found)
        self.problem = in_one(self.lines, error.error_count())
        self._first, self._value = found[0]["loc"], value

    def refusal(self) -> InvalidResult:
        """Returns the error of a request with this body."""
        field, _, expected = self.lines[0].partition(": ")
        proof = {"field": field[:200], "expected": expected[:300], "found": _found(self._value, self._first)}
        return InvalidResult(self.problem, errors=self.lines, cause="result.invalid_field", proof=proof)


def _found(value: object, path: Sequence[int | str]) -> object:
    """Returns the value at a path for a finding; only the type of free text and of personal data."""
    for part in path:
        try:
            value = value[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return "text" if path and path[0] in PROSE else masks.text(str(value)[:60])


def _parse(value: object) -> ResultIn | Unreadable:
    if isinstance(value, bytes):  # the body was not sent as JSON
        raise ValueError("expected a JSON object")
    try:
        return ResultIn.model_validate(value)
    except ValidationError as error:
        return Unreadable(error, value)


#: a result body, or the errors of an invalid one
ResultToTry = Annotated[ResultIn | Unreadable, PlainValidator(_parse, json_schema_input_type=ResultIn)]


def read_result(body: ResultIn, *, allow_http: bool, ats: str = "The ATS") -> Result:
    """
    The body in our words; `ats` is the name of the ATS for messages.

    Raises:
        InvalidResult: a final result has no `result_url` that a recruiter's browser could open.
    """
    score, verdict = body.score or ScoreIn(), body.result or VerdictIn()
    source = verdict.source_value
    result = Result(
        score=Score(value=score.value, label=score.label, min=score.min, max=score.max),
        start_date=body.start_date,
        submission_date=body.submission_date,
        summary=body.summary or None,
        verdict=verdict.value,
        verdict_source=source if isinstance(source, str) else None,
        result_url=body.result_url or None,
        attachments=tuple(one.model_dump() for one in body.attachments or ()),
        candidate=body.candidate.model_dump(exclude={"remote_id"}) if body.candidate else None,
        passthrough=body.passthrough,
    )
    if refused := _refuse_url(result, ats, allow_http=allow_http):
        raise refused
    return result


def _refuse_url(result: Result, ats: str, *, allow_http: bool) -> InvalidResult | None:
    url = result.result_url
    if url is None or not url.strip():
        needed = f"required with a final result: {ats} shows nothing without it"
        return _invalid_url(needed, "result.url_missing") if result.is_final else None
    problem = public_problem(url, allow_http=allow_http)
    if problem is None:
        return None
    cause = "result.invalid_field"
    if callable_problem(url, allow_http=allow_http) is None:
        cause = "result.url_private"
    elif not url.lower().startswith("https:"):
        cause = "result.url_not_https"
    found = masks.text(without_query(url)[:200])
    return _invalid_url(f"{problem}; {ats} would show nothing", cause, found=found)


def _invalid_url(problem: str, cause: str, **found: Any) -> InvalidResult:
    line = f"result_url: {problem}"
    return InvalidResult(line, errors=[line], cause=cause, proof={"field": "result_url", "expected": problem, **found})


async def push_problem(ctx: Context, order: Order) -> str | None:
    """Returns why the ATS cannot be notified of an order's result, or None; an order placed by API has no ATS."""
    if order.result is None or order.source == "api" or order.delivery in ("sent", "acknowledged"):
        return None
    if order.delivery == "refused" or order.update_ms == 0:
        return order.delivery_detail
    try:
        connector, push = await find_push(ctx, order.project_id, order.id, Update(order.status))
    except VaultError:
        return "a secret of the integration or account cannot be decrypted now; the operator's log names it"
    try:
        connector.push_request(push)
    except GiveUp as error:
        return error.reason
    return None
