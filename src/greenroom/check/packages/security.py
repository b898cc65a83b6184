"""Checks that the list endpoint knows its caller, and keeps the credentials to itself."""

from __future__ import annotations

import json

from greenroom.check.calls import Sent, basic, new_secret, signature
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.subject import PackagesSubject
from greenroom.check.rules import answered

SUITE: Suite[PackagesSubject] = Suite("packages")


@SUITE.check(
    "key-missing",
    "A call without the API key is refused",
    why="Otherwise your price list and the ids of your customers are public.",
    fix="Check the Authorization header, and answer 401.",
)
async def key_missing(subject: PackagesSubject) -> str:
    """Leaves the Authorization header out."""
    await _with_key(subject)
    return refused(await subject.ask(key=""), "a call without an API key")


@SUITE.check(
    "key-wrong",
    "A call with a wrong API key is refused",
    why="Otherwise the key protects nothing.",
    fix="Compare the whole key in constant time, and answer 401.",
)
async def key_wrong(subject: PackagesSubject) -> str:
    """Sends another key."""
    await _with_key(subject)
    return refused(await subject.ask(key="not-the-key-of-this-endpoint"), "a wrong API key")


@SUITE.check(
    "key-whole",
    "A call with a part of the API key is refused",
    why="Comparing prefixes makes the key guessable.",
    fix="Compare the whole key in constant time.",
)
async def key_whole(subject: PackagesSubject) -> str:
    """Sends the key without its last character, and with one more."""
    key = await _with_key(subject)
    for near in (key[:-1], key + "x"):
        refused(await subject.ask(key=near), f"a key with {len(near) - len(key):+d} characters")
    return "refused"


@SUITE.check(
    "key-malformed",
    "A malformed Authorization header is refused, not failed",
    why="Scanners send them; a 5xx would raise your alarms.",
    fix="Catch the decoder's error, and answer 401.",
)
async def key_malformed(subject: PackagesSubject) -> str:
    """Sends Basic credentials that cannot be decoded."""
    await _with_key(subject)
    body = json.dumps(subject.document).encode()
    for text in ("Basic", "Basic %%%", "Basic /w==", "Bearer x"):
        headers = {"content-type": "application/json", "authorization": text} | _signed(subject, body)
        refused(await subject.caller.send("POST", headers, body), f"`authorization: {text}`")
    return "refused"


@SUITE.check(
    "signature-missing",
    "A call without a signature is refused",
    why="With a signing secret, only signed calls are the gateway's.",
    fix="Verify webhook-signature or x-stackone-signature over the raw body.",
)
async def signature_missing(subject: PackagesSubject) -> str:
    """Leaves the signature headers out."""
    await _with_secret(subject)
    return refused(await subject.ask(secrets=()), "a call without a signature")


@SUITE.check(
    "signature-wrong",
    "A signature of another secret is refused",
    why="Otherwise the signature proves nothing.",
    fix="Compute the signature with your secret, and compare in constant time.",
)
async def signature_wrong(subject: PackagesSubject) -> str:
    """Signs with another secret."""
    await _with_secret(subject)
    return refused(await subject.ask(secrets=[new_secret()]), "a signature of another secret")


@SUITE.check(
    "signature-body",
    "A signature of another body is refused",
    why="The signature must cover the account that is asked for.",
    fix="Verify over the bytes that you received, before you parse them.",
)
async def signature_body(subject: PackagesSubject) -> str:
    """Sends the signature of another body."""
    secret = await _with_secret(subject)
    body = json.dumps(subject.document | {"account_id": "acc_of_somebody_else"}).encode()
    headers = {"content-type": "application/json"} | signature(b"{}", [secret])
    if subject.api_key:
        headers["authorization"] = basic(subject.api_key)
    return refused(await subject.caller.send("POST", headers, body), "a signature of another body")


@SUITE.check(
    "signature-rotation",
    "While the secret is rotated, calls with two signatures are accepted",
    why="During the overlap each call is signed with the old and the new secret.",
    fix="Accept the call when one of the signatures in webhook-signature is valid.",
)
async def signature_rotation(subject: PackagesSubject) -> str:
    """Signs with a new secret and with the vendor's."""
    secret = await _with_secret(subject)
    sent = await subject.ask(secrets=[new_secret(), secret])
    if not sent.is_success:
        raise Failed(f"With two signatures, {sent.described()}.", curl=sent.curl)
    return "accepted"


@SUITE.check(
    "credentials-echo",
    "No answer repeats a credential",
    why="Answers are logged and shown to people.",
    fix="Do not put request headers into answers or error messages.",
)
async def credentials_echo(subject: PackagesSubject) -> str:
    """Looks for the API key in a good answer and in the answer to a bad request."""
    await subject.answer()
    secrets = [one for one in (subject.api_key, subject.secret) if one]
    if not secrets:
        raise Skipped("There is no --api-key and no --signing-secret.")
    encoded = [basic(one).partition(" ")[2].rstrip("=") for one in secrets]
    for sent in await answered(subject.ask(), subject.ask(raw=b"{"), subject.ask(method="GET")):
        headers = " ".join(sent.answer.headers.values())
        if any(one in sent.text or one in headers for one in secrets + encoded):
            raise Failed(f"The {sent.status} answer to {sent.request.method} repeats a credential.", curl=sent.curl)
    return "no credential in the answers to three requests"


def refused(sent: Sent, what: str) -> str:
    """
    Returns the status of a refusal.

    Raises:
        Failed: the request was accepted, or failed the service.
        Warned: it was refused with an unusual status.
    """
    if sent.status in (401, 403):
        return str(sent.status)
    if 400 <= sent.status < 500:
        raise Warned(f"For {what}, {sent.described()}; 401 is usual.", curl=sent.curl)
    raise Failed(f"For {what}, {sent.described()}; 401 or 403 was expected.", curl=sent.curl)


def _signed(subject: PackagesSubject, body: bytes) -> dict[str, str]:
    return signature(body, [subject.secret]) if subject.secret else {}


async def _with_key(subject: PackagesSubject) -> str:
    await subject.success()
    if not subject.api_key:
        raise Skipped("Without --api-key, the endpoint is open or knows its caller by the signature.")
    return subject.api_key


async def _with_secret(subject: PackagesSubject) -> str:
    await subject.success()
    if not subject.secret:
        raise Skipped("Give --signing-secret when the endpoint verifies signatures.")
    return subject.secret
