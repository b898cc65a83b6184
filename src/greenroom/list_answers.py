"""
The answers of vendors' list endpoints: reads a page, describes a call for the record, and quotes an unusable answer.

No text that leaves this module repeats the API key of the endpoint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from greenroom.errors import BadGateway, LocalFault, ProviderError, RemoteError, RequestTimeout, TryLater
from greenroom.model.integrations import Integration
from greenroom.model.list_calls import ListCall, describe_packages, mask_key, read_first_line, repeats_key
from greenroom.model.packages import InvalidPackageList, Package, read_page
from greenroom.outbound import Answer, describe_refusal, redirect_target
from greenroom.store.db import to_json

#: seconds for all pages together
DEADLINE_S = 5.0
PAGE_BYTES = 2 * 1024 * 1024
#: seconds after which the endpoint is called again
RETRY_S = 30
#: headers of an unusable answer that the error repeats …
QUOTED_HEADERS = frozenset({"content-type", "date", "retry-after", "server", "x-request-id"})
#: … and the largest and deepest body that it repeats
QUOTED_BYTES = 16 * 1024
QUOTED_DEPTH = 200


@dataclass
class Pages:
    """The answers of a list endpoint and the packages in them; `cut` is the limit at which reading stopped."""

    answers: list[Answer] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    cut: str | None = None


def read_answer(answer: Answer, integration: Integration) -> tuple[list[Package], str | None]:
    """
    Returns the packages of one page and its `next` cursor.

    Raises:
        InvalidPackageList: the status, or the body, is not that of a list.
        TryLater: the page did not arrive in time.
    """
    if not 200 <= answer.status < 300:
        raise _refused(answer)
    if answer.truncated and len(answer.body) < PAGE_BYTES:
        raise TryLater(f"The list did not come whole within {DEADLINE_S:.0f} s.", kind="timeout")
    if answer.truncated:
        expected = f"at most {PAGE_BYTES} bytes a page"
        message = f"$: expected {expected}, and the answer is longer."
        raise InvalidPackageList("$", expected, problem="too_long", message=message)
    try:
        return read_page(json.loads(answer.body), integration.partner_category)
    except InvalidPackageList as error:
        if not _repeats_a_credential(answer.body.decode(errors="replace"), integration):
            raise
        raise _repeating(error) from None
    except ValueError:
        wrong = InvalidPackageList("$", "JSON", answer.body[:60].decode(errors="replace"), problem="not_json")
        if _repeats_a_credential(answer.body.decode(errors="replace"), integration):
            wrong = _repeating(wrong)
        raise wrong from None
    except RecursionError:
        expected = "JSON that is not nested so deeply"
        message = f"$: expected {expected} as this answer."
        raise InvalidPackageList("$", expected, problem="not_json", message=message) from None


def _refused(answer: Answer) -> InvalidPackageList:
    """Returns the problem for a status that is not a success, with a hint at the cause."""
    hint = {
        401: " (check packages_api_key)",
        403: " (check packages_api_key)",
        404: " (check packages_url)",
        405: " (it must take POST)",
    }.get(answer.status, "")
    expected = f"200 with a list of packages{hint}"
    message = describe_refusal("The endpoint", answer, expected=expected)
    return InvalidPackageList("status", expected, problem="http_status", message=message)


def _repeating(error: InvalidPackageList) -> InvalidPackageList:
    """Returns the error without the value that was found, which may be a credential."""
    message = f"{error.path}: expected {error.expected}, found an answer that repeats a credential of ours."
    return InvalidPackageList(error.path, error.expected, problem=error.problem, message=message)


def describe_call(
    integration: Integration, pages: Pages, error: RemoteError | InvalidPackageList | None, ms: int
) -> ListCall:
    """Returns the record of a call of the list endpoint."""
    last = pages.answers[-1] if pages.answers else None
    said = (text for one in pages.answers for text in (one.body.decode(errors="replace"), *one.headers.values()))
    call = ListCall(
        _shown_url(integration),
        ms,
        last.status if last else None,
        repeats_credential=any(_repeats_a_credential(text, integration) for text in said),
    )
    if error is None:
        return replace(call, cut=pages.cut, **describe_packages(pages.packages, integration.packages_api_key))
    if isinstance(error, RemoteError):
        # the earlier pages are not at fault when a call failed without an answer
        return replace(call, status=None, problem=error.kind, reason=error.reason)
    quotes = last is not None and error.problem in ("http_status", "not_json")
    return replace(
        call,
        problem=error.problem,
        reason=str(error),
        path=error.path if error.path.startswith("$") else None,
        expected=error.expected,
        found=error.found,
        first_line=read_first_line(last.body, integration.packages_api_key) if last and quotes else None,
        target=_target(last, integration) if last and 300 <= last.status < 400 else None,
    )


def to_gateway_error(
    integration: Integration, error: RemoteError | InvalidPackageList, answers: list[Answer]
) -> BadGateway:
    """Returns the error for a list endpoint that has no usable answer."""
    ours = isinstance(error, LocalFault)
    message = f"The packages list {'was not asked for' if ours else 'endpoint has no usable answer'}: {error}"
    # only an unusable answer is repeated: when a call failed without one, the earlier pages are not at fault
    said = [_provider_error(integration, answers[-1] if isinstance(error, InvalidPackageList) else None)]
    if isinstance(error, TryLater) and error.kind == "timeout":
        return RequestTimeout(message, retry_after=RETRY_S, provider_errors=said)
    return BadGateway(message, provider_errors=said)


def _provider_error(integration: Integration, answer: Answer | None) -> ProviderError:
    url = _shown_url(integration)
    if answer is None:
        return ProviderError(url)
    headers = {name: text for name, text in answer.headers.items() if name in QUOTED_HEADERS}
    if _repeats_a_credential(to_json(headers), integration):
        headers = {}
    return ProviderError(url, answer.status, _quote_body(answer, integration), headers or None)


def _quote_body(answer: Answer, integration: Integration) -> dict[str, Any] | None:
    """
    Returns a body for an error message; None unless it may be shown.

    It may be shown when it is a JSON object, is not too long or too deep, and repeats no credential.
    """
    depth = sum(answer.body.count(bracket) for bracket in (b"{", b"["))
    if answer.truncated or len(answer.body) > QUOTED_BYTES or depth > QUOTED_DEPTH:
        return None
    try:
        text = to_json(json.loads(answer.body))
    except ValueError:
        return None
    quoted = json.loads(text)
    return quoted if isinstance(quoted, dict) and not _repeats_a_credential(text, integration) else None


def _repeats_a_credential(text: str, integration: Integration) -> bool:
    return repeats_key(text, integration.packages_api_key)


def _target(answer: Answer, integration: Integration) -> str | None:
    return mask_key(redirect_target(answer), integration.packages_api_key) or None


def _shown_url(integration: Integration) -> str:
    """Returns the address of the list endpoint without user-info and query, which may be secret."""
    parts = urlsplit(str(integration.packages_url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
