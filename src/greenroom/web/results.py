"""Send result: a form that is made from the connector's fields, and a preview of the recruiter's view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args

from greenroom.connectors import discover
from greenroom.connectors.contract import FieldPreview, ResultField
from greenroom.context import Context
from greenroom.model.orders import Order
from greenroom.model.result_lint import ResultWarning, lint
from greenroom.model.results import Result, Score, Verdict, decimal_text
from greenroom.outbound import public_problem
from greenroom.services import order_results
from greenroom.web.forms import Form

#: label, help, and the label at the recruiter, of fields that have better ones than their path
LABELS = {
    "result_url": ("Result URL", "The recruiter opens it with View Report.", "Report"),
    "score.value": ("Score", None, "Score"),
    "score.label": ("Score label", None, "Score Label"),
    "score.min": ("Lowest score", None, "Score Range"),
    "score.max": ("Highest score", None, "Score Range"),
    "start_date": ("Start date", "In UTC.", "Started At"),
    "submission_date": ("Submission date", "In UTC.", "Completed At"),
    "summary": ("Summary", "Shown as Notes.", "Notes"),
    "result.value": ("Outcome", None, "Outcome"),
}
WORDS = {"passed": "Passed", "failed": "Failed", "completed": "Completed, without an outcome", "expired": "Expired",
         "cancelled": "Cancelled"}  # fmt: skip
NUMBERS = ("score.value", "score.min", "score.max")
MOST_TEXT = 100_000


@dataclass(frozen=True)
class Row:
    """A line of the interview kit: `is_link` for a report that opens."""

    label: str
    value: str
    is_link: bool = False


@dataclass(frozen=True)
class Kit:
    """A recruiter's view of a result: the lines of the interview kit, the fields that the ATS hides, and doubts."""

    rows: tuple[Row, ...]
    dropped: tuple[FieldPreview, ...]
    warnings: tuple[ResultWarning, ...] = ()


def fields_of(order: Order) -> tuple[ResultField, ...]:
    """Returns the fields of a result that the order's ATS shows."""
    return discover()[order.provider].result_fields


def inputs(order: Order) -> list[dict[str, Any]]:
    """Returns the form's inputs, one per field of the connector, in its order."""
    found = []
    for one in fields_of(order):
        label, help_text, _ = LABELS.get(one.path, (one.path, None, one.path))
        kind = {"datetime": "datetime-local", "enum": "select"}.get(one.type, "text")
        kind = "area" if one.path == "summary" else "url" if one.path == "result_url" else kind
        options = [("", "None")] + [(value, WORDS.get(value, shown)) for value, shown in one.values.items()]
        found.append({"name": one.path, "label": label, "help": help_text, "kind": kind, "options": options,
                      "optional": not one.required, "number": one.path in NUMBERS})  # fmt: skip
    return found


def read(ctx: Context, order: Order, form: Form) -> Result | None:
    """Returns the result that a form describes; None after adding an error beside each field that is wrong."""
    values = {one.path: form.get(one.path) or None for one in fields_of(order)}
    scores = {name: _decimal(form, f"score.{name}", values.get(f"score.{name}")) for name in ("value", "min", "max")}
    times = {name: _time(form, name, values.get(name)) for name in ("start_date", "submission_date")}
    started, submitted = times["start_date"], times["submission_date"]
    if started and submitted and submitted < started:
        minutes = int((started - submitted).total_seconds() // 60)
        form.errors["submission_date"] = f"This is {minutes} min before the start. Correct one of the two."
    verdict = values.get("result.value")
    if verdict is not None and verdict not in get_args(Verdict):
        form.errors["result.value"] = "Choose one of the outcomes in the list."
    url = values.get("result_url")
    problem = public_problem(url, allow_http=ctx.settings.allow_http) if url else "required"
    if problem:
        form.errors["result_url"] = (
            "Enter the address of the report: the recruiter sees nothing without it."
            if problem == "required"
            else f"{problem[:1].upper()}{problem[1:]}. The recruiter would see nothing."
        )
    if len(values.get("summary") or "") > MOST_TEXT:
        form.errors["summary"] = f"At most {MOST_TEXT:,} characters."
    if form.errors:
        form.summary = "This result cannot be sent yet."
        return None
    return Result(
        score=Score(value=scores["value"], label=values.get("score.label"), min=scores["min"], max=scores["max"]),
        start_date=started,
        submission_date=submitted,
        summary=values.get("summary"),
        verdict=cast("Verdict | None", verdict),
        result_url=url,
    )


def closed_because(ctx: Context, order: Order) -> str | None:
    """Returns why the order takes no result from the form any more, or None."""
    ats = discover()[order.provider].manifest
    if order.result is not None and not ats.capabilities.repeated_results:
        when = f" at {order.result_at:%Y-%m-%d %H:%M} UTC" if order.result_at else ""
        return f"A final result was recorded{when}, and {ats.name} takes only one."
    return order_results.result_problem(
        ctx, order, Result(verdict="completed", result_url="https://example.com"), ats.capabilities
    )


def kit_of(order: Order, result: Result | None) -> Kit | None:
    """Returns the recruiter's view of a result, or None without one."""
    if result is None:
        return None
    rows: dict[str, Row] = {}
    previews = discover()[order.provider].preview(order, result)
    order_of = {path: position for position, path in enumerate(LABELS)}
    for one in sorted(previews, key=lambda one: order_of.get(one.field, 99)):
        if one.verdict in ("shown", "changed"):
            label = LABELS.get(one.field, (None, None, one.field))[2]
            rows[label] = Row(label, str(one.value), one.field == "result_url" and str(one.value).startswith("http"))
    dropped = tuple(one for one in previews if one.verdict in ("dropped", "refused"))
    return Kit(tuple(rows.values()), dropped, tuple(lint(result)))


def stored(result: Result) -> dict[str, str]:
    """Returns a recorded result as the values of the form."""
    times = {name: getattr(result, name) for name in ("start_date", "submission_date")}
    score = {f"score.{name}": getattr(result.score, name) or "" for name in ("value", "label", "min", "max")}
    return {
        **score,
        **{name: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}" if at else "" for name, at in times.items()},
        "summary": result.summary or "",
        "result.value": result.verdict or "",
        "result_url": result.result_url or "",
    }


def _decimal(form: Form, name: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return decimal_text(value)
    except ValueError as error:
        form.errors[name] = str(error)[:1].upper() + str(error)[1:] + "."
        return None


def _time(form: Form, name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        form.errors[name] = "Enter a date and a time, for example 2026-11-03T09:05."
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
