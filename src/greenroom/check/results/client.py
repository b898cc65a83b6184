"""Checks of the HTTP of the vendor's client: its requests, and its repeats of results that were not accepted."""

from __future__ import annotations

import json
from collections import Counter

from greenroom.check.calls import Sent
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.results.standin import RETRY_AFTER_S, Received
from greenroom.check.results.subject import ORDERS, ResultsSubject

SUITE: Suite[ResultsSubject] = Suite("results")
#: requests for one order above which a client is in a loop
STORM = 12
#: seconds of Retry-After that clocks may differ
SLACK_S = 0.25


@SUITE.check(
    "webhook",
    "Every order event is accepted",
    why="Without the order there is no result.",
    fix="Run `greenroom check webhook` first.",
)
async def webhook(subject: ResultsSubject) -> str:
    """Looks at the answers of the vendor's webhook."""
    await subject.collect()
    for name, sent in subject.events_sent.items():
        if not isinstance(sent, Sent):
            raise Failed(f"For the order {name!r}: {sent.reason}")
        if not sent.is_success:
            raise Failed(f"For the order {name!r}, {sent.described()}.", curl=sent.curl)
    return f"{len(subject.events_sent)} orders"


@SUITE.check(
    "arrives",
    "A final result comes for every order",
    why="The recruiter waits for it; a candidate's work is lost without it.",
    fix="Send the result when the test is complete; give more time with --wait when people take the tests.",
)
async def arrives(subject: ResultsSubject) -> str:
    """Looks for orders without any result."""
    await subject.collect()
    if not any(isinstance(one, Sent) and one.is_success for one in subject.events_sent.values()):
        raise Skipped("The orders were not accepted: see results.webhook.")
    attempted = {one.order_id for one in subject.standin.received if _is_final(one)}
    missing = [name for name, order in subject.placed.items() if order.id not in attempted]
    if missing:
        raise Failed(f"No final result came for {len(missing)} of {len(ORDERS)} orders: {', '.join(missing)}.")
    return f"{len(ORDERS)} orders"


@SUITE.check(
    "path",
    "Results go to PATCH …/orders/{id}/result",
    why="Another path or method is answered with 404 or 405, and the result is lost.",
    fix="Use `results_update_url` of the order, or the path of the category with the order's record_id.",
)
async def path(subject: ResultsSubject) -> str:
    """Looks for writes that are no result of an order."""
    await subject.collect()
    writes = [one for one in subject.standin.received if one.method != "GET"]
    for one in writes:
        if one.order_id is None or one.method != "PATCH":
            raise Failed(f"The client sent {one.method} {one.path[:200]}.")
    if not writes:
        raise Skipped("The vendor sent no result: see results.arrives.")
    return f"{len(writes)} requests"


@SUITE.check(
    "authorization",
    "The API key is the user name of Basic authorization",
    why="The gateway refuses any other request with 401.",
    fix="Send `Authorization: Basic base64(key + ':')`, with the key that this command prints or that you give it.",
)
async def authorization(subject: ResultsSubject) -> str:
    """Looks for requests that were refused with 401."""
    for one in await subject.requests():
        if one.status == 401:
            given = "no Authorization header" if "authorization" not in one.headers else "another key or form"
            raise Failed(f"{one.method} {one.path[:200]} has {given}.")
    return "the right key"


@SUITE.check(
    "account-header",
    "x-account-id is the account of the order",
    why="An order is looked up within its account; another one gets 404.",
    fix="Store account_id of the event with the order, and send it back.",
)
async def account_header(subject: ResultsSubject) -> str:
    """Looks at the header of each request."""
    for one in await subject.requests():
        given = one.headers.get("x-account-id")
        if given != subject.standin.account_id:
            raise Failed(f"x-account-id is {given!r}; the event has account_id {subject.standin.account_id!r}.")
    return subject.standin.account_id


@SUITE.check(
    "content-type",
    "The content type is application/json",
    why="A server that checks it refuses anything else.",
    fix="Send `content-type: application/json`.",
)
async def content_type(subject: ResultsSubject) -> str:
    """Looks at the header of each request."""
    for one in await subject.requests():
        given = one.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != "application/json":
            raise Failed(f"The content type is {given[:80]!r}.")
    return "application/json"


@SUITE.check(
    "user-agent",
    "The client names itself",
    why="Operators find your requests in the log by it.",
    fix="Send a `user-agent` with your product and its version.",
)
async def user_agent(subject: ResultsSubject) -> str:
    """Looks at the header of each request."""
    agents = {one.headers.get("user-agent", "") for one in await subject.requests()}
    if not all(agents):
        raise Warned("A request has no user-agent.")
    return ", ".join(sorted(agents))[:120]


@SUITE.check(
    "retry-unavailable",
    "After a 503, the result is sent again",
    why="A gateway restarts; a result that is sent once only is lost.",
    fix="Repeat with growing pauses on 5xx and on broken connections, for at least a day.",
)
async def retry_unavailable(subject: ResultsSubject) -> str:
    """Looks for the request after the 503."""
    return await _repeated_after(subject, "unavailable", 503)


@SUITE.check(
    "retry-limited",
    "After a 429, the result is sent again",
    why="Many results at once meet the rate limit.",
    fix="Repeat after the seconds of Retry-After.",
)
async def retry_limited(subject: ResultsSubject) -> str:
    """Looks for the request after the 429."""
    return await _repeated_after(subject, "limited", 429)


@SUITE.check(
    "retry-after",
    f"After a 429, the client waits for Retry-After ({RETRY_AFTER_S} s here)",
    why="Repeating sooner keeps the limit reached.",
    fix="Read Retry-After, and wait at least that long.",
)
async def retry_after(subject: ResultsSubject) -> str:
    """Compares the times of the 429 and of the next request."""
    first, following = await _around(subject, "limited", 429)
    if following is None:
        raise Skipped("The result was not sent again: see results.retry-limited.")
    waited = following.at - first.at
    if waited < RETRY_AFTER_S - SLACK_S:
        raise Failed(f"The client repeated after {waited:.2f} s.")
    return f"{waited:.1f} s"


@SUITE.check(
    "retry-lost",
    "When the answer is lost, the result is sent again",
    why="The client cannot know whether the result arrived; the gateway takes the same result twice.",
    fix="Repeat with the same body on 5xx and on broken connections.",
)
async def retry_lost(subject: ResultsSubject) -> str:
    """Looks for the request after a 502 of an accepted result."""
    return await _repeated_after(subject, "lost", 502)


@SUITE.check(
    "repeat-same",
    "A result that is sent again is the same",
    why="The first final result counts; a repeat that differs is refused with 409.",
    fix="Store the result before you send it, and repeat the stored one; take no new timestamps.",
)
async def repeat_same(subject: ResultsSubject) -> str:
    """Compares the final results of each order."""
    repeats = 0
    for name in ORDERS:
        finals = await _finals(subject, name)
        end = next((index for index, one in enumerate(finals, 1) if one.status == 200), len(finals))
        bodies = [one.content for one in finals[:end]]
        repeats += len(bodies) - 1 if bodies else 0
        for body in bodies[1:]:
            if body != bodies[0]:
                raise Failed(f"For the order {name!r}, the repeat differs in {_differing(bodies[0], body)}.")
    if not repeats:
        raise Skipped("No result was sent again: see results.retry-unavailable.")
    return f"{repeats} repeats"


@SUITE.check(
    "no-second",
    "After the final result was accepted, no other one comes",
    why="ATSs take one result per order; the second is refused with 409.",
    fix="Send progress while the test is in progress, and one final result at its end.",
)
async def no_second(subject: ResultsSubject) -> str:
    """Looks for final results after a 200 that differ from it."""
    await subject.requests()
    for name in ORDERS:
        finals = await _finals(subject, name)
        accepted = next((index for index, one in enumerate(finals) if one.status == 200), len(finals))
        for one in finals[accepted + 1 :]:
            if one.content != finals[accepted].content:
                shown = _differing(finals[accepted].content, one.content)
                raise Failed(f"For the order {name!r}, a second final result came; it differs in {shown}.")
    return "one final result per order"


@SUITE.check(
    "repeated-event",
    "An order event that comes twice has one result",
    why="Delivery is at least once; a candidate must not get two tests.",
    fix="Store webhook-id with a unique key, and skip events that you have.",
)
async def repeated_event(subject: ResultsSubject) -> str:
    """Counts the final results of the order whose event was sent twice."""
    finals = await _finals(subject, "repeated")
    if not finals:
        raise Skipped("No result came for this order: see results.arrives.")
    if len(await _finals(subject, "plain")) > 1:
        raise Skipped("Other orders have more than one final result, too: see results.no-second.")
    accepted = [one for one in finals if one.status in (200, 409)]
    if len(accepted) > 1:
        raise Failed(f"{len(accepted)} final results came for one order.")
    return "one final result"


@SUITE.check(
    "no-storm",
    f"At most {STORM} requests come for one order",
    why="A client that repeats refused results forever reaches the rate limit, and other results wait.",
    fix="Stop on 4xx other than 408, 425 and 429; double the pause between repeats.",
)
async def no_storm(subject: ResultsSubject) -> str:
    """Counts the requests of each order."""
    uses = Counter(one.order_id for one in await subject.requests())
    most = max(uses.values())
    if most > STORM:
        raise Failed(f"{most} requests came for one order.")
    return f"at most {most}"


async def _finals(subject: ResultsSubject, name: str) -> list[Received]:
    await subject.collect()
    ids = subject.placed[name].id
    return [one for one in subject.standin.received if one.order_id == ids and one.result and one.result.is_final]


async def _around(subject: ResultsSubject, name: str, status: int) -> tuple[Received, Received | None]:
    finals = await _finals(subject, name)
    at = next((index for index, one in enumerate(finals) if one.status == status), None)
    if at is None:
        raise Skipped(f"No valid final result came that could be answered with {status}: see results.arrives.")
    return finals[at], finals[at + 1] if at + 1 < len(finals) else None


async def _repeated_after(subject: ResultsSubject, name: str, status: int) -> str:
    first, following = await _around(subject, name, status)
    if following is None:
        raise Failed(f"Nothing came within {subject.wait_s:.0f} s after the {status}.")
    return f"after {following.at - first.at:.1f} s"


def _is_final(one: Received) -> bool:
    """Returns whether a request was meant as a final result, also when it is not valid."""
    if one.order_id is None:
        return False
    if one.result is not None:
        return one.result.is_final
    result = one.content.get("result") if isinstance(one.content, dict) else None
    return not (isinstance(result, dict) and result.get("value") in ("initiated", "in_progress"))


def _differing(first: object, second: object) -> str:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return "everything"
    names = [name for name in first | second if json.dumps(first.get(name)) != json.dumps(second.get(name))]
    return ", ".join(names)[:120]
