"""The texts of Greenhouse's pages.

Source: screenshots and guide of the Assessment integration.
"""

from __future__ import annotations

from datetime import datetime

ERROR = "Sorry, we encountered an error. Please try again."
SUBMITTED_TESTS = "Submitted tests"
SCHEDULED = "Test scheduled"
TO_BE_SENT = "Test needs to be sent to candidate"
SEND_TEST = "Send test to candidate"
NO_GRADERS = "No assignments to assign graders."
GO_TO_TEST = "Go to test"
VIEW_REPORT = "View Report"
NO_REPORT = "No report yet"
KIT_TABS = ["Grading Instructions", "Job Details", "Scorecard"]
CONNECTED = "Connected"
NOT_CONNECTED = "Contact Greenhouse Support to enable"
#: the pipeline's text for each interview status
NEXT = {"to_be_sent": "To Be Sent", "sent": "Waiting", "received": "To Be Graded"}
CATEGORIES = {"assessments": "Assessments", "background_checks": "Candidate Background Checks"}
#: the description of each kind of fault on the page *Faults*
FAULTS = {
    "latency": "Waits so many seconds before a call or an answer.",
    "timeout": "Gives its own call up after so many seconds; what it should answer gets none for so long.",
    "reset": "Resets the connection.",
    "wrong_credentials": "Calls the partner with a key that it never issued.",
    "duplicate": "Sends the same test twice: at once, or so many seconds later.",
    "malformed": "Breaks the body.",
    "reorder": "Lets an older answer of test_status arrive after a newer one.",
    "status": "Answers with an error, and does nothing.",
    "logical_error": "Answers Ashby's calls with status 200 and an error in the body, and does nothing.",
    "lost_answer": "Does what Ashby's call says, then closes the connection without an answer.",
    "expired_resume": "Sends a link to a résumé that does not open any more.",
}
#: the confirmation on the page after a form, by the value of ``?said=``
SAID = {
    "job-created": "The job is open.",
    "colleague-added": "Added to the team.",
    "stage-added": "The stage is in the plan.",
    "stage-moved": "The stage has moved.",
    "stage-removed": "The stage is gone.",
    "saved": "Saved.",
    "submitted-tests": "Submitted tests",
    "scheduled": "Test scheduled",
    "moved": "Moved.",
    "candidate-added": "The candidate is in the job's first stage, or where you put them.",
    "hire": "Hired.",
    "unhire": "No longer hired.",
    "reject": "Rejected.",
    "unreject": "No longer rejected.",
    "delete": "Removed from the job.",
    "anonymized": "What identified this person is gone.",
    "merged": "The duplicate is part of this candidate now.",
    "candidate-deleted": "The candidate is deleted.",
    "polled": "Asked the partner. What it answered is below.",
    "applied": "The application is approved. These are the partner's credentials.",
    "issued": "New credentials are issued; the old ones are refused from now on.",
    "key-stored": "The key is stored.",
    "enabled": "The integration is enabled.",
    "disabled": "The integration is disabled.",
    "forgotten": "The key is forgotten.",
    "published": "The integration is in the directory.",
    "unpublished": "The integration is no longer in the directory.",
    "traffic-cleared": "The log is empty.",
    "replayed": "The call was made again. This is what came back.",
    "fault-added": "The fault waits for its calls.",
    "fault-removed": "The fault is gone.",
    "faults-cleared": "No fault is left.",
    "clock-moved": "The clock has moved, and what was due has happened.",
    "clock-changed": "The clock goes like this from now on.",
    "polling": "Hourly polling is switched.",
    "settings": "The simulator speaks like this from now on.",
    "reset": "Everything is as it was planted.",
}

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def day(at: datetime) -> str:
    """Returns a date as Greenhouse writes it, in any locale: ``Jan 21, 2025``."""
    return f"{_MONTHS[at.month - 1]} {at.day}, {at.year}"


def awaiting(sent_at: datetime) -> str:
    """Returns the line of a sent test without a result."""
    return f"Awaiting candidate's submission. Test last sent {day(sent_at)}"


def scored(stage: str, score: int | float | None) -> str:
    """Returns the row of a finished test; without a score only the stage's name."""
    return stage if score is None else f"{stage} (score: {value(score)})"


def value(of: str | int | float | bool | None) -> str:
    """Returns a metadata value or score as text.

    Strings stay verbatim; numbers and booleans are written as in JavaScript.
    """
    if of is None:
        return ""
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, float) and of.is_integer() and abs(of) < 1e21:
        return str(int(of))
    return str(of)
