"""
The list of packages that a recruiter sees, wherever the vendor keeps it.

Precedence: the vendor's list endpoint, then published packages, then the single static one. The endpoint's answer is
fresh for `FRESH`; after that the endpoint is called again, and its last good answer is used as long as the endpoint
fails. Meanwhile no recruiter waits for the endpoint: it is called again in the background.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from datetime import timedelta

from greenroom.context import Context
from greenroom.errors import BadGateway, NotFound, RemoteError
from greenroom.list_answers import DEADLINE_S, PAGE_BYTES, RETRY_S, Pages, describe_call, read_answer, to_gateway_error
from greenroom.model.accounts import Account
from greenroom.model.checks import ListAnswer
from greenroom.model.integrations import Integration
from greenroom.model.list_calls import ListCall, basic_credentials
from greenroom.model.packages import MOST, InvalidPackageList, Package, PackageList, unique
from greenroom.outbound import Answer, Outbound, Request
from greenroom.security.signatures import signing
from greenroom.services import checks, packages

#: account id of a test before any account is linked
TEST_ACCOUNT = "acc_probe"
FRESH = timedelta(seconds=RETRY_S)
#: least seconds between a failure and the next call in the background
AGAIN_S = 1.0
PAGES = 20


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


@dataclass(frozen=True)
class _Listing:
    """A call of a list endpoint: its packages, or the error; the answers, and the outcome to record."""

    packages: tuple[Package, ...]
    error: RemoteError | InvalidPackageList | None
    answers: list[Answer]
    call: ListCall


class Catalog:
    """The package lists of accounts; makes one call at a time per account."""

    def __init__(self, ctx: Context, out: Outbound) -> None:
        self._ctx = ctx
        self._out = out
        self._calls: dict[str, asyncio.Task[PackageList]] = {}
        self._failed_at: dict[str, float] = {}
        self._again: dict[str, asyncio.Task[None]] = {}
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
            if not self._is_fresh(kept):
                self._call_again(account, integration)
            return kept
        try:
            return await self._fetch_once(account, integration, began)
        except BadGateway as error:
            self._failed_at[account.id] = time.monotonic()
            if kept is None:
                raise
            return replace(kept, problem=str(error.__cause__))

    async def probe(self, integration: Integration, account_id: str) -> Probe:
        """
        Calls the list endpoint as a recruiter's dialog would.

        The outcome has the problem with the answer, if there is one.

        Raises:
            NotFound: no list endpoint is configured.
        """
        if not integration.packages_url:
            raise NotFound("No packages_url is configured, so there is nothing to probe.")
        return _probe(await self._list(integration, account_id))

    async def test_linked(self, integration: Integration) -> Probe:
        """
        Does the same as `test`, for the account whose list failed last, else the newest one.

        Raises:
            NotFound: no list endpoint is configured.
        """
        found = await packages.find_account_to_test(self._ctx, integration.project_id, integration.provider)
        return await self.test(integration, found or TEST_ACCOUNT)

    async def test(self, integration: Integration, account_id: str = TEST_ACCOUNT) -> Probe:
        """
        Probes the list endpoint and records the outcome for the set-up checks and the doctor.

        Raises:
            NotFound: no list endpoint is configured.
        """
        if not integration.packages_url:
            raise NotFound("No packages_url is configured, so there is nothing to probe.")
        listing = await self._list(integration, account_id)
        found = _probe(listing)
        answer = ListAnswer(
            at=self._ctx.now(),
            problem=found.problem,
            path=found.path,
            status=found.status,
            ms=found.ms,
            packages=tuple(package.name for package in found.packages),
            count=len(found.packages),
        )
        url = integration.packages_url
        await checks.record_probe(self._ctx, integration.project_id, integration.provider, url, answer)
        known_id = "" if account_id == TEST_ACCOUNT else account_id
        await packages.record_test(self._ctx, integration, known_id, listing.call)
        if listing.error is None:
            self._failed_at.pop(account_id, None)  # recruiters see the repaired list at once
        return found

    def _may_serve(self, account: Account, kept: PackageList) -> bool:
        # after a failure no recruiter waits for the vendor
        failed_at = self._failed_at.get(account.id, float("-inf"))
        return self._is_fresh(kept) or time.monotonic() - failed_at < FRESH.total_seconds()

    def _is_fresh(self, kept: PackageList) -> bool:
        return kept.fetched_at is not None and self._ctx.now() - kept.fetched_at < FRESH

    def _call_again(self, account: Account, integration: Integration) -> None:
        """Calls a failing endpoint in the background, one call at a time, so that a repaired list is seen soon."""
        if account.id not in self._again and time.monotonic() - self._failed_at[account.id] >= AGAIN_S:
            self._again[account.id] = task = asyncio.create_task(self._fetch_again(account, integration))
            task.add_done_callback(lambda _: self._again.pop(account.id, None))

    async def _fetch_again(self, account: Account, integration: Integration) -> None:
        try:
            await self._fetch_once(account, integration, time.monotonic())
        except BadGateway:
            self._failed_at[account.id] = time.monotonic()

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
        listing = await self._list(integration, account.id)
        url = str(integration.packages_url)
        if listing.error is not None:
            await packages.record_failure(self._ctx, account, url, listing.call)
            raise to_gateway_error(integration, listing.error, listing.answers) from listing.error
        await packages.keep_list(self._ctx, account, url, listing.packages, listing.call)
        self._failed_at.pop(account.id, None)
        fetched = PackageList(listing.packages, "list_url", self._ctx.now())
        self._answered[account.id] = (time.monotonic(), fetched)
        return fetched

    async def _list(self, integration: Integration, account_id: str) -> _Listing:
        """Calls the list endpoint for all pages; an unusable answer and a failed call are outcomes, no exceptions."""
        started, pages, error = time.monotonic(), Pages(), None
        try:
            await self._read_pages(integration, account_id, pages)
        except (RemoteError, InvalidPackageList) as caught:
            error = caught
        call = describe_call(integration, pages, error, _ms(started))
        return _Listing(() if error else unique(pages.packages[:MOST]), error, pages.answers, call)

    async def _read_pages(self, integration: Integration, account_id: str, pages: Pages) -> None:
        following: str | None = None
        seen: set[str] = set()
        until = time.monotonic() + DEADLINE_S
        for _ in range(PAGES):
            answer = await self._call(integration, account_id, following, deadline=until - time.monotonic())
            pages.answers.append(answer)
            page, following = read_answer(answer, integration)
            pages.packages += page
            if len(pages.packages) > MOST or (len(pages.packages) == MOST and following):
                pages.cut = f"{MOST} packages"
                return
            if following is None or following in seen:
                return
            seen.add(following)
        pages.cut = f"{PAGES} pages"

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
            headers["authorization"] = f"Basic {basic_credentials(integration.packages_api_key)}"
        secrets = integration.signing_secrets(self._ctx.now())
        sign = signing(event_id=self._ctx.new_id("req"), body=body, secrets=secrets, now=self._ctx.now)
        request = Request("POST", str(integration.packages_url), headers, body, sign)
        return await self._out.send(request, deadline=max(deadline, 0.001), max_body=PAGE_BYTES)


def _probe(listing: _Listing) -> Probe:
    call, error = listing.call, listing.error
    status = listing.answers[-1].status if listing.answers else None
    if isinstance(error, InvalidPackageList):
        return Probe(call.ms, status, (), str(error), error.path, error.expected)
    return Probe(call.ms, status, listing.packages, error.reason if error else None)


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
