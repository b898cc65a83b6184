"""
Access tokens of customers by OAuth 2.0, for the connectors that declare an `OAuth`.

All processes on one database make one request for an account's tokens at a time (a lease in the account's row). An
answered pair is stored before anything uses it, since the refresh token of the pair before works only once.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import structlog

from greenroom.connectors import oauth_answers
from greenroom.connectors.contract import OAuth
from greenroom.context import Context
from greenroom.errors import AccessError, NotFound, RemoteError, Unavailable
from greenroom.model.access import Problem, Tokens
from greenroom.outbound import Outbound, Request
from greenroom.security.tokens import token_hash
from greenroom.security.vault import VaultError
from greenroom.services import access
from greenroom.services.access import Loaded

T = TypeVar("T")
log = structlog.get_logger("greenroom.oauth")

#: seconds for one request to the authorization server, less than the lease …
DEADLINE_S = 10.0
#: … and for a caller to wait for its own or another process's request
WAIT_S = 25.0
POLL_S = 0.1
#: wait after a failed request for tokens, before the next one
RETRY = timedelta(seconds=30)
#: the same after a refusal that only a person can end, such as a wrong client secret
REFUSED_RETRY = timedelta(minutes=5)
#: the same for a scheduled refresh
LATER = timedelta(minutes=15)
#: codes of tokens that are not used now: the integration or the account was changed after they were stored
UNUSED = ("hiring_team.partner_only", "hiring_team.not_connected")
#: tries to store an answered pair while the database is away, and the seconds between them
STORE_TRIES = 20
STORE_PAUSE_S = 0.5

_running: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True)
class Client:
    """
    The OAuth client with which an account's API is reached.

    `is_customers` says that the customer made it, for Client Credentials; else it is the vendor's, to which the
    customer consents. `subject` is the user that the customer's client acts for.
    """

    id: str
    secret: str = field(repr=False)
    is_customers: bool = False
    subject: str | None = None

    @property
    def identity(self) -> str:
        """Returns a text that differs between clients whose tokens differ."""
        return f"{self.id} {self.subject}" if self.subject else self.id

    def digest(self, pepper: bytes) -> str:
        """Returns a hash of everything that a request for tokens authenticates with."""
        return token_hash(f"{self.identity}\x00{self.secret}", pepper)


def find_client(oauth: OAuth, found: Loaded) -> Client:
    """
    Returns the client of an account: the customer's own, else the vendor's.

    Raises:
        AccessError: the integration does not use the API, or no client is configured.
    """
    settings, credentials = found.integration.settings, found.credentials
    if not oauth.is_used(settings):
        raise AccessError(*oauth.unused)
    own_id, own_secret = credentials.get(oauth.client_id), credentials.get(oauth.client_secret)
    if own_id and own_secret:
        subject = credentials.get(oauth.subject)
        return Client(str(own_id), str(own_secret), is_customers=True, subject=str(subject) if subject else None)
    if own_id or own_secret:
        lacking = oauth.client_secret if own_id else oauth.client_id
        raise AccessError(
            "hiring_team.not_connected",
            f"The account's credentials lack {lacking}, so {oauth.api} cannot be read. Add {lacking} to the account.",
        )
    return find_vendor_client(oauth, settings)


def find_vendor_client(oauth: OAuth, settings: Mapping[str, Any]) -> Client:
    """
    Returns the vendor's client, to which customers consent.

    Raises:
        AccessError: the integration has none.
    """
    client_id, secret = settings.get(oauth.client_id), settings.get(oauth.client_secret)
    if not client_id or not secret:
        raise AccessError(
            "hiring_team.not_connected",
            f"The integration has no {oauth.client_id} and {oauth.client_secret}, and the account has none of its own, "
            f"so {oauth.api} cannot be read. Enter those that the ATS issued for your partner integration.",
        )
    return Client(str(client_id), str(secret))


def authorize_url(oauth: OAuth, client: Client, addresses: Mapping[str, str], *, redirect_uri: str, state: str) -> str:
    """Returns the address at which the customer consents."""
    query = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(oauth.scopes),
        "state": state,
    }
    return f"{addresses[oauth.address]}{oauth.authorize_path}?{urlencode(query, quote_via=quote)}"


class Held(NamedTuple):
    """An access token, and the problem that is stored with it."""

    token: str
    problem: Problem | None


class TokenSource:
    """The access tokens of one connector's accounts."""

    def __init__(self, ctx: Context, out: Outbound, oauth: OAuth, addresses: Mapping[str, str]) -> None:
        self._ctx = ctx
        self._out = out
        self._oauth = oauth
        self._url = f"{addresses[oauth.address]}{oauth.token_path}"

    async def get(self, project_id: str, account_id: str, *, refused: str | None = None) -> Held:
        """
        Returns an account's access token; asks for a new one if there is none, or if it is the `refused` one.

        A request for tokens that has begun is completed and its answer stored even when the caller is cancelled.

        Raises:
            AccessError: there is no usable token; says why and what to do.
        """
        found = await self._load(project_id, account_id)
        token = self._usable(found, find_client(self._oauth, found), refused, due=False)
        if token is None:
            token = await _shielded(self._renew(project_id, account_id, refused=refused))
        return Held(token, found.access.problem)

    async def refresh(self, project_id: str, account_id: str) -> None:
        """
        Refreshes an account's tokens if they are due, so that the refresh token does not expire unused.

        Raises:
            AccessError: the tokens could not be refreshed.
        """
        await _shielded(self._renew(project_id, account_id, due=True))

    async def refresh_scheduled(self, project_id: str, account_id: str) -> bool:
        """Refreshes an account's tokens as `refresh` does; returns False, and tries later, if that failed."""
        try:
            await self.refresh(project_id, account_id)
        except (AccessError, VaultError) as error:
            cause = error.code if isinstance(error, AccessError) else str(error)
            if cause not in UNUSED:
                log.warning("tokens_not_refreshed", account=account_id, cause=cause)
            await access.postpone_refresh(self._ctx, account_id, LATER)
            return False
        return True

    async def report(
        self, project_id: str, account_id: str, token: str, error: AccessError, *, scope: str | None = None
    ) -> None:
        """
        Stores that the ATS refused a call with this token; of no effect once there is a newer one.

        Without `scope` it refused the token itself, which is not used again.
        """
        found = await self._load(project_id, account_id)
        if found.access.access_token != token:
            return
        if scope is None:
            await access.expire_token(self._ctx, found, retry_after=REFUSED_RETRY)
        known = found.access.problem
        if known is None or known.code != error.code or found.account.status == "active":
            await access.report(self._ctx, found, error, scope=scope)

    async def exchange(
        self, project_id: str, account_id: str, *, code: str, redirect_uri: str, connected_by: str
    ) -> AccessError | None:
        """
        Exchanges the code of a consent for the account's first tokens, and stores them.

        Returns the problem of a consent that did not grant every scope, for `report_consent`.

        Raises:
            AccessError: the authorization server refused the code, or did not answer.
        """
        return await _shielded(self._exchange(project_id, account_id, code, redirect_uri, connected_by))

    async def _exchange(
        self, project_id: str, account_id: str, code: str, redirect_uri: str, connected_by: str
    ) -> AccessError | None:
        found = await self._load(project_id, account_id)
        client = find_vendor_client(self._oauth, found.integration.settings)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        tokens = await self._request(client, form)
        await self._store(found, client, tokens, is_new=True, connected_by=connected_by)
        return oauth_answers.lacking_scopes(self._oauth, tokens)

    async def report_consent(self, project_id: str, account_id: str, error: AccessError) -> None:
        """Stores that a consent did not grant every scope."""
        found = await self._load(project_id, account_id)
        scope = next((one for one in self._oauth.scopes if one in error.reason), None)
        await access.report(self._ctx, found, error, scope=scope)

    async def _load(self, project_id: str, account_id: str) -> Loaded:
        try:
            return await access.load(self._ctx, project_id, account_id)
        except NotFound:
            raise AccessError(
                "hiring_team.not_connected", "The account, or its integration, does not exist any more."
            ) from None

    def _usable(self, found: Loaded, client: Client, refused: str | None, *, due: bool) -> str | None:
        """
        Returns the stored access token if it can be used.

        Raises:
            AccessError: there is none, and no request can bring one now.
        """
        stored, api = found.access, self._oauth.api
        is_ours = stored.client == client.identity
        token = stored.access_token if is_ours and stored.is_valid and stored.access_token != refused else None
        if token and not (due and stored.is_refresh_due):
            return token
        if not client.is_customers and not (is_ours and stored.refresh_token):
            raise AccessError(
                "hiring_team.not_connected",
                f"The customer has not authorised {api} for this account. Send the customer a link, or press "
                "Authorise on the account's page.",
            )
        problem = stored.problem if stored.problem and stored.problem.code == "hiring_team.token_refused" else None
        if problem and stored.is_ended and not client.is_customers:
            raise AccessError(problem.code, problem.reason)
        if stored.retry_s and stored.client_hash == client.digest(self._ctx.pepper):
            wait = timedelta(seconds=stored.retry_s)
            if problem:
                raise AccessError(problem.code, problem.reason, wait=wait)
            raise AccessError(
                "hiring_team.unavailable",
                f"The last request for an access token to {api} failed. It is repeated in {stored.retry_s:.0f} s.",
                wait=wait,
            )
        return None

    async def _renew(self, project_id: str, account_id: str, *, refused: str | None = None, due: bool = False) -> str:
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    found = await self._load(project_id, account_id)
                    client = find_client(self._oauth, found)
                    if token := self._usable(found, client, refused, due=due):
                        return token
                    lease = self._ctx.new_id("lse")
                    if await access.take_lease(self._ctx, project_id, account_id, found.access.version, lease):
                        break
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise AccessError(
                "hiring_team.unavailable",
                f"Another process has asked for an access token to {self._oauth.api} and has no answer yet.",
                wait=RETRY,
            ) from None
        return await self._ask(found, client, lease)

    async def _ask(self, found: Loaded, client: Client, lease: str) -> str:
        """Asks for new tokens under a lease, and stores the answer."""
        try:
            tokens = await self._request(client, _form(found, client))
        except AccessError as error:
            return await self._refused(found, client, lease, error)
        if await self._store(found, client, tokens):
            return tokens.access_token
        newer = await self._load(found.account.project_id, found.account.id)
        return newer.access.access_token or tokens.access_token

    async def _refused(self, found: Loaded, client: Client, lease: str, error: AccessError) -> str:
        """
        Stores the failure of a request for tokens.

        Raises:
            AccessError: `error`, unless another process has stored newer tokens meanwhile.
        """
        newer = await self._load(found.account.project_id, found.account.id)
        if newer.access.version != found.access.version and newer.access.is_valid and newer.access.access_token:
            return newer.access.access_token
        is_refusal = error.code == "hiring_team.token_refused"
        retry_after = error.wait or (REFUSED_RETRY if is_refusal else RETRY)
        if is_refusal:
            await access.report(self._ctx, found, error)
        digest = client.digest(self._ctx.pepper)
        await access.end_lease(self._ctx, found.account.id, lease, retry_after=retry_after, client_hash=digest)
        if is_refusal and error.wait is None and not client.is_customers:
            await access.end_tokens(self._ctx, found)
        raise error

    async def _request(self, client: Client, form: Mapping[str, str]) -> Tokens:
        # RFC 6749 has both parts form-encoded first; ATSs document and expect them as they are
        basic = base64.b64encode(f"{client.id}:{client.secret}".encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        request = Request("POST", self._url, headers, urlencode(form).encode())
        try:
            answer = await self._out.send(request, deadline=DEADLINE_S)
        except RemoteError as error:
            raise AccessError("hiring_team.unavailable", f"{self._oauth.api}: {error.reason}", wait=RETRY) from None
        return oauth_answers.read_tokens(self._oauth, answer, is_code=form["grant_type"] == "authorization_code")

    async def _store(
        self, found: Loaded, client: Client, tokens: Tokens, *, is_new: bool = False, connected_by: str | None = None
    ) -> bool:
        """Stores answered tokens; tries for some seconds, since the refresh token before them does not work again."""
        for left in reversed(range(STORE_TRIES)):
            try:
                return await access.save_tokens(
                    self._ctx,
                    found,
                    tokens,
                    client=client.identity,
                    client_hash=client.digest(self._ctx.pepper),
                    is_new=is_new,
                    connected_by=connected_by,
                )
            except Unavailable:
                if not left:
                    log.error("tokens_not_stored", account=found.account.id, next_step="authorise the account again")
                    raise
                await asyncio.sleep(STORE_PAUSE_S)
        raise AssertionError  # pragma: no cover - the loop returns or raises


async def finish_requests() -> None:
    """Waits for the requests for tokens in flight: their answers are stored before the process ends."""
    loop = asyncio.get_running_loop()
    if running := [task for task in _running if task.get_loop() is loop]:
        await asyncio.wait(running, timeout=WAIT_S)


def _form(found: Loaded, client: Client) -> dict[str, str]:
    if not client.is_customers:
        return {"grant_type": "refresh_token", "refresh_token": str(found.access.refresh_token)}
    return {"grant_type": "client_credentials", **({"sub": client.subject} if client.subject else {})}


async def _shielded(work: Coroutine[Any, Any, T]) -> T:
    """Awaits work that goes on when the caller is cancelled: an answered pair of tokens must be stored."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_done)
    return await asyncio.shield(task)


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # the caller has it, unless it was cancelled
