"""Checks that the webhook endpoint accepts every valid event."""

from __future__ import annotations

from typing import Any

from greenroom.check.generate import TEXTS, Change, cases, find_counter_example
from greenroom.check.model import Failed, Skipped, Suite
from greenroom.check.webhook import events
from greenroom.check.webhook.subject import WebhookSubject
from greenroom.errors import RemoteError
from greenroom.model.events import ACCOUNT_EVENTS, OPERATIONAL_EVENTS, ORDER_UPDATED, TEST, order_categories

SUITE: Suite[WebhookSubject] = Suite("webhook")
LARGE = 256 * 1024


@SUITE.check(
    "event-order",
    "Each order event that the webhook subscribes to is accepted",
    why="It is an order of a recruiter.",
    fix="Handle every event name that you subscribe to.",
)
async def event_order(subject: WebhookSubject) -> str:
    """Sends an order under each subscribed spelling."""
    names = [one for one in subject.subscribed if order_categories([one]) and one not in ORDER_UPDATED.values()]
    for name in names:
        category = next(iter(order_categories([name])))
        await subject.accepted(events.created(category, name), name)
    return _sent(names)


@SUITE.check(
    "event-updated",
    "The event that an order was cancelled is accepted",
    why="Otherwise the candidate takes a test that nobody waits for.",
    fix="Cancel the order, and answer 2xx also when you do not know it.",
)
async def event_updated(subject: WebhookSubject) -> str:
    """Sends the event for each subscribed category."""
    names = [one for one in subject.subscribed if one in ORDER_UPDATED.values()]
    for name in names:
        await subject.accepted(events.updated(next(iter(order_categories([name])))), name)
    return _sent(names)


@SUITE.check(
    "event-account",
    "Account events are accepted",
    why="They say that a customer has linked, changed or removed its account.",
    fix="Answer 2xx to every event that you subscribe to, also when you need nothing from it.",
)
async def event_account(subject: WebhookSubject) -> str:
    """Sends each subscribed account event."""
    names = [one for one in subject.subscribed if one in ACCOUNT_EVENTS]
    for name in names:
        await subject.accepted(events.account(name), name)
    return _sent(names)


@SUITE.check(
    "event-operational",
    "Events about your webhooks are accepted",
    why="They warn you that deliveries fail.",
    fix="Answer 2xx to every event that you subscribe to.",
)
async def event_operational(subject: WebhookSubject) -> str:
    """Sends each subscribed operational event."""
    names = [one for one in subject.subscribed if one in OPERATIONAL_EVENTS]
    for name in names:
        await subject.accepted(events.operational(name), name)
    return _sent(names)


@SUITE.check(
    "event-test",
    "The test event is accepted, and places no order",
    why="The dashboard's test button sends it, and is the first thing that people try.",
    fix="Verify the signature, answer 2xx, and do nothing for `webhook.test`.",
)
async def event_test(subject: WebhookSubject) -> str:
    """Sends the event of the test button."""
    return await subject.accepted(events.test(), TEST)


@SUITE.check(
    "event-unknown",
    "An event name that you do not know is accepted",
    why="Names are added, and an error makes the gateway send the event again for days.",
    fix="Answer 2xx and do nothing.",
)
async def event_unknown(subject: WebhookSubject) -> str:
    """Sends an event under another name."""
    return await subject.accepted(events.account("ats_something.new"), "an unknown event")


@SUITE.check(
    "unknown-fields",
    "Unknown fields are ignored",
    why="Later versions add fields on every level.",
    fix="Read only the fields that you need, and refuse none.",
)
async def unknown_fields(subject: WebhookSubject) -> str:
    """Adds fields on several levels."""
    document = subject.order()
    added = {"added_later": {"deep": [1, None]}}
    data = document["event_data"]
    for level in (document, data, data["candidate"], data["package"], data["job"]):
        level.update(added)
    return await subject.accepted(document, "unknown fields")


@SUITE.check(
    "null-fields",
    "Optional fields may be null",
    why="Not every ATS sends names, jobs or a requester.",
    fix="Need only record_id, the package's id and the candidate's e-mail address from the order's page.",
)
async def null_fields(subject: WebhookSubject) -> str:
    """Sets every optional field to null."""
    return await subject.accepted(events.with_nulls(subject.order()), "null in every optional field")


@SUITE.check(
    "unicode-names",
    "Names in every script are accepted",
    why="Candidates have them.",
    fix="Store and compare UTF-8 from end to end; do not limit names to letters.",
)
async def unicode_names(subject: WebhookSubject) -> str:
    """Sends candidates with names of several scripts."""
    for first, last in (("Zoë 🧪", "Nguyễn-O'Neill"), ("李", "小龍"), ("مريم", "الأسطرلابي"), ("e\u0301", "ß")):
        await subject.accepted(subject.order(first_name=first, last_name=last), f"the candidate {first} {last}")
    return "four names"


@SUITE.check(
    "long-text",
    "Long names and titles are accepted",
    why="A column that is too short loses the order.",
    fix="Cut off what does not fit, or use a column without a limit.",
)
async def long_text(subject: WebhookSubject) -> str:
    """Sends texts of 2,000 characters."""
    document = subject.order(first_name="x" * 2000, last_name="y" * 2000)
    document["event_data"]["job"]["title"] = "z" * 2000
    return await subject.accepted(document, "texts of 2,000 characters")


@SUITE.check(
    "large-body",
    "An event of 256 kB is accepted",
    why="raw_event has all that the ATS sent.",
    fix="Raise the limit of your framework or proxy to 1 MB.",
)
async def large_body(subject: WebhookSubject) -> str:
    """Sends a large raw_event."""
    document = subject.order()
    document["raw_event"]["body"]["answers"] = ["x" * 1000] * (LARGE // 1003)
    return await subject.accepted(document, "an event of 256 kB")


@SUITE.check(
    "out-of-order",
    "Events may come in another order",
    why="A retried order event comes after the event that cancels it.",
    fix="Store the cancellation of an order that you do not know yet; compare event_date.",
)
async def out_of_order(subject: WebhookSubject) -> str:
    """Sends the cancellation before the order."""
    await subject.success()
    if ORDER_UPDATED[subject.category] not in subject.subscribed:
        raise Skipped("The webhook does not subscribe to updates of orders.")
    placed = events.order(subject.category)
    await subject.accepted(events.updated(subject.category, placed=placed), "an update before its order")
    document = events.created(subject.category, subject.order_event, placed=placed)
    return await subject.accepted(document, "an order after its update")


@SUITE.check(
    "unknown-account",
    "An order of an account that you do not know is accepted",
    why="The event that the account was linked may come later.",
    fix="Store the order, and look its account up when you need it.",
)
async def unknown_account(subject: WebhookSubject) -> str:
    """Names an account that cannot exist."""
    document = subject.order() | {"account_id": "acc_nobody_has_this_one"}
    return await subject.accepted(document, "an unknown account")


@SUITE.check(
    "generated",
    "Generated events are accepted",
    why="Texts come from people and other systems.",
    fix="Run the command of the counter-example within five minutes, and repair what it shows.",
)
async def generated(subject: WebhookSubject) -> str:
    """Sends generated events, and reduces the first that is not accepted."""
    await subject.success()
    document = subject.order()

    async def problem_of(made: Any) -> str | None:
        try:
            sent = await subject.post(_as_new(made))
        except RemoteError as error:
            return error.reason
        return None if sent.is_success else f"{sent.described()}."

    inputs = cases(_changes(), seed=subject.seed, examples=subject.examples)
    found, tried = await find_counter_example(document, inputs, problem_of)
    if found is None:
        return f"{tried} events, seed {subject.seed}"
    shown = ", ".join(map(str, found.changes))
    try:
        again = (await subject.post(_as_new(found.document))).curl
    except RemoteError:
        again = None
    raise Failed(f"With {shown}: {found.problem}", curl=again)


def _as_new(document: Any) -> Any:
    """Returns the document as the event of an order of its own, so that none is a repeat."""
    made = events.order("assessments")
    return document | {"record_id": made.id, "event_data": document["event_data"] | {"id": made.id}}


def _changes() -> list[Change]:
    """Lists changes after which an order event is still valid."""
    data = ("event_data",)
    texts = [
        (*data, "candidate", "first_name"), (*data, "candidate", "last_name"), (*data, "job", "title"),
        (*data, "package", "name"), (*data, "package", "description"), (*data, "candidate", "profile_url"),
        (*data, "job", "hiring_team", 0, "first_name"), (*data, "requester", "last_name"),
    ]  # fmt: skip
    nulls = [*texts, (*data, "job", "hiring_team"), (*data, "requester"), (*data, "passthrough"), (*data, "job_id")]
    changes = [Change(path, text) for path in texts for text in TEXTS]
    changes += [Change(path, None) for path in nulls]
    changes += [Change((*data, "job", "hiring_team"), []), Change((*data, "passthrough"), {"deep": [[[{}]]]})]
    emails = ("casey+tag@example.com", "ca.sey@sub.example.co.uk", "çasey@exämple.com", "x" * 60 + "@example.com")
    changes += [Change((*data, "candidate", "emails", 0, "value"), one) for one in emails]
    return changes


def _sent(names: list[str]) -> str:
    if not names:
        raise Skipped("The webhook does not subscribe to such an event.")
    return ", ".join(names)
