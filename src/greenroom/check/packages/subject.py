"""The list endpoint under check, and the answers that several checks share."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from greenroom.check.calls import Caller, Sent, basic, signature
from greenroom.check.model import Failed, Skipped
from greenroom.errors import RemoteError
from greenroom.model.orders import Category

#: pages that the gateway follows, and seconds that it waits for all of them
PAGES = 20
ALL_PAGES_S = 5.0
ACCOUNT = "acc_conformance_check"


@dataclass(frozen=True)
class Page:
    """One page of the list: the packages as they came, the cursor, and the call."""

    data: list[Any]
    following: Any
    sent: Sent


@dataclass
class PackagesSubject:
    """
    A vendor's list endpoint with the settings of its integration.

    `slow_s` is the time within which a page must come.
    """

    caller: Caller
    category: Category = "assessments"
    provider: str = "greenhouse"
    account_id: str = ACCOUNT
    empty_account: str | None = None
    api_key: str | None = None
    secret: str | None = None
    development: bool = False
    slow_s: float = 2.5
    seed: int = 1
    examples: int = 40
    _first: Sent | RemoteError | None = None
    _pages: list[Page] = field(default_factory=list)
    _broken_page: Failed | None = None
    pages_s: float = 0.0

    @property
    def document(self) -> dict[str, Any]:
        """Returns the body of the gateway's call."""
        return {"account_id": self.account_id, "provider": self.provider}

    async def ask(
        self,
        document: Any = None,
        *,
        raw: bytes | None = None,
        method: str = "POST",
        key: str | None = None,
        secrets: Sequence[str] | None = None,
        **more: Any,
    ) -> Sent:
        """
        Calls the endpoint as the gateway does.

        `key` and `secrets` replace the configured ones; an empty one is left out. `more` adds fields to the body.

        Raises:
            RemoteError: no answer.
        """
        body = raw if raw is not None else json.dumps((document or self.document) | more).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        chosen = self.api_key if key is None else key
        if chosen:
            headers["authorization"] = basic(chosen)
        signing = ([self.secret] if self.secret else []) if secrets is None else secrets
        if signing:
            headers |= signature(body, signing, event_id=None)
        return await self.caller.send(method, headers, body if method in ("POST", "PUT") else None)

    async def call(self) -> Sent:
        """
        Returns the first call, which is made once.

        Raises:
            RemoteError: no answer.
        """
        if self._first is None:
            try:
                self._first = await self.ask()
            except RemoteError as error:
                self._first = error
        if isinstance(self._first, RemoteError):
            raise self._first
        return self._first

    async def answer(self) -> Sent:
        """
        Returns the first call, for the checks that need an answer.

        Raises:
            Skipped: the endpoint did not answer.
        """
        try:
            return await self.call()
        except RemoteError:
            raise Skipped("The endpoint does not answer: see packages.reachable.") from None

    async def success(self) -> Sent:
        """
        Returns the first call when it succeeded.

        Raises:
            Skipped: the endpoint did not answer with 200.
        """
        sent = await self.answer()
        if not sent.is_success:
            raise Skipped("The endpoint gives no list: see packages.status.")
        return sent

    async def content(self) -> Any:
        """
        Returns the JSON of the first page.

        Raises:
            Skipped: there is none.
        """
        sent = await self.success()
        try:
            return json.loads(sent.answer.body.decode())
        except (ValueError, RecursionError):
            raise Skipped("The answer is not JSON: see packages.json.") from None

    async def data(self) -> list[Any]:
        """
        Returns the packages of the first page as they came.

        Raises:
            Skipped: there is no array of packages.
        """
        return _data(await self.content())

    async def pages(self) -> list[Page]:
        """
        Returns the pages, followed as the gateway follows them, and made once.

        Raises:
            Failed: a later page has no list.
            Skipped: the first page has none.
        """
        if self._broken_page is not None:
            raise self._broken_page
        if self._pages:
            return self._pages
        content, started = await self.content(), time.monotonic()
        pages = [Page(_data(content), content.get("next"), await self.success())]
        seen: set[str] = set()
        while len(pages) < PAGES:
            following = pages[-1].following
            if not isinstance(following, str) or not following.strip() or following in seen:
                break
            seen.add(following)
            try:
                pages.append(await self._page(following))
            except Failed as failed:
                self._broken_page = failed
                raise
        self.pages_s = time.monotonic() - started + pages[0].sent.answer.duration_ms / 1000
        self._pages = pages
        return pages

    async def all_pages(self) -> list[Page]:
        """
        Returns the pages, for the checks that need all of them.

        Raises:
            Skipped: a page has no list.
        """
        try:
            return await self.pages()
        except Failed:
            raise Skipped("A page has no list: see packages.next-followed.") from None

    async def _page(self, following: str) -> Page:
        try:
            sent = await self.ask(next=following)
        except RemoteError as error:
            raise Failed(f"For next = {following[:60]!r}: {error.reason}") from None
        try:
            content = json.loads(sent.answer.body.decode())
            data = content["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            data, content = None, {}
        if not sent.is_success or not isinstance(data, list):
            raise Failed(f"For next = {following[:60]!r}, {sent.described()}.", curl=sent.curl)
        return Page(data, content.get("next"), sent)

    async def items(self) -> list[tuple[str, dict[str, Any]]]:
        """
        Returns each package of all pages that is an object, with its JSON path.

        Raises:
            Skipped: there is no package.
        """
        try:
            pages = await self.pages()
        except Failed:
            pages = [Page(await self.data(), None, await self.success())]
        found = [
            (f"{f'page {number}, ' if number > 1 else ''}$.data[{index}]", item)
            for number, page in enumerate(pages, 1)
            for index, item in enumerate(page.data)
            if isinstance(item, dict)
        ]
        if not found:
            raise Skipped("There is no package to look at.")
        return found


def _data(content: Any) -> list[Any]:
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, list):
        raise Skipped("The answer has no array `data`: see packages.envelope.")
    return data


def package_id(item: dict[str, Any]) -> Any:
    """Returns a package's id as the gateway reads it: `remote_id` stands in for a missing one, an integer is text."""
    value = item.get("id") if item.get("id") is not None else item.get("remote_id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
