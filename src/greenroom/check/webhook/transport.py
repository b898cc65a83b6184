"""Checks of the webhook endpoint's HTTP."""

from __future__ import annotations

import asyncio

from greenroom.check.calls import Sent, new_id
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.rules import calm, refuse_redirect, refuse_traces, require_https
from greenroom.check.webhook.subject import WebhookSubject, encode
from greenroom.errors import RemoteError

SUITE: Suite[WebhookSubject] = Suite("webhook")
#: characters of an answer above which a vendor probably sends a page
LARGE_ANSWER = 4096
CONCURRENT = 10


@SUITE.check(
    "reachable",
    "The endpoint answers within 15 s",
    why="A webhook without an answer is sent again.",
    fix="Check the URL, the name in DNS, the certificate and the firewall; store the event and answer at once.",
)
async def reachable(subject: WebhookSubject) -> str:
    """Sends an order event; the other checks of the answer share this call."""
    return (await subject.call()).described()


@SUITE.check(
    "https",
    "The URL is https",
    why="Events have personal data of candidates.",
    fix="Serve the endpoint with a certificate of a public authority.",
)
async def https(subject: WebhookSubject) -> str:
    """Looks at the URL."""
    return require_https(subject.caller.url, development=subject.development)


@SUITE.check(
    "redirect",
    "The endpoint does not redirect",
    why="Redirects are not followed, so the event would be sent again and never arrive.",
    fix="Configure the final URL, with the right scheme, host and trailing slash.",
)
async def redirect(subject: WebhookSubject) -> str:
    """Looks at the first answer."""
    return refuse_redirect(await subject.answer())


@SUITE.check(
    "status",
    "A good order event gets a 2xx",
    why="Any other status makes the gateway send the event again, for three days.",
    fix="Answer 200 or 204 once the event is stored; check --secret when it is 401 or 403.",
)
async def status(subject: WebhookSubject) -> str:
    """Looks at the first answer."""
    sent = await subject.answer()
    if 300 <= sent.status < 400:
        raise Skipped("The endpoint redirects: see webhook.redirect.")
    if not sent.is_success:
        raise Failed(f"For a good order event, {sent.described()}.", curl=sent.curl)
    return str(sent.status)


@SUITE.check(
    "time",
    "The answer comes within 5 s",
    why="At 15 s the gateway gives the attempt up, and sends the event again although you have it.",
    fix="Store the event, answer, and do the work afterwards.",
)
async def duration(subject: WebhookSubject) -> str:
    """Looks at the duration of the first call."""
    sent = await subject.success()
    took = sent.answer.duration_ms / 1000
    if took > subject.slow_s:
        raise Warned(f"The answer took {took:.1f} s.", curl=sent.curl)
    return f"{took * 1000:.0f} ms"


@SUITE.check(
    "answer-small",
    "The answer is short",
    why="Its body is not used, and its beginning is stored with each attempt.",
    fix="Answer 204 without a body.",
)
async def answer_small(subject: WebhookSubject) -> str:
    """Looks at the first answer."""
    sent = await subject.success()
    if sent.answer.truncated or len(sent.answer.body) > LARGE_ANSWER:
        raise Warned(f"The answer has {len(sent.answer.body)} bytes{' or more' if sent.answer.truncated else ''}.")
    return f"{len(sent.answer.body)} bytes"


@SUITE.check(
    "keep-alive",
    "Connections stay open",
    why="A new TLS connection for each event costs both sides more than the event.",
    fix="Do not send `connection: close`.",
)
async def keep_alive(subject: WebhookSubject) -> str:
    """Looks at the header of the first answer."""
    if (await subject.answer()).answer.headers.get("connection", "").lower() == "close":
        raise Warned("The answer has `connection: close`.")
    return "The connection stays open."


@SUITE.check(
    "get",
    "GET is refused, not failed",
    why="Monitors and people open the URL; a 5xx would raise your alarms.",
    fix="Answer 405.",
)
async def get(subject: WebhookSubject) -> str:
    """Sends GET."""
    await subject.answer()
    return calm(await subject.caller.send("GET", {}, None), "GET")


@SUITE.check(
    "head",
    "HEAD is refused, not failed",
    why="Monitors use it; a 5xx would raise your alarms.",
    fix="Answer 405.",
)
async def head(subject: WebhookSubject) -> str:
    """Sends HEAD."""
    await subject.answer()
    return calm(await subject.caller.send("HEAD", {}, None), "HEAD")


@SUITE.check(
    "invalid-json",
    "A signed body that is not JSON gets a 4xx",
    why="A 5xx counts as an outage of yours.",
    fix="Catch the parser's error and answer 400.",
)
async def invalid_json(subject: WebhookSubject) -> str:
    """Sends half a JSON document with a valid signature."""
    await subject.answer()
    body = b'{"event": "ats_assess'
    return calm(await subject.send(body, subject.signed(body)), "a body that is not JSON")


@SUITE.check(
    "no-trace",
    "Errors show no stack trace",
    why="A trace tells attackers about your code.",
    fix="Turn debug mode off, and answer errors with a short text.",
)
async def no_trace(subject: WebhookSubject) -> str:
    """Looks at the answers to requests that provoke errors."""
    await subject.answer()
    bodies = (b"\xff\xfe", b"[]", b"null", b'{"event": {}}')
    requests = [(body, headers) for body in bodies for headers in (subject.signed(body), {})]
    return await refuse_traces(*(subject.send(body, headers) for body, headers in requests))


@SUITE.check(
    "concurrent",
    f"{CONCURRENT} events at the same time are accepted",
    why="After an outage, many events arrive together.",
    fix="Handle requests independently of each other; raise the size of connection pools.",
)
async def concurrent(subject: WebhookSubject) -> str:
    """Sends different orders together."""
    await subject.success()
    sent = await _together(subject, [(subject.order(), new_id("evt")) for _ in range(CONCURRENT)])
    for one in sent:
        if not one.is_success:
            raise Failed(f"For one of {CONCURRENT} concurrent events, {one.described()}.", curl=one.curl)
    return f"{CONCURRENT} accepted"


@SUITE.check(
    "repeated",
    "A repeated event is accepted, and does nothing",
    why="Delivery is at least once: when an answer is lost, the event comes again with the same webhook-id.",
    fix="Store webhook-id with a unique key; answer 2xx when you have it already.",
)
async def repeated(subject: WebhookSubject) -> str:
    """Sends the same event twice, signed anew as a retry is."""
    await subject.success()
    document, event_id = subject.order(), new_id("evt")
    await subject.accepted(document, "an event", event_id=event_id)
    return await subject.accepted(document, "the same event again", event_id=event_id)


@SUITE.check(
    "repeated-together",
    "The same event twice at the same time does not fail",
    why="A resend by hand and a retry may meet; a unique key alone then raises an error.",
    fix="Insert with `ON CONFLICT DO NOTHING`, and answer 2xx.",
)
async def repeated_together(subject: WebhookSubject) -> str:
    """Sends the same event three times together."""
    await subject.success()
    same = (subject.order(), new_id("evt"))
    for one in await _together(subject, [same] * 3):
        if one.status >= 500:
            raise Failed(f"For one of three concurrent sends of one event, {one.described()}.", curl=one.curl)
        if not one.is_success:
            raise Warned(f"For one of three concurrent sends of one event, {one.described()}.", curl=one.curl)
    return "accepted"


async def _together(subject: WebhookSubject, sends: list[tuple[object, str]]) -> list[Sent]:
    calls = (subject.send(body, subject.signed(body, event_id=name)) for body, name in _encoded(sends))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for one in answers:
        if isinstance(one, RemoteError):
            raise Failed(f"One of {len(sends)} concurrent events got no answer: {one.reason}")
        if isinstance(one, BaseException):
            raise one
    return [one for one in answers if isinstance(one, Sent)]


def _encoded(sends: list[tuple[object, str]]) -> list[tuple[bytes, str]]:
    return [(encode(document), name) for document, name in sends]
