"""Checks of the list endpoint's HTTP: reachable, fast, and calm about requests that it does not expect."""

from __future__ import annotations

import asyncio
import json

from greenroom.check.calls import Sent
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.subject import ALL_PAGES_S, PackagesSubject, package_id
from greenroom.check.rules import calm, refuse_redirect, refuse_traces, require_https
from greenroom.errors import RemoteError

SUITE: Suite[PackagesSubject] = Suite("packages")
#: bytes of the field that makes a large request
LARGE = 1024 * 1024


@SUITE.check(
    "reachable",
    "The endpoint answers",
    why="A recruiter's dialog waits for it.",
    fix="Check the URL, the name in DNS, the certificate and the firewall.",
)
async def reachable(subject: PackagesSubject) -> str:
    """Calls the endpoint once; the other checks of the answer share this call."""
    sent = await subject.call()
    return sent.described()


@SUITE.check(
    "https",
    "The URL is https",
    why="The call carries the API key of the endpoint.",
    fix="Serve the endpoint with a certificate of a public authority.",
)
async def https(subject: PackagesSubject) -> str:
    """Looks at the URL."""
    return require_https(subject.caller.url, development=subject.development)


@SUITE.check(
    "redirect",
    "The endpoint does not redirect",
    why="Redirects are not followed: a redirect could carry the API key to another host.",
    fix="Configure the final URL, with the right scheme, host and trailing slash.",
)
async def redirect(subject: PackagesSubject) -> str:
    """Looks at the status of the first answer."""
    return refuse_redirect(await subject.answer())


@SUITE.check(
    "status",
    "A good call gets 200",
    why="Any other status is an error in the recruiter's dialog.",
    fix="Answer POST with 200; check --api-key and --signing-secret when it is 401 or 403.",
)
async def status(subject: PackagesSubject) -> str:
    """Looks at the status of the first answer."""
    sent = await subject.answer()
    if 300 <= sent.status < 400:
        raise Skipped("The endpoint redirects: see packages.redirect.")
    if not sent.is_success:
        raise Failed(f"For a good call, {sent.described()}.", curl=sent.curl)
    if sent.status != 200:
        raise Warned(f"For a good call, {sent.described()}; 200 is usual.", curl=sent.curl)
    return "200"


@SUITE.check(
    "content-type",
    "The content type is application/json",
    why="Clients that check it refuse anything else.",
    fix="Send `content-type: application/json`.",
)
async def content_type(subject: PackagesSubject) -> str:
    """Looks at the header of the first answer."""
    sent = await subject.success()
    given = sent.answer.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise Failed(f"The content type is {given[:80]!r}.", curl=sent.curl)
    return given


@SUITE.check(
    "encoding",
    "The answer is not compressed",
    why="The call asks for `accept-encoding: identity`; a compressed answer cannot be read.",
    fix="Heed accept-encoding, or turn compression off for this path.",
)
async def encoding(subject: PackagesSubject) -> str:
    """Looks at the header of the first answer."""
    sent = await subject.success()
    given = sent.answer.headers.get("content-encoding", "identity")
    if given.lower() != "identity":
        raise Failed(f"The content encoding is {given[:40]!r}.", curl=sent.curl)
    return "identity"


@SUITE.check(
    "json",
    "The body is JSON in UTF-8",
    why="A body that cannot be read shows the recruiter an error.",
    fix="Serialise with your platform's JSON library, and encode as UTF-8 without a byte order mark.",
)
async def is_json(subject: PackagesSubject) -> str:
    """Parses the first answer."""
    sent = await subject.success()
    if sent.answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise Skipped("The body is compressed: see packages.encoding.")
    if sent.answer.truncated:
        raise Skipped("The body did not come whole: see packages.page-size.")
    try:
        json.loads(sent.answer.body.decode())
    except (ValueError, RecursionError) as error:
        raise Failed(f"The body is not JSON in UTF-8: {error}."[:200], curl=sent.curl) from None
    return f"{len(sent.answer.body)} bytes of JSON"


@SUITE.check(
    "page-size",
    "A page is at most 2 MiB, and comes whole",
    why="A longer page is not read.",
    fix="Return fewer packages a page, with `next`.",
)
async def page_size(subject: PackagesSubject) -> str:
    """Looks at the length of the first answer."""
    sent = await subject.success()
    if sent.answer.truncated:
        raise Failed(f"The body goes on after {len(sent.answer.body)} bytes, or did not come whole.", curl=sent.curl)
    return f"{len(sent.answer.body)} bytes"


@SUITE.check(
    "time",
    "A page comes within 2.5 s",
    why=f"A recruiter waits for it, and all pages together get {ALL_PAGES_S:.0f} s.",
    fix="Answer from memory or from one indexed query; keep the service warm.",
)
async def duration(subject: PackagesSubject) -> str:
    """Looks at the duration of the first call."""
    sent = await subject.success()
    took = sent.answer.duration_ms / 1000
    if took > subject.slow_s:
        raise Failed(f"The answer took {took:.1f} s.", curl=sent.curl)
    return f"{took * 1000:.0f} ms"


@SUITE.check(
    "concurrency",
    "Five calls at the same time get the same list",
    why="Several recruiters open the dialog at the same time.",
    fix="Share nothing that changes between requests.",
)
async def concurrency(subject: PackagesSubject) -> str:
    """Makes five calls together."""
    expected = [package_id(item) for item in await subject.data() if isinstance(item, dict)]
    answers = await asyncio.gather(*(subject.ask() for _ in range(5)), return_exceptions=True)
    for sent in answers:
        if isinstance(sent, RemoteError):
            raise Failed(f"One of five concurrent calls got no answer: {sent.reason}")
        if isinstance(sent, BaseException):
            raise sent
        if not sent.is_success:
            raise Failed(f"For one of five concurrent calls, {sent.described()}.", curl=sent.curl)
        if sorted(map(str, _ids(sent))) != sorted(map(str, expected)):
            raise Failed("Concurrent calls got different packages.", curl=sent.curl)
    return "five equal answers"


@SUITE.check(
    "keep-alive",
    "Connections stay open",
    why="A new TLS connection for each call makes the dialog slower.",
    fix="Do not send `connection: close`.",
)
async def keep_alive(subject: PackagesSubject) -> str:
    """Looks at the header of the first answer."""
    sent = await subject.answer()
    if sent.answer.headers.get("connection", "").lower() == "close":
        raise Warned("The answer has `connection: close`.")
    return "The connection stays open."


@SUITE.check(
    "get",
    "GET is refused, not failed",
    why="Monitors and people open the URL; a 5xx would raise your alarms.",
    fix="Answer 405, or 401.",
)
async def get(subject: PackagesSubject) -> str:
    """Sends GET without a body."""
    return calm(await _again(subject, method="GET"), "GET")


@SUITE.check(
    "head",
    "HEAD is refused, not failed",
    why="Monitors use it; a 5xx would raise your alarms.",
    fix="Answer 405, or 401.",
)
async def head(subject: PackagesSubject) -> str:
    """Sends HEAD."""
    return calm(await _again(subject, method="HEAD"), "HEAD")


@SUITE.check(
    "invalid-json",
    "A body that is not JSON gets a 4xx",
    why="A 5xx counts as an outage of yours.",
    fix="Catch the parser's error and answer 400.",
)
async def invalid_json(subject: PackagesSubject) -> str:
    """Sends half a JSON document."""
    sent = await _again(subject, raw=b'{"account_id": "acc')
    if sent.is_success:
        raise Warned(f"For a body that is not JSON, {sent.described()}.", curl=sent.curl)
    return calm(sent, "a body that is not JSON")


@SUITE.check(
    "large-body",
    "A request of 1 MB does not fail the service",
    why="Scanners send such requests to every URL that they find.",
    fix="Limit the body and answer 413.",
)
async def large_body(subject: PackagesSubject) -> str:
    """Sends a large unknown field."""
    await subject.success()
    try:
        sent = await subject.ask(padding="x" * LARGE)
    except RemoteError as error:
        if error.kind == "reset":  # a server may close the connection while it refuses the body
            return "The connection was closed."
        raise
    return calm(sent, "a request of 1 MB")


@SUITE.check(
    "unknown-fields",
    "Unknown fields in the request are ignored",
    why="Later versions add fields, such as job_id.",
    fix="Read only the fields that you need, and refuse none.",
)
async def unknown_fields(subject: PackagesSubject) -> str:
    """Adds fields to the call."""
    await subject.success()
    sent = await subject.ask(job_id="4001", locale=None, context={"stage": ["a"]})
    if not sent.is_success:
        raise Failed(f"With unknown fields, {sent.described()}.", curl=sent.curl)
    return "accepted"


@SUITE.check(
    "unknown-account",
    "An account that you do not know gets a list or a 4xx",
    why="A customer links its account before you have heard of it, and its recruiter opens the dialog.",
    fix="Answer with the packages for everybody, an empty list, or 404.",
)
async def unknown_account(subject: PackagesSubject) -> str:
    """Names an account that cannot exist."""
    return calm(await _again(subject, account_id="acc_nobody_has_this_one"), "an unknown account")


@SUITE.check(
    "unknown-provider",
    "A provider that you do not know gets a list or a 4xx",
    why="Your integration may be enabled for another ATS later.",
    fix="Do not fail on values of `provider` that you have not seen.",
)
async def unknown_provider(subject: PackagesSubject) -> str:
    """Names another provider."""
    return calm(await _again(subject, provider="another_ats"), "an unknown provider")


@SUITE.check(
    "empty-account",
    "An account without packages gets an empty list",
    why="An error would look like an outage to the recruiter.",
    fix='Answer 200 with {"data": []}.',
)
async def empty_account(subject: PackagesSubject) -> str:
    """Names the account of --empty-account."""
    if subject.empty_account is None:
        raise Skipped("Name an account without packages with --empty-account.")
    sent = await _again(subject, account_id=subject.empty_account)
    try:
        empty = sent.is_success and json.loads(sent.answer.body)["data"] == []
    except (ValueError, KeyError, TypeError):
        empty = False
    if not empty:
        raise Failed(f"For an account without packages, {sent.described()}.", curl=sent.curl)
    return "an empty list"


@SUITE.check(
    "no-trace",
    "Errors show no stack trace",
    why="A trace tells attackers about your code.",
    fix="Turn debug mode off, and answer errors with a short JSON object.",
)
async def no_trace(subject: PackagesSubject) -> str:
    """Looks at the answers to requests that provoke errors."""
    await subject.answer()
    return await refuse_traces(
        subject.ask(raw=b"\xff\xfe"), subject.ask(raw=b"[]"), subject.ask(account_id={"not": "text"})
    )


async def _again(subject: PackagesSubject, **changes: object) -> Sent:
    await subject.answer()
    return await subject.ask(**changes)  # type: ignore[arg-type]


def _ids(sent: Sent) -> list[object]:
    try:
        return [package_id(item) for item in json.loads(sent.answer.body)["data"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
