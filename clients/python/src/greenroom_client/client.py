"""The two clients: the generated ones, with an API key and with limits on the time of a call."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from greenroom_client.api import AsyncClient, Client
from greenroom_client.api.errors import APIStatusError
from greenroom_client.models import Fault

if TYPE_CHECKING:
    import httpx2

    from greenroom_client.api.protocols._async_helpers import AsyncProtocolHelpers
    from greenroom_client.api.protocols._helpers import ProtocolHelpers

#: seconds for each attempt of a call; the gateway answers within five, but for a list endpoint of yours that is slow
TIMEOUT_S = 15.0
#: seconds for a call with all its attempts and the waits between them
TOTAL_TIMEOUT_S = 60.0


class Greenroom(Client):
    """
    A client of one project, for synchronous code: `Greenroom("https://greenroom.example.com", "gk_…")`.

    It repeats a call up to `max_retries` times after 408, 429 and 5xx and where no connection was made, with growing
    waits, or with those that `Retry-After` demands. A POST is repeated only with an `Idempotency-Key`, which the
    client makes for each call where the API takes one.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_S,
        total_timeout: float | None = TOTAL_TIMEOUT_S,
        max_retries: int = 2,
        http_client: httpx2.Client | None = None,
    ) -> None:
        """Opens no connection yet; `http_client` brings a proxy or certificates of your own."""
        super().__init__(
            base_url=base_url, basic=(api_key, ""), timeout=timeout, total_timeout=total_timeout,
            max_retries=max_retries, http_client=http_client, default_headers={"user-agent": _user_agent()},
        )  # fmt: skip

    @property
    def pages(self) -> ProtocolHelpers:
        """The lists in pages: `pages.orders.iterate()` yields every order."""
        return self.protocols


class AsyncGreenroom(AsyncClient):
    """A client of one project, for asynchronous code; the same as `Greenroom`, with coroutines."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_S,
        total_timeout: float | None = TOTAL_TIMEOUT_S,
        max_retries: int = 2,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        """Opens no connection yet; `http_client` brings a proxy or certificates of your own."""
        super().__init__(
            base_url=base_url, basic=(api_key, ""), timeout=timeout, total_timeout=total_timeout,
            max_retries=max_retries, http_client=http_client, default_headers={"user-agent": _user_agent()},
        )  # fmt: skip

    @property
    def pages(self) -> AsyncProtocolHelpers:
        """The lists in pages: `pages.orders.iterate()` yields every order."""
        return self.protocols


def get_fault(error: APIStatusError) -> Fault | None:
    """Returns the gateway's refusal, with `message`, `error_code` and `errors`; None for an answer of a proxy."""
    return error.body if isinstance(error.body, Fault) else None


def _user_agent() -> str:
    return f"greenroom-client/{version('greenroom-client')} python"
