"""An ATS's calls to Greenroom: authentication, the request log, "last called", and errors in the ATS's shape."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response

from greenroom.context import Context
from greenroom.errors import BadRequest, Refused, SecretUnreadable
from greenroom.model import documents
from greenroom.model.accounts import Account
from greenroom.security.tokens import basic_user
from greenroom.security.vault import VaultError
from greenroom.services import trigger_calls

log = structlog.get_logger("greenroom.connectors")

#: seconds between two updates of "last called" for a call of an account, so that it costs nothing under load
NOTE_S = 60.0

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
        self._noted: dict[tuple[str, str, bool, int], float] = {}

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
        account = await trigger_calls.authenticate(self._ctx, self._provider, token, self._get_tenant(request))
        request.state.account, request.state.call = account, call
        try:
            response = await answer(request, account)
        except Refused as refusal:
            await self._note(account, str(token), call, refusal.status)
            raise
        await self._note(account, str(token), call, response.status_code)
        return response

    async def _note(self, account: Account, token: str, call: str, status: int) -> None:
        key, now = (account.id, call, status < 400, hash(token)), time.monotonic()
        if now - self._noted.get(key, float("-inf")) < NOTE_S or status >= 500:
            return
        self._noted[key] = now
        await trigger_calls.note_call(self._ctx, account, token, call, status)


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
