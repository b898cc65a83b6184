"""
Reads of Harvest v3 for one account.

Each answer is checked as if its sender were hostile: it becomes rows, or an `AccessError` with a code of the causes.
 Source: Harvest v3, pagination, rate limits and errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from greenroom.connectors.greenhouse.harvest import answers
from greenroom.connectors.greenhouse.harvest.access import ACCESS, HARVEST, get_scope
from greenroom.connectors.oauth import TokenSource
from greenroom.context import Context
from greenroom.errors import AccessError, RemoteError
from greenroom.model.enrichment import LATE, UNAVAILABLE
from greenroom.outbound import Answer, Outbound, Request, retry_after
from greenroom.services import access

#: seconds for one request, and bytes of its answer
DEADLINE_S = 8.0
MAX_BODY = 2 * 1024 * 1024
#: pages of one list
MOST_PAGES = 10
#: wait after a temporary fault without a Retry-After
RETRY = timedelta(seconds=5)


@dataclass(frozen=True)
class Page:
    """
    The rows of one answer.

    `cursor` is that of the next page, None on the last one. `ms` is the duration of the request.
    """

    rows: list[dict[str, Any]]
    cursor: str | None
    status: int
    ms: float


class Harvest:
    """Harvest v3 for one account; `urls` are the ATS's addresses by name."""

    def __init__(self, ctx: Context, out: Outbound, urls: Mapping[str, str], project_id: str, account_id: str) -> None:
        self._ctx = ctx
        self._out = out
        self._project_id = project_id
        self._account_id = account_id
        self._base = f"{urls[HARVEST]}/v3"
        self._tokens = TokenSource(ctx, out, ACCESS, urls)

    async def read(self, path: str, params: Mapping[str, str], *, deadline: float = DEADLINE_S) -> Page:
        """
        Returns one page of a list: `read("users", {"ids": "901,902"})`.

        `ids` and parents' ids (`job_ids`) have at most 50 values, with commas. Rows are objects with an integer `id`,
        and only those that the filters ask for; their other fields are Harvest's and not checked.

        Raises:
            AccessError: there are no rows; the code says why, `wait` when to try again.
            VaultError: a stored secret cannot be decrypted.
        """
        held = await self._tokens.get(self._project_id, self._account_id)
        answer = await self._send(path, params, held.token, deadline)
        if answer.status == 401:
            held = await self._tokens.get(self._project_id, self._account_id, refused=held.token)
            answer = await self._send(path, params, held.token, deadline)
        try:
            rows, cursor = answers.read_rows(path, params, answer)
        except AccessError as error:
            if answer.status in (401, 403):
                scope = get_scope(path) if answer.status == 403 else None
                await self._tokens.report(self._project_id, self._account_id, held.token, error, scope=scope)
            raise
        if held.problem is not None and held.problem.scope in (None, get_scope(path)):
            await access.clear_problem(self._ctx, self._project_id, self._account_id)
        return Page(rows, cursor, answer.status, answer.duration_ms)

    async def read_all(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """
        Returns the rows of all pages of a list.

        Raises:
            AccessError: as `read`; also for more than 10 pages, or a cursor that came before.
        """
        page = await self.read(path, params)
        rows, seen = page.rows, set[str]()
        while page.cursor is not None:
            if page.cursor in seen or len(seen) + 1 >= MOST_PAGES:
                raise answers.unusable(
                    path, f"a list without an end: its cursor repeats, or it has over {MOST_PAGES} pages"
                )
            seen.add(page.cursor)
            # Harvest refuses any parameter beside a cursor
            page = await self.read(path, {"cursor": page.cursor})
            rows = [*rows, *answers.only_asked(path, params, page.rows)]
        return rows

    async def _send(self, path: str, params: Mapping[str, str], token: str, deadline: float) -> Answer:
        wait = await access.take_request(self._ctx, self._account_id)
        if wait is not None:
            raise AccessError(
                "hiring_team.rate_limited",
                f"Harvest's rate limit allows this account no request for {wait.total_seconds():.0f} s.",
                wait=wait,
            )
        query = urlencode(params, safe=",|:")
        url = f"{self._base}/{path}{'?' if query else ''}{query}"
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        try:
            answer = await self._out.send(Request("GET", url, headers), deadline=deadline, max_body=MAX_BODY)
        except RemoteError as error:
            # a list that takes longer than the event waits for it is late, as one that comes in small parts
            code = LATE if error.kind == "timeout" else UNAVAILABLE
            raise AccessError(code, f"Harvest, {path}: {error.reason}", wait=RETRY) from None
        blocked_for = None
        if answer.status in (429, 503):
            blocked_for = retry_after(answer.headers, datetime.now(UTC)) or (RETRY if answer.status == 429 else None)
        window = answers.read_window(answer.headers)
        if window is not None or blocked_for is not None:
            await access.note_answer(self._ctx, self._account_id, window=window, blocked_for=blocked_for)
        return answer
