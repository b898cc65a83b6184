"""
The list of packages that a recruiter sees, wherever the vendor keeps it.

Precedence: the vendor's list endpoint, then published packages, then the single static one. The endpoint's answer is
fresh for `FRESH`; after that the endpoint is called again, and its last good answer is used as long as the endpoint
fails.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from greenroom.context import Context
from greenroom.errors import BadGateway, LocalFault, NotFound, ProviderError, RemoteError, RequestTimeout, TryLater
from greenroom.model.accounts import Account
from greenroom.model.checks import ListAnswer
from greenroom.model.integrations import Integration
from greenroom.model.packages import MOST, InvalidPackageList, Package, PackageList, read_page, unique
from greenroom.outbound import Answer, Outbound, Request, describe_refusal
from greenroom.security.signatures import signing
from greenroom.services import checks, packages
from greenroom.store.db import to_json

#: account id of a test before any account is linked
TEST_ACCOUNT = "acc_probe"
FRESH = timedelta(seconds=30)
#: seconds for all pages together
DEADLINE_S = 5.0
PAGES = 20
PAGE_BYTES = 2 * 1024 * 1024
#: headers of an unusable answer that the error repeats …
QUOTED_HEADERS = frozenset({"content-type", "date", "retry-after", "server", "x-request-id"})
#: … and the largest and deepest body that it repeats
QUOTED_BYTES = 16 * 1024
QUOTED_DEPTH = 200


@dataclass(frozen=True)
class Probe:
    """
    The outcome of a call of the list endpoint, as a probe for the vendor.

    `problem` None means that a recruiter would see `packages`. `path` and `expected` are set when the answer can be
    read but is not a list of packages.
    """

    ms: int
    status: int | None = None
    packages: tuple[Package, ...] = ()
    problem: str | None = None
    path: str | None = None
    expected: str | None = None


class Catalog:
    """The package lists of accounts; makes one call at a time per account."""

    def __init__(self, ctx: Context, out: Outbound) -> None:
        self._ctx = ctx
        self._out = out
        self._calls: dict[str, asyncio.Task[PackageList]] = {}
        self._failed_at: dict[str, float] = {}
        self._answered: dict[str, tuple[float, PackageList]] = {}

    async def effective(self, account: Account, *, fresh: bool = False) -> PackageList:
        """
        Returns the list that a recruiter of this account would see.

        `fresh` calls the vendor even when the stored answer is recent.

        Raises:
            BadGateway: the list endpoint has no usable answer, and never had one; with the reason and the answer.
            RequestTimeout: the list endpoint did not answer in time, and never had an answer.
            NotFound: the integration no longer exists.
        """
        began = time.monotonic()
        integration, kept, without_call = await packages.sources(self._ctx, account)
        if not integration.packages_url:
            return without_call
        return await self._listed(account, integration, kept, began, fresh=fresh)

    async def find(self, account: Account, package_id: str) -> tuple[Integration, Package | None]:
        """
        Returns the account's integration and the package that an order names.

        The package is None when no list is available to look it up in, which must not stop an order.

        Raises:
            NotFound: a list is available and the package is not on it; or the integration no longer exists.
        """
        began = time.monotonic()
        integration, kept, package = await packages.look_up(self._ctx, account, package_id)
        if integration.packages_url:
            try:
                package = await self._find_listed(account, integration, kept, began, package_id)
            except BadGateway:
                return integration, None
        if package is None:
            raise NotFound(f"There is no package {package_id[:80]!r} for this account.", code="UnknownPackage")
        return integration, package

    async def _find_listed(
        self, account: Account, integration: Integration, kept: PackageList | None, began: float, package_id: str
    ) -> Package | None:
        listed = await self._listed(account, integration, kept, began)
        found = listed.find(package_id)
        if found is None and listed is kept:  # the package may be newer than the stored answer
            found = (await self._listed(account, integration, kept, began, fresh=True)).find(package_id)
        return found

    async def _listed(
        self,
        account: Account,
        integration: Integration,
        kept: PackageList | None,
        began: float,
        *,
        fresh: bool = False,
    ) -> PackageList:
        """
        Returns the list of the list endpoint, or the stored one.

        `began` is the time at which `kept` was read.
        """
        if kept is not None and not fresh and self._may_serve(account, kept):
            return kept
        try:
            return await self._fetch_once(account, integration, began)
        except BadGateway as error:
            self._failed_at[account.id] = time.monotonic()
            if kept is None:
                raise
            problem = str(error.__cause__)
            await packages.note_problem(self._ctx, account.id, problem)
            return replace(kept, problem=problem)

    async def probe(self, integration: Integration, account_id: str) -> Probe:
        """
        Calls the list endpoint as a recruiter's dialog would.

        The outcome has the problem with the answer, if there is one.

        Raises:
            NotFound: no list endpoint is configured.
        """
        if not integration.packages_url:
            raise NotFound("No packages_url is configured, so there is nothing to probe.")
        started = time.monotonic()
        answers: list[Answer] = []
        try:
            found = await self._pages(integration, account_id, answers)
        except InvalidPackageList as error:
            return Probe(_ms(started), answers[-1].status, (), str(error), error.path, error.expected)
        except RemoteError as error:
            return Probe(_ms(started), answers[-1].status if answers else None, (), error.reason)
        return Probe(_ms(started), answers[-1].status, found)

    async def test(self, integration: Integration, account_id: str = TEST_ACCOUNT) -> Probe:
        """
        Probes the list endpoint and records the outcome for the set-up checks.

        Raises:
            NotFound: no list endpoint is configured.
        """
        found = await self.probe(integration, account_id)
        answer = ListAnswer(
            at=self._ctx.now(),
            problem=found.problem,
            path=found.path,
            status=found.status,
            ms=found.ms,
            packages=tuple(package.name for package in found.packages),
            count=len(found.packages),
        )
        url = str(integration.packages_url)
        await checks.record_probe(self._ctx, integration.project_id, integration.provider, url, answer)
        return found

    def _may_serve(self, account: Account, kept: PackageList) -> bool:
        if kept.fetched_at is not None and self._ctx.now() - kept.fetched_at < FRESH:
            return True
        # after a failure the vendor is not called again for each recruiter
        return time.monotonic() - self._failed_at.get(account.id, float("-inf")) < FRESH.total_seconds()

    async def _fetch_once(self, account: Account, integration: Integration, began: float) -> PackageList:
        answered_at, answer = self._answered.get(account.id, (float("-inf"), None))
        if answer is not None and answered_at >= began:  # another call has fetched it since `kept` was read
            return answer
        call = self._calls.get(account.id)
        if call is None:
            call = asyncio.create_task(self._fetch(account, integration))
            self._calls[account.id] = call
            call.add_done_callback(lambda _: self._calls.pop(account.id, None))
        return await asyncio.shield(call)

    async def _fetch(self, account: Account, integration: Integration) -> PackageList:
        answers: list[Answer] = []
        try:
            found = await self._pages(integration, account.id, answers)
        except (RemoteError, InvalidPackageList) as error:
            raise _failure(integration, error, answers) from error
        await packages.keep_list(self._ctx, account.id, str(integration.packages_url), found)
        self._failed_at.pop(account.id, None)
        fetched = PackageList(found, "list_url", self._ctx.now())
        self._answered[account.id] = (time.monotonic(), fetched)
        return fetched

    async def _pages(self, integration: Integration, account_id: str, answers: list[Answer]) -> tuple[Package, ...]:
        found: list[Package] = []
        following: str | None = None
        seen: set[str] = set()
        until = time.monotonic() + DEADLINE_S
        for _ in range(PAGES):
            answer = await self._call(integration, account_id, following, deadline=until - time.monotonic())
            answers.append(answer)
            page, following = _read(answer, integration)
            found += page
            if following is None or following in seen or len(found) >= MOST:
                break
            seen.add(following)
        return unique(found[:MOST])

    async def _call(
        self, integration: Integration, account_id: str, following: str | None, *, deadline: float
    ) -> Answer:
        """
        Calls the list endpoint for one page.

        Source: StackOne's Greenhouse partner guide, Package's List Endpoint URL; the answer's `next` goes back in the
        body, the signature is a webhook's with the integration's signing secret (both decided in the design).
        """
        asked = {"account_id": account_id, "provider": integration.provider}
        body = json.dumps(asked | ({"next": following} if following else {})).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        if integration.packages_api_key:
            headers["authorization"] = f"Basic {_basic(integration.packages_api_key)}"
        secrets = integration.signing_secrets(self._ctx.now())
        sign = signing(event_id=self._ctx.new_id("req"), body=body, secrets=secrets, now=self._ctx.now)
        request = Request("POST", str(integration.packages_url), headers, body, sign)
        return await self._out.send(request, deadline=max(deadline, 0.001), max_body=PAGE_BYTES)


def _read(answer: Answer, integration: Integration) -> tuple[list[Package], str | None]:
    if not 200 <= answer.status < 300:
        raise _refused(answer)
    if answer.truncated and len(answer.body) < PAGE_BYTES:
        raise TryLater(f"The list did not come whole within {DEADLINE_S:.0f} s.", kind="timeout")
    if answer.truncated:
        expected = f"at most {PAGE_BYTES} bytes a page"
        raise InvalidPackageList("$", expected, message=f"$: expected {expected}, and the answer is longer.")
    try:
        return read_page(json.loads(answer.body), integration.partner_category)
    except InvalidPackageList as error:
        if not _repeats_a_credential(answer.body.decode(errors="replace"), integration):
            raise
        raise _repeating(error.path, error.expected) from None
    except ValueError:
        if _repeats_a_credential(answer.body.decode(errors="replace"), integration):
            raise _repeating("$", "JSON") from None
        raise InvalidPackageList("$", "JSON", answer.body[:60].decode(errors="replace")) from None
    except RecursionError:
        expected = "JSON that is not nested so deeply"
        raise InvalidPackageList("$", expected, message=f"$: expected {expected} as this answer.") from None


def _refused(answer: Answer) -> InvalidPackageList:
    """Returns the problem for a status that is not a success, with a hint at the cause."""
    hint = {
        401: " (check packages_api_key)",
        403: " (check packages_api_key)",
        404: " (check packages_url)",
        405: " (it must take POST)",
    }.get(answer.status, "")
    expected = f"200 with a list of packages{hint}"
    return InvalidPackageList("status", expected, message=describe_refusal("The endpoint", answer, expected=expected))


def _repeating(path: str, expected: str) -> InvalidPackageList:
    return InvalidPackageList(
        path, expected, message=f"{path}: expected {expected}, found an answer that repeats a credential of ours."
    )


def _failure(integration: Integration, error: RemoteError | InvalidPackageList, answers: list[Answer]) -> BadGateway:
    """Returns the error for a list endpoint that has no usable answer."""
    ours = isinstance(error, LocalFault)
    message = f"The packages list {'was not asked for' if ours else 'endpoint has no usable answer'}: {error}"
    # only an unusable answer is repeated: when a call failed without one, the earlier pages are not at fault
    said = [_provider_error(integration, answers[-1] if isinstance(error, InvalidPackageList) else None)]
    if isinstance(error, TryLater) and error.kind == "timeout":
        return RequestTimeout(message, retry_after=int(FRESH.total_seconds()), provider_errors=said)
    return BadGateway(message, provider_errors=said)


def _provider_error(integration: Integration, answer: Answer | None) -> ProviderError:
    parts = urlsplit(str(integration.packages_url))
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
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
    """
    Returns whether a text contains the API key of the endpoint.

    The key is found as it is, in its Basic encoding, and as JSON escapes either.
    """
    key = integration.packages_api_key
    sent = [key, _basic(key).rstrip("=")] if key else []
    plain = text.replace("\\/", "/")
    return any(one in plain or json.dumps(one)[1:-1] in plain for one in sent)


def _basic(key: str) -> str:
    return base64.b64encode(f"{key}:".encode()).decode()


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
