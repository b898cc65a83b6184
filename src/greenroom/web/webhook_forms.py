"""The fields that the forms of a new webhook and of an existing one share."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from greenroom.model.custom_headers import read_lines
from greenroom.model.webhooks import Signature
from greenroom.outbound import callable_problem
from greenroom.web.access import Visit
from greenroom.web.forms import Form

LONGEST_NAME = 200
LONGEST_URL = 2000
#: kinds of signatures, and their labels
SIGNATURES: tuple[tuple[Signature, str], ...] = (
    ("hmac", "HMAC-SHA256, by the signing secret"),
    ("ed25519", "ed25519, verified by the public key"),
    ("both", "Both"),
)
FEWEST_PER_SECOND, MOST_PER_SECOND = 0.01, 10_000.0


def read_fields(visit: Visit, form: Form) -> dict[str, Any]:
    """Returns the values of a submitted form, without the events, and adds what is wrong with them to it."""
    url, name = form.get("url"), form.get("name")
    problem = f"at most {LONGEST_URL} characters" if len(url) > LONGEST_URL else None
    problem = problem or callable_problem(url, allow_http=visit.ctx.settings.allow_http)
    if not url or problem:
        expected = f"This address cannot be called: {problem}." if url else "Enter the https address of your endpoint."
        form.errors["url"] = expected
    elif not name:
        name = urlsplit(url).netloc
    if len(name) > LONGEST_NAME:
        form.errors["name"] = f"At most {LONGEST_NAME} characters."
    account_ids = tuple(dict.fromkeys(form.get_all("account_ids"))) if form.get("accounts") == "some" else ()
    if form.get("accounts") == "some" and not account_ids:
        form.errors["account_ids"] = "Choose at least one account, or all accounts."
    headers, problem = read_lines(form.get("headers"))
    if problem:
        form.errors["headers"] = f"These headers cannot be sent: {problem}."
    values = {"name": name, "url": url, "account_ids": account_ids, "rate_limit": _read_rate(form)}
    return {**values, "headers": headers, "signature": _read_signature(form)}


def _read_signature(form: Form) -> Signature:
    for value, _ in SIGNATURES:
        if form.get("signature", "hmac") == value:
            return value
    form.errors["signature"] = "Choose one of these signatures."
    return "hmac"


def _read_rate(form: Form) -> float | None:
    if not (text := form.get("rate_limit")):
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not FEWEST_PER_SECOND <= rate <= MOST_PER_SECOND:
        form.errors["rate_limit"] = f"A number from {FEWEST_PER_SECOND} to {MOST_PER_SECOND:.0f}, or nothing."
        return None
    return rate
