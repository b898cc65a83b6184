"""Checks that the webhook endpoint verifies signatures."""

from __future__ import annotations

from greenroom.check.calls import Sent, new_id, new_secret, signature
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.security import refused
from greenroom.check.webhook.subject import STACKONE, STANDARD, WebhookSubject, encode

SUITE: Suite[WebhookSubject] = Suite("webhook")
#: seconds: more than the tolerance of Standard Webhooks
OLD_S = 3600
NO_TIME = (
    "x-stackone-signature alone is enough for this endpoint; it covers neither time nor id, so a recorded request "
    "can be sent again"
)


@SUITE.check(
    "signature-enough",
    "One of the two signatures is enough",
    why="Other senders of this contract have only x-stackone-signature, or only the Standard Webhooks headers.",
    fix="Verify one of them: webhook-signature protects against replays, too.",
)
async def enough(subject: WebhookSubject) -> str:
    """Sends each signature alone."""
    await subject.is_verifying()
    kinds = {"x-stackone-signature": STACKONE, "Standard Webhooks": STANDARD}
    alone = [name for name, kept in kinds.items() if await subject.accepts(kept)]
    if not alone:
        raise Warned("An event is accepted only with both signatures.")
    return f"accepted alone: {', '.join(alone)}"


@SUITE.check(
    "signature-missing",
    "An event without a signature is refused",
    why="Otherwise every program that knows the URL can place orders.",
    fix="Refuse requests without webhook-signature (or x-stackone-signature) with 401.",
)
async def missing(subject: WebhookSubject) -> str:
    """Sends an event without signature headers."""
    await subject.is_verifying()
    return refused(await subject.send(encode(subject.order()), {}), "an event without a signature")


@SUITE.check(
    "signature-empty",
    "An empty signature is refused",
    why="Comparing with nothing must not succeed.",
    fix="Refuse empty headers before you compare.",
)
async def empty(subject: WebhookSubject) -> str:
    """Sends empty signature headers."""
    await subject.is_verifying()
    body = encode(subject.order())
    blank = dict.fromkeys(("webhook-signature", "x-stackone-signature"), "")
    return refused(await subject.send(body, subject.signed(body) | blank), "empty signatures")


@SUITE.check(
    "signature-wrong",
    "A signature of another secret is refused",
    why="Otherwise the signature proves nothing.",
    fix="Compute the signature with your secret, and compare in constant time.",
)
async def wrong(subject: WebhookSubject) -> str:
    """Signs with another secret."""
    await subject.is_verifying()
    body = encode(subject.order())
    return refused(await subject.send(body, signature(body, [new_secret()])), "a signature of another secret")


@SUITE.check(
    "signature-part",
    "A part of the signature is refused",
    why="Comparing prefixes makes signatures guessable.",
    fix="Compare whole signatures in constant time.",
)
async def part(subject: WebhookSubject) -> str:
    """Cuts the signatures off after eight characters."""
    await subject.is_verifying()
    body = encode(subject.order())
    headers = subject.signed(body)
    cut = {"webhook-signature": headers["webhook-signature"][:11], "x-stackone-signature": headers[STACKONE[0]][:8]}
    return refused(await subject.send(body, headers | cut), "the first characters of the signatures")


@SUITE.check(
    "signature-body",
    "A changed body is refused",
    why="The signature must cover every byte: package, candidate and account.",
    fix="Verify over the bytes that you received, before you parse them.",
)
async def tampered(subject: WebhookSubject) -> str:
    """Changes the body after it was signed."""
    await subject.is_verifying()
    body = encode(subject.order())
    changed = body.replace(b"casey.candidate@", b"mallory.intruder@")
    return refused(await subject.send(changed, subject.signed(body)), "a body that was changed after signing")


@SUITE.check(
    "signature-bytes",
    "The signature is verified over the bytes as they came",
    why="JSON that is parsed and written again differs in blanks, order and escapes.",
    fix="Keep the raw body: verify it before a framework parses it.",
)
async def raw_bytes(subject: WebhookSubject) -> str:
    """Sends JSON with unusual blanks and escapes."""
    await subject.is_verifying()
    body = encode(subject.order()).replace(b'{"event":', b'{ "\\u0065vent" :\n ', 1)
    sent = await subject.send(body, subject.signed(body))
    if not sent.is_success:
        raise Failed(f"For JSON with unusual blanks and escapes, {sent.described()}.", curl=sent.curl)
    return str(sent.status)


@SUITE.check(
    "signature-old",
    "An event that was signed an hour ago is refused",
    why="A recorded request could be sent again.",
    fix="Refuse a webhook-timestamp that differs from your clock by more than five minutes.",
)
async def old(subject: WebhookSubject) -> str:
    """Dates the signature back."""
    await subject.is_verifying()
    body = encode(subject.order())
    return await _timed(subject, await subject.send(body, subject.signed(body, age_s=OLD_S)), "an old signature")


@SUITE.check(
    "signature-future",
    "An event that is signed for the next hour is refused",
    why="Its signature could be recorded and used later.",
    fix="Refuse a webhook-timestamp that differs from your clock by more than five minutes, in both directions.",
)
async def future(subject: WebhookSubject) -> str:
    """Dates the signature forward."""
    await subject.is_verifying()
    body = encode(subject.order())
    return await _timed(subject, await subject.send(body, subject.signed(body, age_s=-OLD_S)), "a future signature")


@SUITE.check(
    "signature-id",
    "The signature covers webhook-id",
    why="With another id, a recorded event would pass for a new one.",
    fix="Sign `webhook-id.webhook-timestamp.body`, as Standard Webhooks says.",
)
async def covers_id(subject: WebhookSubject) -> str:
    """Changes webhook-id after signing."""
    await subject.is_verifying()
    body = encode(subject.order())
    headers = subject.signed(body) | {"webhook-id": new_id("evt")}
    return await _timed(subject, await subject.send(body, headers), "another webhook-id")


@SUITE.check(
    "signature-malformed",
    "Malformed signature headers are refused, not failed",
    why="Scanners send them; a 5xx would raise your alarms.",
    fix="Catch the errors of your verifier, and answer 401.",
)
async def malformed(subject: WebhookSubject) -> str:
    """Sends signature headers that cannot be read."""
    await subject.is_verifying()
    body = encode(subject.order())
    for change in (
        {"webhook-timestamp": "yesterday", "x-stackone-signature": "%%%"},
        {"webhook-signature": "v1,%%% v1 ,, v2,", "x-stackone-signature": "="},
        {"webhook-timestamp": "9" * 40, "x-stackone-signature": "x" * 4000},
    ):
        refused(await subject.send(body, subject.signed(body) | change), f"malformed signature headers {change}"[:120])
    return "refused"


@SUITE.check(
    "signature-versions",
    "An unknown kind of signature beside the known one is ignored",
    why="webhook-signature is a list: later kinds are added to it.",
    fix="Look for a valid `v1,…` anywhere in the list.",
)
async def versions(subject: WebhookSubject) -> str:
    """Puts an unknown kind in front of the valid signature."""
    await subject.is_verifying()
    if not await subject.accepts(STANDARD):
        raise Skipped("The endpoint does not use webhook-signature.")
    body = encode(subject.order())
    headers = subject.signed(body)
    headers["webhook-signature"] = f"v1a,bm90IGtub3du {headers['webhook-signature']}"
    return _accepted(await subject.send(body, headers), "a list with an unknown kind of signature")


@SUITE.check(
    "rotation-before",
    "While the secret is rotated, an endpoint with the old secret accepts events",
    why="During the overlap each event is signed with both secrets, and you have not switched yet.",
    fix="Accept the event when one of the signatures in webhook-signature is valid.",
)
async def rotation_before(subject: WebhookSubject) -> str:
    """Signs with a new secret first, then with the vendor's."""
    secret = await subject.is_verifying()
    body = encode(subject.order())
    return _accepted(await subject.send(body, signature(body, [new_secret(), secret])), "two signatures")


@SUITE.check(
    "rotation-after",
    "While the secret is rotated, an endpoint with the new secret accepts events",
    why="During the overlap each event is signed with both secrets, and you have switched already.",
    fix="Accept the event when one of the signatures in webhook-signature is valid.",
)
async def rotation_after(subject: WebhookSubject) -> str:
    """Signs with the vendor's secret first, then with an older one."""
    secret = await subject.is_verifying()
    if not await subject.accepts(STANDARD):
        raise Skipped("x-stackone-signature has one value, which the old secret makes until the overlap ends.")
    body = encode(subject.order())
    return _accepted(await subject.send(body, signature(body, [secret, new_secret()])), "two signatures")


@SUITE.check(
    "secret-echo",
    "No answer repeats the secret or a signature",
    why="Answers are logged and shown to people.",
    fix="Do not put expected signatures or request headers into answers.",
)
async def secret_echo(subject: WebhookSubject) -> str:
    """Looks for the secret and the right signature in refusals."""
    secret = await subject.is_verifying()
    body = encode(subject.order())
    right = subject.signed(body)
    hidden = [secret, right["x-stackone-signature"], right["webhook-signature"].partition(",")[2]]
    wrong_one = right | {"webhook-signature": "v1,AAAA", "x-stackone-signature": "AAAA"}
    for headers in (wrong_one, {}):
        sent = await subject.send(body, headers)
        if any(one in sent.text for one in hidden):
            raise Failed(f"The {sent.status} answer repeats the secret or the right signature.")
    return "two refusals without it"


async def _timed(subject: WebhookSubject, sent: Sent, what: str) -> str:
    if sent.is_success and await subject.accepts(STACKONE):
        raise Warned(f"For {what}, the answer was {sent.status}: {NO_TIME}.", curl=sent.curl)
    return refused(sent, what)


def _accepted(sent: Sent, what: str) -> str:
    if not sent.is_success:
        raise Failed(f"With {what}, {sent.described()}.", curl=sent.curl)
    return str(sent.status)
