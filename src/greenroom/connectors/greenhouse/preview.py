"""A preview of a result in Greenhouse, field by field."""

from __future__ import annotations

from greenroom.connectors.contract import FieldPreview
from greenroom.connectors.greenhouse import wire
from greenroom.model.orders import Order
from greenroom.model.results import Result, score_number


def preview(order: Order, result: Result) -> list[FieldPreview]:
    """
    Returns the outcome of each field that the result has, with the reason.

    A field is shown, changed on the way, dropped, or refused.
    Source: the guide's table "Fields (when provided)"; Greenhouse shows nothing else.
    """
    shown = [*_score(result), *_rows(result), *_report(result), *_dropped(result)]
    if result.is_final:
        return shown
    return [FieldPreview(item.field, "dropped", "Progress: Greenhouse receives final results only.") for item in shown]


def _report(result: Result) -> list[FieldPreview]:
    if result.result_url is None:
        return []
    return [FieldPreview("result_url", "shown", "As View Report and Go to Test.", result.result_url)]


def _score(result: Result) -> list[FieldPreview]:
    score = result.score
    found: list[FieldPreview] = []
    if score.value is not None:
        number = score_number(score.value)
        same = str(number) == score.value
        reason = "As Score." if same else "As Score; Greenhouse takes a number."
        found.append(FieldPreview("score.value", "shown" if same else "changed", reason, number))
    if score.label is not None:
        found.append(FieldPreview("score.label", "shown", "As the row Score Label.", score.label))
    for name, value in (("score.min", score.min), ("score.max", score.max)):
        if value is not None:
            text = wire.score_range(score.min, score.max)
            found.append(FieldPreview(name, "changed", "Joined into the row Score Range.", text))
    return found


def _rows(result: Result) -> list[FieldPreview]:
    rows = wire.metadata_rows(result)
    found: list[FieldPreview] = []
    for name, label in (("start_date", "Started At"), ("submission_date", "Completed At")):
        if label in rows:
            found.append(FieldPreview(name, "changed", f"As {label}, printed in UTC.", rows[label]))
    if "Notes" in rows:
        found.append(FieldPreview("summary", "shown", "As Notes.", rows["Notes"]))
    if "Outcome" in rows:
        found.append(FieldPreview("result.value", "changed", "As the row Outcome.", rows["Outcome"]))
    elif result.verdict is not None:
        found.append(FieldPreview("result.value", "dropped", "Greenhouse only knows that the test is complete."))
    return found


def _dropped(result: Result) -> list[FieldPreview]:
    return [
        FieldPreview(name, "dropped", "Greenhouse's partner API has no place for it; put it behind result_url.")
        for name, value in (
            ("attachments", result.attachments),
            ("candidate", result.candidate),
            ("passthrough", result.passthrough),
        )
        if value
    ]
