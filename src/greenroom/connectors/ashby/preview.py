"""A preview of a result in Ashby, field by field."""

from __future__ import annotations

from greenroom.connectors.ashby import updates
from greenroom.connectors.contract import FieldPreview, ResultField
from greenroom.model.results import Result, score_number

#: the texts of a final outcome
OUTCOMES = {
    "passed": "Passed",
    "failed": "Failed",
    "completed": "Completed",
    "expired": updates.REASONS["expired"],
    "cancelled": updates.REASONS["cancelled"],
}

RESULT_FIELDS = (
    ResultField("result_url", "string", required=True),
    ResultField("score.value", "string"),
    ResultField("score.label", "string"),
    ResultField("score.min", "string"),
    ResultField("score.max", "string"),
    ResultField("start_date", "datetime"),
    ResultField("submission_date", "datetime"),
    ResultField("summary", "string"),
    ResultField("attachments", "array"),
    ResultField("result.value", "enum", values={**OUTCOMES, "in_progress": "Started", "initiated": "Invited"}),
)


def preview(result: Result) -> list[FieldPreview]:
    """Returns the outcome of each field that the result has, with the reason."""
    if not result.is_final:
        text = {"initiated": "Invited", "in_progress": "Started"}[str(result.verdict)]
        progress = [FieldPreview("result.value", "changed", "As the status.", text)]
        return progress + [_dropped(name, "A status has no such field.") for name in _given(result)]
    if result.verdict in ("expired", "cancelled"):
        reason = result.summary or updates.REASONS[str(result.verdict)]
        shown = [FieldPreview("result_url", "shown", "As Full Report.", result.result_url)]
        shown.append(FieldPreview("result.value", "changed", "As the reason of the cancellation.", reason))
        if result.summary:
            shown.append(FieldPreview("summary", "shown", "As the reason of the cancellation.", reason))
        rest = [name for name in _given(result) if name not in ("result_url", "summary")]
        return shown + [_dropped(name, "A cancelled assessment shows no result.") for name in rest]
    return [*_score(result), *_rest(result)]


def _score(result: Result) -> list[FieldPreview]:
    score = result.score
    found: list[FieldPreview] = []
    if score.value is not None:
        number = score_number(score.value)
        same = str(number) == score.value
        reason = "As the result." if same else "As the result; Ashby takes a number."
        found.append(FieldPreview("score.value", "shown" if same else "changed", reason, number))
    if score.label is not None:
        reason = "As the result's label." if score.value is not None else "As Score Label."
        found.append(FieldPreview("score.label", "shown", reason, score.label))
    for name, label, value in (("score.min", "Lowest Score", score.min), ("score.max", "Highest Score", score.max)):
        if value is not None:
            found.append(FieldPreview(name, "shown", f"As {label}.", score_number(value)))
    return found


def _rest(result: Result) -> list[FieldPreview]:
    found = [FieldPreview("result_url", "shown", "As Full Report.", result.result_url)]
    minutes = updates.duration_minutes(result)
    for name, date in (("start_date", result.start_date), ("submission_date", result.submission_date)):
        if date is not None and minutes is not None:
            found.append(FieldPreview(name, "changed", "Both dates become Duration, in minutes.", minutes))
        elif date is not None:
            found.append(_dropped(name, "Ashby shows the duration alone, which needs both dates."))
    if result.summary:
        found.append(FieldPreview("summary", "shown", "As Summary.", result.summary))
    if result.verdict is not None:
        text = OUTCOMES[str(result.verdict)]
        hidden = result.verdict == "completed" and result.score.value is not None
        says_no_more = _dropped("result.value", "It says no more than the score.")
        found.append(says_no_more if hidden else FieldPreview("result.value", "changed", "As the outcome.", text))
    if result.attachments:
        urls = [one["url"] for one in result.attachments if one.get("url")]
        found.append(FieldPreview("attachments", "changed", "As links.", urls))
    return found + [
        _dropped(name, "Ashby has no place for it.") for name in ("candidate", "passthrough") if getattr(result, name)
    ]


def _given(result: Result) -> list[str]:
    score = {f"score.{name}": getattr(result.score, name) for name in ("value", "label", "min", "max")}
    names = ("result_url", "start_date", "submission_date", "summary", "attachments", "candidate", "passthrough")
    values = {**score, **{name: getattr(result, name) for name in names}}
    return [name for name, value in values.items() if value]


def _dropped(name: str, reason: str) -> FieldPreview:
    return FieldPreview(name, "dropped", reason)
