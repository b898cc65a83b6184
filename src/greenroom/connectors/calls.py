"""An ATS's calls to Greenroom: authentication, the request log, "last called", and errors in the ATS's shape."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response

from greenroom.context import Context
from greenroom.errors import BadRequest, Refused, SecretUnreadable, Unauthorized
from greenroom.model import documents
from greenroom.model.accounts import Account
from greenroom.security.tokens import basic_user
from greenroom.security.vault import VaultError
from greenroom.services import trigger_calls

log = structlog.get_logger("greenroom.connectors")

#: seconds between two updates of "last called" for a call of an account, so that it costs nothing under load
NOTE_S = 60.0
#: calls whose last note is remembered
MOST_NOTED = 100_000

_HOST = re.compile(r"[a-z0-9_.:-]{1,253}")

Answering = Callable[[Request, Account], Awaitable[Response]]


class Calls:
    """
    The calls of one ATS, which authenticates by Basic with the external trigger token as user name.

    `get_tenant` returns the tenant id of a request. `render` returns a refusal in the ATS's shape; without it, the
    gateway's own shape is used.
    """

    def __init__(
        self,
        ctx: Context,
        provider: str,
        get_tenant: Callable[[Request], str | None],
        render: Callable[[Request, Refused], Response] | None = None,
    ) -> None:
        self._ctx = ctx
        self._provider = provider
        self._get_tenant = get_tenant
        self._render = render
        self._noted: dict[tuple[str, str, bool, int, str | None], float] = {}
        self._public_host = urlsplit(ctx.settings.public_url).hostname or ""

    def endpoint(self, call: str, answer: Answering) -> Callable[[Request], Awaitable[Response]]:
        """Returns the endpoint of a call, which `answer` answers for an authenticated account."""

        async def endpoint(request: Request) -> Response:
            try:
                return await self._answer(request, call, answer)
            except Refused as refusal:
                if self._render is None:
                    raise
                return self._render(request, refusal)
            except VaultError as error:
                if self._render is None:
                    raise
                log.error("secret_unreadable", call=call, request_id=request.state.request_id, cause=str(error))
                return self._render(request, SecretUnreadable())

        return endpoint

    async def _answer(self, request: Request, call: str, answer: Answering) -> Response:
        token = basic_user(request.headers.get("authorization"))
        tenant_id = self._get_tenant(request)
        try:
            account = await trigger_calls.authenticate(self._ctx, self._provider, token, tenant_id)
        except Unauthorized:
            self.count_refused(request, tenant_id, call)
            raise
        request.state.account, request.state.call = account, call
        host = find_other_host(
            request.headers.get("x-forwarded-host") or request.headers.get("host", ""), self._public_host
        )
        try:
            response = await answer(request, account)
        except Refused as refusal:
            await self._note(account, str(token), tenant_id, call, refusal.status, host)
            raise
        await self._note(account, str(token), tenant_id, call, response.status_code, host)
        return response

    def note_next(self, account: Account) -> None:
        """Stores the account's next call of each kind, however soon it comes: it shows whether a fault has ended."""
        for key in [key for key in self._noted if key[0] == account.id]:
            del self._noted[key]

    async def _note(
        self, account: Account, token: str, tenant_id: str | None, call: str, status: int, host: str | None
    ) -> None:
        key, now = (account.id, call, status < 400, hash(token), host), time.monotonic()
        noted_at = self._noted.get(key, float("-inf"))
        due, refused = now - noted_at >= NOTE_S, self._ctx.refused_calls
        if status >= 500 or not (due or refused.wants_note(self._provider, tenant_id, noted_at)):
            return
        refused.noted(tenant_id)
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted[key] = now
        if due and host is not None:  # the next call under the public URL's host ends the finding
            refused.touch(self._provider, tenant_id)
        await trigger_calls.note_call(self._ctx, account, token, call, status, host=host, extra=not due)

    def count_refused(self, request: Request, tenant_id: str | None, call: str) -> None:
        """Counts a refused call, for the doctor."""
        self._ctx.refused_calls.add(
            self._provider,
            tenant_id,
            request.headers.get("authorization"),
            call,
            request.client.host if request.client else None,
        )


@lru_cache(maxsize=100)
def find_other_host(named: str, public_host: str) -> str | None:
    """Returns the host that a request names without its port, in lower case; None for the public URL's host."""
    text = named.partition(",")[0].strip().lower()
    host = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0].rstrip(".")
    return host if host != public_host and _HOST.fullmatch(host) else None


async def read_json(request: Request) -> object:
    """
    Returns the body as JSON, whatever its media type.

    Raises:
        BadRequest: the body is not JSON, or nested too deep.
    """
    content = await request.body()
    documents.check(content)
    try:
        return json.loads(content)
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
